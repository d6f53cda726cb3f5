-- The catalog in one Parquet file of the folder items/<day>/<hour>/: the files of an hour together are the whole of it.
-- Grain: one row per row of the file.
select
    $file_name || ':' || (row_number() over ()) as locator,
    read_id(item_id) as item_id,
    cast(title as varchar) as title,
    cast(category as varchar) as category,
    cast(brand as varchar) as brand,
    cast(price as varchar) as price,
    cast(currency as varchar) as currency,
    cast(is_available as varchar) as is_available,
    cast(updated_at as varchar) as updated_at
from read_parquet($file)
