-- The popular items in the order of how much people took them, whatever a rule pins.
-- Grain: one row per segment and rank.
select
    cast(segment as varchar) as segment,
    cast(row_number() over (partition by segment order by score desc, item_id asc) as integer) as rank,
    cast(item_id as varchar) as item_id,
    cast(score as double) as score
from popular_items
order by segment, rank
