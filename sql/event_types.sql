-- The event types there are and what one of each is worth, from the seed file.
-- Grain: one row per event type.
select
    cast(event_type as varchar) as event_type,
    cast(weight as bigint) as weight
from read_csv($seed, header = true, all_varchar = true)
order by event_type
