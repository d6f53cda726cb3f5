-- The demonstration shop's whole catalog as it stood when the hour ended, from the log of its changes.
-- Grain: one row per item that was ever listed before that moment; updated_at says since when the row is true, and
-- snapshot_at that it is known up to the last second of the last hour that was traded.
with newest as (
    select
        catalog.item_id,
        max(catalog.updated_at) as updated_at
    from catalog
    where catalog.updated_at < $end
    group by catalog.item_id
)

select
    'catalog/' || catalog.item_id || '/' || catalog.updated_at as locator,
    catalog.item_id,
    catalog.title,
    catalog.category,
    catalog.brand,
    cast(catalog.price as text) as price,
    catalog.currency,
    case when catalog.is_available then 'true' else 'false' end as is_available,
    catalog.updated_at,
    (
        select max(replace(traded_hours.hour, 'T', ' ')) || ':59:59'
        from traded_hours
        where replace(traded_hours.hour, 'T', ' ') || ':59:59' < $end
    ) as snapshot_at
from newest
inner join catalog
    on
        newest.item_id = catalog.item_id
        and newest.updated_at = catalog.updated_at
order by catalog.item_id
