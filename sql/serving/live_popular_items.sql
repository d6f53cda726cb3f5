-- What everyone else is shown now.
-- Grain: source, arm, segment, rank.
create view live_popular_items as
select
    live.source,
    live.arm,
    live.version,
    popular_items.segment,
    popular_items.rank,
    popular_items.item_id,
    popular_items.score
from live
inner join popular_items on live.version = popular_items.version
