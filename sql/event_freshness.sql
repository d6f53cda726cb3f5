-- How old the hour's accepted events were when they had landed, and when lists that know them were first published.
-- A step that was not reached has no row. An event that occurred after the moment, by a clock that is ahead, is 0 old.
-- Grain: one row per step.
with steps as (
    select
        'landed' as step,
        cast($landed_at as timestamptz) as reached_at
    union all
    select
        'published' as step,
        cast($published_at as timestamptz) as reached_at
),

aged as (
    select
        steps.step,
        greatest(epoch_ms(steps.reached_at) - epoch_ms(events.occurred_at), 0) / 1000.0 as age_seconds
    from events
    inner join steps on steps.reached_at is not null
)

select
    cast(step as varchar) as step,
    cast(count(*) as bigint) as events,
    cast(quantile_cont(age_seconds, 0.50) as double) as p50_seconds,
    cast(quantile_cont(age_seconds, 0.95) as double) as p95_seconds,
    cast(quantile_cont(age_seconds, 0.99) as double) as p99_seconds,
    cast(max(age_seconds) as double) as worst_seconds,
    cast(count(*) filter (where age_seconds > $objective_seconds) / count(*) as double) as share_late
from aged
group by step
order by step
