-- Which of the events that somebody wants to replay count already: they were accepted from another row, or wait in an
-- inbox.
-- Grain: one row per event id.
select distinct cast(typed_events.event_id as varchar) as event_id
from typed_events
where
    typed_events.event_id in (select landed_events.event_id from landed_events)
    or typed_events.event_id in (select trim(waiting_events.event_id) from waiting_events)
order by event_id
