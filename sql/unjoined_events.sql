-- The hour's events that stand alone: searches after which nothing was taken, and events on items in no catalog. They
-- are accepted and counted; nothing is learnt from them but, for a search, that its actor is looking for what others
-- took after the same one.
-- Grain: one row per event of the hour.
select
    cast(event_id as varchar) as event_id,
    cast(case event_type when 'search' then 'search_without_click' else 'unknown_item' end as varchar) as reason
from profiled_events
where not is_reference and not is_joined
order by event_id
