-- What is offered now and was not in the earlier catalog.
-- Grain: one row per item.
select cast(items.item_id as varchar) as item_id
from items
left join earlier_items on items.item_id = earlier_items.item_id
where items.is_available and earlier_items.item_id is null
order by items.item_id
