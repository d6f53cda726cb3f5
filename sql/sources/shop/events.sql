-- What the demonstration shop's log received in the hour, as it was delivered: duplicates, late rows and nonsense included.
-- Grain: one row per delivered row of the log. The hour is that of ingested_at, which the shop's server sets and indexes;
-- occurred_at is whatever the client sent.
select
    'events/' || cast(events.row_id as text) as locator,
    events.event_id,
    events.user_id,
    events.session_id,
    events.event_type,
    events.query,
    events.item_id,
    cast(events.quantity as text) as quantity,
    cast(events.position as text) as position,
    events.occurred_at,
    events.ingested_at,
    cast(null as text) as excluded
from events
where
    events.ingested_at >= $start
    and events.ingested_at < $end
order by events.ingested_at, events.row_id
