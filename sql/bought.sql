-- What each user bought in the window and so is not recommended again.
-- Grain: one row per user and item.
select distinct
    cast(user_id as varchar) as user_id,
    cast(item_id as varchar) as item_id
from window_events
where event_type = 'purchase' and user_id is not null and item_id is not null
order by user_id, item_id
