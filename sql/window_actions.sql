-- What everybody did in the window, but for busy actors, and what it is worth at the hour's end.
-- Grain: one row per actor, user, event type, query, item and file of sums (a whole day, or an hour of the first and
-- the last day), in no order. weight is in whole millionths of one search, so that sums are exact in any order.
select
    cast(user_id as varchar) as user_id,
    cast(actor as varchar) as actor,
    cast(event_type as varchar) as event_type,
    cast(query as varchar) as query,
    cast(item_id as varchar) as item_id,
    cast(last_at as timestamptz) as last_at,
    cast(
        round(weight * pow(0.5, (hour_number($hour_end) - hour_number(counted_at)) / $half_life_hours) / 1000) as bigint
    ) as weight
from landed_actions
where actor not in (select busy_actors.actor from busy_actors)
