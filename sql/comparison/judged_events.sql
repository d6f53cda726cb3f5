-- The events that arms are judged by: clicks, carts and purchases of the log that say who took which item of its
-- catalog when, each once. An event dated more than five minutes after it was delivered is nonsense.
-- Grain: one row per event_id; of several deliveries the first that can be understood.
with typed as (
    select
        event_id,
        user_id,
        event_type,
        item_id,
        try_cast(occurred_at as timestamptz) as occurred_at,
        delivered_at
    from log_events
    where
        event_id is not null
        and user_id is not null
        and list_contains($taking, event_type)
        and item_id in (select log_catalog.item_id from log_catalog)
)

select
    cast(event_id as varchar) as event_id,
    cast(user_id as varchar) as user_id,
    cast(event_type as varchar) as event_type,
    cast(item_id as varchar) as item_id,
    cast(occurred_at as timestamptz) as occurred_at,
    cast(delivered_at as timestamptz) as delivered_at
from typed
where occurred_at <= delivered_at + interval 5 minutes
qualify
    row_number() over (
        partition by event_id
        order by delivered_at asc, occurred_at asc, user_id asc, item_id asc, event_type asc
    ) = 1
order by event_id
