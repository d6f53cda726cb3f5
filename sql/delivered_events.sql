-- What the source delivered in one hour, out of a pull that may span several; everything is still text.
-- Grain: one row per delivered row, numbered in the order in which the source handed them over.
select
    row_number() over () as row,
    locator,
    event_id,
    user_id,
    session_id,
    event_type,
    query,
    item_id,
    quantity,
    position,
    occurred_at,
    ingested_at,
    excluded,
    delivered_at
from pulled
where
    try_cast(delivered_at as timestamptz) >= $hour_start
    and try_cast(delivered_at as timestamptz) < $hour_end
