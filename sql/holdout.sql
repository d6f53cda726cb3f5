-- The item that each of a fixed share of users took last, hidden from every derived table so that the model can be
-- judged by it.
-- Grain: one row per held-out user; users with fewer than three known items in the window are left alone.
with examined as (
    select user_id
    from (select distinct window_events.user_id from window_events) as users
    where is_examined(user_id, $holdout_share)
),

known as (
    select
        window_events.user_id,
        window_events.item_id,
        max(window_events.occurred_at) as occurred_at,
        arg_max(event_types.event_type, (event_types.weight, window_events.occurred_at)) as event_type,
        max(event_types.weight) as weight
    from window_events
    inner join event_types on window_events.event_type = event_types.event_type
    inner join items on window_events.item_id = items.item_id
    inner join examined on window_events.user_id = examined.user_id
    group by window_events.user_id, window_events.item_id
),

numbered as (
    select
        *,
        count(*) over (partition by user_id) as known_items,
        row_number() over (partition by user_id order by occurred_at desc, item_id desc) as from_last
    from known
)

select
    cast(user_id as varchar) as user_id,
    cast(item_id as varchar) as item_id,
    cast(event_type as varchar) as kind,
    cast(weight * 1000000 as bigint) as weight
from numbered
where from_last = 1 and known_items >= 3
order by user_id
