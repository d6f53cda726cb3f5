-- What the demonstration shop's log received in the hour, as it was delivered: duplicates, late rows and nonsense too.
-- Grain: one row per delivered row of the log. The hour is that of ingested_at, which the shop's server sets;
-- occurred_at is whatever the client sent.
select
    'events/' || cast(row_id as text) as locator,
    event_id,
    user_id,
    session_id,
    event_type,
    query,
    item_id,
    cast(quantity as text) as quantity,
    cast(position as text) as position,
    occurred_at,
    ingested_at,
    cast(null as text) as excluded,
    cast(ingested_at as text) as delivered_at
from events
where
    ingested_at >= $start
    and ingested_at < $end
order by ingested_at, row_id
