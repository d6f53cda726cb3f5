-- From when on each item of the log's catalog could be bought or could not; of rows of the same moment the last counts.
-- Grain: one row per item and valid_from.
select
    cast(item_id as varchar) as item_id,
    cast(valid_from as timestamptz) as valid_from,
    cast(coalesce(lower(trim(is_available)) not in ('false', 'f', '0'), true) as boolean) as can_be_bought
from log_catalog
qualify row_number() over (partition by item_id, valid_from order by "row" desc) = 1
