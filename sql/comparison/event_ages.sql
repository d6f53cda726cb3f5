-- How long each event took until a read could reflect it, of those that occurred a whole horizon before the log ended
-- (what becomes of later ones is not to be seen). Never below 0, as clocks of clients differ.
-- Grain: one row per event_id; age_seconds is null where no read ever could.
with visible as (
    select
        event_id,
        min(first_visible) as first_visible
    from event_visibility
    group by event_id
)

select
    cast(judged_events.event_id as varchar) as event_id,
    -- Not greatest() alone: it passes over null, and what is never seen would be seen at once.
    cast(
        case
            when visible.first_visible is not null
                then greatest(epoch(visible.first_visible - judged_events.occurred_at), 0)
        end as double
    ) as age_seconds
from judged_events
left join visible on judged_events.event_id = visible.event_id
where
    judged_events.occurred_at >= $log_start
    and judged_events.occurred_at + to_hours($horizon_hours) <= $log_end
order by judged_events.event_id
