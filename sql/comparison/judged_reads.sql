-- Reads that lists are scored at: those whose user took something within the horizon after them, where the log covers
-- the horizon whole. is_warm: the user had taken something before.
-- Grain: one row per t and user_id; read_id numbers them from 0.
with asked as (
    select distinct
        t,
        user_id
    from log_reads
    where t + to_hours($horizon_hours) <= $log_end
),

firsts as (
    select
        user_id,
        min(occurred_at) as first_at
    from judged_events
    group by user_id
)

select
    cast(row_number() over (order by asked.t, asked.user_id) - 1 as integer) as read_id,
    cast(asked.t as timestamptz) as t,
    cast(asked.user_id as varchar) as user_id,
    cast(dense_rank() over (order by asked.user_id) - 1 as integer) as user_place,
    cast(firsts.first_at < asked.t as boolean) as is_warm
from asked
inner join firsts on asked.user_id = firsts.user_id
where
    exists (
        select 1
        from judged_events
        where
            judged_events.user_id = asked.user_id
            and judged_events.occurred_at > asked.t
            and judged_events.occurred_at <= asked.t + to_hours($horizon_hours)
    )
order by read_id
