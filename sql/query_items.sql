-- What people took after typing a query; nothing in the tiers that leave searches out.
-- Grain: one row per normalised query and item. `takers` counts the users or sessions that took the item after the
-- query; weight is in millionths of one search.
with taken as (
    select
        query,
        item_id,
        actor,
        least(sum(weight), cast($max_pair_weight * 1000000 as bigint)) as weight
    from actions
    where item_id is not null and query is not null and $tier = 'full'
    group by query, item_id, actor
)

select
    cast(query as varchar) as query,
    cast(item_id as varchar) as item_id,
    cast(sum(weight) as bigint) as weight,
    cast(count(*) as bigint) as takers
from taken
where weight > 0
group by query, item_id
order by query, item_id
