-- Events of one Parquet file of the folder events/<day>/<hour>/, which says when they were delivered.
-- Grain: one row per row of the file.
select
    $file_name || ':' || (row_number() over ()) as locator,
    read_id(event_id) as event_id,
    read_id(user_id) as user_id,
    read_id(session_id) as session_id,
    cast(event_type as varchar) as event_type,
    cast(query as varchar) as query,
    read_id(item_id) as item_id,
    cast(quantity as varchar) as quantity,
    cast(position as varchar) as position,
    cast(occurred_at as varchar) as occurred_at,
    cast(ingested_at as varchar) as ingested_at,
    cast(null as varchar) as excluded,
    split_part($file_name, '/', 2) || ' ' || split_part($file_name, '/', 3) || ':00:00' as delivered_at
from read_parquet($file)
