-- Events of one CSV file of the folder events/<day>/<hour>/, which says when they were delivered.
-- Grain: one row per record, the header being the first of the file.
select
    $file_name || ':' || (row_number() over () + 1) as locator,
    event_id,
    user_id,
    session_id,
    event_type,
    query,
    item_id,
    quantity,
    position,
    occurred_at,
    ingested_at,
    cast(null as varchar) as excluded,
    split_part($file_name, '/', 2) || ' ' || split_part($file_name, '/', 3) || ':00:00' as delivered_at
from
    read_csv(
        $file, all_varchar = true, header = true, skip = 0, comment = '', delim = ',', quote = '"', escape = '"',
        max_line_size = 16777216
    )
