-- Every available item in the order of how much people took it in the window, over all and within its category.
-- Grain: one row per segment and rank. One actor's weight on one item is capped, so that one client cannot make a hit.
-- Items nobody took come last, in the order of their id, with score 0: a list can always be filled from here.
with taken as (
    select
        item_id,
        actor,
        least(sum(weight), cast($max_pair_weight * 1000000 as bigint)) as weight
    from linked_events
    where item_id is not null
    group by item_id, actor
),

weighed as (
    select
        items.item_id,
        items.category,
        coalesce(sum(taken.weight), 0) as weight
    from items
    left join taken on items.item_id = taken.item_id
    where items.is_available
    group by items.item_id, items.category
),

segmented as (
    select
        'all' as segment,
        item_id,
        weight
    from weighed
    union all
    select
        'category:' || category as segment,
        item_id,
        weight
    from weighed
    where category is not null
)

select
    cast(segment as varchar) as segment,
    cast(row_number() over (partition by segment order by weight desc, item_id asc) as integer) as rank,
    cast(item_id as varchar) as item_id,
    cast(weight / 1000000.0 as double) as score
from segmented
order by segment, rank
