-- What is learnt from: what was done in the window, but for held-out pairs and items in no catalog.
-- Grain: that of window_actions, in no order.
select
    cast(window_actions.user_id as varchar) as user_id,
    cast(window_actions.actor as varchar) as actor,
    cast(window_actions.event_type as varchar) as event_type,
    cast(window_actions.query as varchar) as query,
    cast(window_actions.item_id as varchar) as item_id,
    cast(window_actions.last_at as timestamptz) as last_at,
    cast(window_actions.weight as bigint) as weight
from window_actions
left join held_out
    on
        window_actions.user_id = held_out.user_id
        and window_actions.item_id = held_out.item_id
where
    held_out.item_id is null
    and (window_actions.item_id is null or window_actions.item_id in (select items.item_id from items))
