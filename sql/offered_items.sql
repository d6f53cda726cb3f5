-- The catalog as lists may use it: what is blocked counts as not available.
-- Grain: one row per item.
select
    cast(items.item_id as varchar) as item_id,
    cast(items.category as varchar) as category,
    cast(
        items.is_available and items.item_id not in (
            select ruled_items.item_id
            from ruled_items
            where ruled_items.rule = 'block'
        ) as boolean
    ) as is_available
from items
order by items.item_id
