-- Every available item in the order of how much people took it in the window, over all and within its category.
-- Grain: one row per segment and rank. One actor's weight on one item is capped, so that one client cannot make a hit.
-- Items nobody took come last, in the order of their id, with score 0: a list can always be filled from here. What a
-- rule blocks is left out; what a rule pins has its rank among all.
with taken as (
    select
        item_id,
        actor,
        least(sum(weight), cast($max_pair_weight * 1000000 as bigint)) as weight
    from actions
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
    left join ruled_items on items.item_id = ruled_items.item_id and ruled_items.rule = 'block'
    where items.is_available and ruled_items.item_id is null
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
),

pins as (
    select
        'all' as segment,
        ruled_items.item_id,
        ruled_items.value as rank,
        row_number() over (order by ruled_items.value asc) as ordinal
    from ruled_items
    inner join weighed on ruled_items.item_id = weighed.item_id
    where ruled_items.rule = 'pin'
),

ordered as (
    select
        segmented.segment,
        segmented.item_id,
        segmented.weight,
        row_number() over (
            partition by segmented.segment order by segmented.weight desc, segmented.item_id asc
        ) as place
    from segmented
    left join pins on segmented.segment = pins.segment and segmented.item_id = pins.item_id
    where pins.item_id is null
),

-- How many ranks the pinned have taken before the places from one on.
taken_ranks as (
    select
        segment,
        rank - ordinal as places_before,
        max(ordinal) as pinned
    from pins
    group by segment, rank - ordinal
),

placed as (
    select
        ordered.segment,
        ordered.item_id,
        ordered.weight,
        ordered.place + coalesce(taken_ranks.pinned, 0) as slot
    from ordered
    asof left join taken_ranks
        on
            ordered.segment = taken_ranks.segment
            and ordered.place > taken_ranks.places_before
    union all
    select
        pins.segment,
        pins.item_id,
        weighed.weight,
        pins.rank as slot
    from pins
    inner join weighed on pins.item_id = weighed.item_id
)

select
    cast(segment as varchar) as segment,
    cast(row_number() over (partition by segment order by slot asc) as integer) as rank,
    cast(item_id as varchar) as item_id,
    cast(weight / 1000000.0 as double) as score
from placed
order by segment, rank
