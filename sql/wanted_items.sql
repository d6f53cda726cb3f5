-- What users took in the hour: the different items of the catalog that each of them clicked, put in the cart or bought.
-- A list is scored by how much of it is in there. place is the item's place in the popular list of the hour whose lists
-- are scored, from 0; -1 for what could not be listed then. is_new: the user had not met it when those lists were made.
-- is_head: it is one of the most popular items that make up half of all that was taken.
-- Grain: one row per user and item.
with taken as (
    select distinct
        user_id,
        item_id
    from hour_events
    where
        event_type <> 'search'
        and user_id is not null
        and item_id in (select items.item_id from items)
),

-- In whole millionths, so that the sums are exact.
weighed as (
    select
        item_id,
        rank,
        cast(round(score * 1000000) as bigint) as weight
    from popular_items
    where segment = 'all'
),

summed as (
    select
        item_id,
        rank,
        sum(weight) over (order by rank asc) - weight as weight_before,
        sum(weight) over () as total
    from weighed
)

select
    cast(taken.user_id as varchar) as user_id,
    cast(taken.item_id as varchar) as item_id,
    cast(coalesce(summed.rank - 1, -1) as integer) as place,
    cast(
        met.item_id is null and holdout.item_id is null and bought.item_id is null as boolean
    ) as is_new,
    cast(coalesce(summed.weight_before * 2 < summed.total, false) as boolean) as is_head
from taken
left join interactions as met
    on
        taken.user_id = met.user_id
        and taken.item_id = met.item_id
        and met.kind <> 'search'
left join holdout
    on
        taken.user_id = holdout.user_id
        and taken.item_id = holdout.item_id
left join bought
    on
        taken.user_id = bought.user_id
        and taken.item_id = bought.item_id
left join summed on taken.item_id = summed.item_id
order by taken.user_id, taken.item_id
