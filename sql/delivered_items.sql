-- The catalog that the source delivered for one hour; everything is still text.
-- Grain: one row per delivered row, numbered in the order in which the source handed them over.
select
    row_number() over () as row,
    locator,
    item_id,
    title,
    category,
    brand,
    price,
    currency,
    is_available,
    updated_at,
    snapshot_at
from pulled
