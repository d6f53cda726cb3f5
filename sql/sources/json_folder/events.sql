-- Events of one JSON file of the folder events/<day>/<hour>/, which says when they were delivered.
-- Grain: one row per record of the file.
-- A line that is no JSON is handed over as a row of nothing, which the rules refuse.
select
    $file_name || ':' || (row_number() over ()) as locator,
    json ->> 'event_id' as event_id,
    json ->> 'user_id' as user_id,
    json ->> 'session_id' as session_id,
    json ->> 'event_type' as event_type,
    json ->> 'query' as query,
    json ->> 'item_id' as item_id,
    json ->> 'quantity' as quantity,
    json ->> 'position' as position,
    json ->> 'occurred_at' as occurred_at,
    json ->> 'ingested_at' as ingested_at,
    cast(null as varchar) as excluded,
    split_part($file_name, '/', 2) || ' ' || split_part($file_name, '/', 3) || ':00:00' as delivered_at
from read_json_objects($file, format = 'newline_delimited', ignore_errors = true)
