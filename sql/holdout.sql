-- The item that each of a fixed share of users took last, hidden from every derived table so that the model can be
-- judged by it.
-- Grain: one row per held-out user; users with fewer than three known items in the window are left alone.
with people as (
    select
        user_id,
        count(*) as rows_of_user
    from window_actions
    group by user_id
),

-- Asked of each user once: without the count DuckDB asks it of every row of the window, which takes five times as long.
examined as (
    select user_id
    from people
    where rows_of_user > 0 and is_examined(user_id, $holdout_share)
),

known as (
    select
        window_actions.user_id,
        window_actions.item_id,
        max(window_actions.last_at) as last_at,
        arg_max(event_types.event_type, (event_types.weight, event_types.event_type)) as event_type,
        max(event_types.weight) as weight
    from window_actions
    inner join event_types on window_actions.event_type = event_types.event_type
    inner join items on window_actions.item_id = items.item_id
    inner join examined on window_actions.user_id = examined.user_id
    group by window_actions.user_id, window_actions.item_id
),

numbered as (
    select
        *,
        count(*) over (partition by user_id) as known_items,
        row_number() over (partition by user_id order by last_at desc, item_id desc) as from_last
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
