-- Items that go with an item, now.
-- Grain: source, arm, item_id, rank.
create view live_similar_items as
select
    live.source,
    live.arm,
    live.version,
    similar_items.item_id,
    similar_items.rank,
    similar_items.similar_item_id,
    similar_items.score,
    similar_items.reason
from live
inner join similar_items on live.version = similar_items.version
