-- Accepted events of one delivery hour.
-- Grain: one row per event id; of several deliveries of one id the first counts, also when it came within the
-- look-back.
-- lag_seconds runs from when the event occurred to the end of the hour that delivered it; null for a replayed event.
select
    cast(event_id as varchar) as event_id,
    cast(user_id as varchar) as user_id,
    cast(session_id as varchar) as session_id,
    cast(event_type as varchar) as event_type,
    cast(query as varchar) as query,
    cast(item_id as varchar) as item_id,
    cast(quantity as bigint) as quantity,
    cast(position as bigint) as position,
    cast(occurred_at as timestamptz) as occurred_at,
    cast(ingested_at as timestamptz) as ingested_at,
    cast(lag_seconds as bigint) as lag_seconds
from typed_events
where
    excluded is null
    and row not in (select refused.row from refused)
    and row not in (select repeated_events.row from repeated_events)
order by event_id
