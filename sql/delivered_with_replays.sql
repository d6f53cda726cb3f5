-- What is delivered in an hour that has an inbox: the rows of the source, and behind them those that somebody replays.
-- Grain: one row per delivered row, numbered.
select
    row,
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
from delivered
union all
select
    (select count(*) from delivered) + row_number() over (order by locator) as row,
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
from replayed_events
order by row
