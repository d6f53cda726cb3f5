-- How an arm answered each read of the log, and the one cause for which a read was not good. stale is a list whose
-- data lay further behind than the objective: how far, its version's run says, and the arm only where no run does.
-- Grain: one row per t and user_id of the log.
with asked as (
    select distinct
        t,
        user_id
    from log_reads
),

answered as (
    select
        reads.t,
        reads.user_id,
        reads.status,
        reads.items,
        reads.latency_ms,
        reads.served_reason,
        coalesce(epoch(reads.t - cutoffs.data_cutoff), reads.list_age_seconds) as age_seconds
    from reads
    left join cutoffs on reads.version = cutoffs.version
    qualify row_number() over (partition by reads.t, reads.user_id order by reads."row") = 1
)

select
    cast(asked.t as timestamptz) as t,
    cast(asked.user_id as varchar) as user_id,
    cast(
        case
            when answered.status is null then 'unanswered'
            when answered.status >= 500 then '5xx'
            when answered.status >= 400 then '4xx'
            when answered.status not between 200 and 299 then 'other status'
            when answered.items = 0 then 'empty'
            when answered.age_seconds > $stale_seconds then 'stale'
            else 'good'
        end as varchar
    ) as outcome,
    cast(coalesce(answered.items > 0 and answered.status between 200 and 299, false) as boolean) as is_shown,
    cast(
        coalesce(
            answered.status between 200 and 299 and answered.served_reason in ('popular', 'fallback'), false
        ) as boolean
    ) as is_fallback,
    cast(answered.latency_ms as double) as latency_ms,
    cast(answered.age_seconds as double) as age_seconds
from asked
left join answered on asked.t = answered.t and asked.user_id = answered.user_id
order by asked.t, asked.user_id
