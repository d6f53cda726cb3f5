-- The catalog in one JSON file of the folder items/<day>/<hour>/: the files of an hour together are the whole of it.
-- Grain: one row per record of the file.
-- A line that is no JSON is handed over as a row of nothing, which the rules refuse.
select
    $file_name || ':' || (row_number() over ()) as locator,
    json ->> 'item_id' as item_id,
    json ->> 'title' as title,
    json ->> 'category' as category,
    json ->> 'brand' as brand,
    json ->> 'price' as price,
    json ->> 'currency' as currency,
    json ->> 'is_available' as is_available,
    json ->> 'updated_at' as updated_at
from read_json_objects($file, format = 'newline_delimited', ignore_errors = true)
