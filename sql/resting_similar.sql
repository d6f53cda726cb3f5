-- The lists of similar items of the hour before of the items whose list rests.
-- Grain: one row per item and similar item.
select
    cast(similar_then.item_id as varchar) as item_id,
    cast(similar_then.similar_item_id as varchar) as similar_item_id,
    cast(similar_then.score as double) as score
from similar_then
inner join resting_items on similar_then.item_id = resting_items.item_id
order by item_id, similar_item_id
