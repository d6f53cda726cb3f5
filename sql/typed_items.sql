-- A delivered catalog snapshot with types; text that cannot be read becomes null, or a price of 0, which no rule
-- allows.
-- Grain: one row per delivered row.
select
    row,
    locator,
    clean(item_id) as item_id,
    clean(title) as title,
    clean(category) as category,
    clean(brand) as brand,
    case
        when clean(price) is null then null
        when isfinite(try_cast(price as double)) then cast(price as double)
        else 0
    end as price,
    upper(clean(currency)) as currency,
    case lower(trim(is_available))
        when 'true' then true
        when 't' then true
        when '1' then true
        when 'false' then false
        when 'f' then false
        when '0' then false
    end as is_available,
    read_moment(trim(updated_at)) as updated_at,
    read_moment(trim(snapshot_at)) as snapshot_at
from delivered
order by row
