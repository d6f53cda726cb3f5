-- The items of the log's catalog: since when each is known, and how often it was taken in the whole log.
-- Grain: one row per item_id; place numbers them from 0.
with known as (
    select
        item_id,
        min(valid_from) as known_at
    from log_catalog
    group by item_id
),

counts as (
    select
        item_id,
        count(*) as taken
    from judged_events
    group by item_id
)

select
    cast(known.item_id as varchar) as item_id,
    cast(row_number() over (order by known.item_id) - 1 as integer) as place,
    cast(known.known_at as timestamptz) as known_at,
    cast(coalesce(counts.taken, 0) as bigint) as taken
from known
left join counts on known.item_id = counts.item_id
order by place
