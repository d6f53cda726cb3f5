-- The event types there are and what one of each is worth, from the seed file.
-- Grain: one row per event type; strength is its place among them, the one that is worth most having the greatest.
select
    cast(event_type as varchar) as event_type,
    cast(weight as bigint) as weight,
    cast(row_number() over (order by cast(weight as bigint) asc, event_type asc) as bigint) as strength
from read_csv($seed, header = true, all_varchar = true)
order by event_type
