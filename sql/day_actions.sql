-- What the events of one day of delivery come to, out of what those of its hours do.
-- Grain: one row per actor, user, event type, query and item. weight is in billionths of one search as of counted_at,
-- the end of the day.
select
    cast(user_id as varchar) as user_id,
    cast(actor as varchar) as actor,
    cast(event_type as varchar) as event_type,
    cast(query as varchar) as query,
    cast(item_id as varchar) as item_id,
    cast(sum(events) as bigint) as events,
    cast(max(last_at) as timestamptz) as last_at,
    cast(
        sum(
            cast(
                round(weight * pow(0.5, (hour_number($day_end) - hour_number(counted_at)) / $half_life_hours)) as bigint
            )
        ) as bigint
    ) as weight,
    cast($day_end as timestamptz) as counted_at
from hour_actions
group by user_id, actor, event_type, query, item_id
order by actor, event_type, query, item_id, user_id
