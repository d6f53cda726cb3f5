-- What each user bought in the window, and when last; it is not recommended again unless a rule says from when on.
-- Grain: one row per user and item.
select
    cast(user_id as varchar) as user_id,
    cast(item_id as varchar) as item_id,
    cast(max(last_at) as timestamptz) as last_at
from window_actions
where event_type = 'purchase' and user_id is not null and item_id is not null
group by user_id, item_id
order by user_id, item_id
