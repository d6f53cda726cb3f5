-- The catalog in one CSV file of the folder items/<day>/<hour>/: the files of an hour together are the whole of it.
-- Grain: one row per record, the header being the first of the file.
select
    $file_name || ':' || (row_number() over () + 1) as locator,
    item_id,
    title,
    category,
    brand,
    price,
    currency,
    is_available,
    updated_at
from
    read_csv(
        $file, all_varchar = true, header = true, skip = 0, comment = '', delim = ',', quote = '"', escape = '"',
        max_line_size = 16777216
    )
