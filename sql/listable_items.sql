-- What can stand in a list of the hour whose lists are scored, the most popular first; category as this hour has it.
-- Grain: one row per item.
select
    cast(popular_items.item_id as varchar) as item_id,
    cast(popular_items.score as double) as score,
    cast(items.category as varchar) as category
from popular_items
left join items on popular_items.item_id = items.item_id
where popular_items.segment = 'all'
order by popular_items.rank
