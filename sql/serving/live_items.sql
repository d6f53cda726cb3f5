-- The catalog of the live version.
-- Grain: source, arm, item_id.
create view live_items as
select
    live.source,
    live.arm,
    live.version,
    items.item_id,
    items.title,
    items.category,
    items.brand,
    items.price,
    items.currency,
    items.is_available,
    items.updated_at
from live
inner join items on live.version = items.version
