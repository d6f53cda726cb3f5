-- What people took after typing a query; nothing in the tiers that leave searches out.
-- Grain: one row per normalised query and item. `searchers` counts the users or sessions that typed the query,
-- `users` only the users among them, `takers` those who took the item after it; weight is in millionths of one search.
with typed as (
    select
        query,
        count(distinct actor) as searchers,
        count(distinct user_id) as users
    from linked_events
    where event_type = 'search' and query is not null
    group by query
),

taken as (
    select
        query,
        item_id,
        actor,
        least(sum(weight), cast($max_pair_weight * 1000000 as bigint)) as weight
    from linked_events
    where item_id is not null and query is not null and $tier = 'full'
    group by query, item_id, actor
)

select
    cast(taken.query as varchar) as query,
    cast(taken.item_id as varchar) as item_id,
    cast(sum(taken.weight) as bigint) as weight,
    cast(count(*) as bigint) as takers,
    cast(coalesce(any_value(typed.searchers), 0) as bigint) as searchers,
    cast(coalesce(any_value(typed.users), 0) as bigint) as users
from taken
left join typed on taken.query = typed.query
where taken.weight > 0
group by taken.query, taken.item_id
order by query, item_id
