-- The catalog snapshot as of the end of the hour.
-- Grain: one row per item; of an item that was delivered twice the newest row counts, then the last delivered.
with standing as (
    select *
    from typed_items
    where row not in (select refused.row from refused)
),

numbered as (
    select
        *,
        row_number() over (partition by item_id order by updated_at desc nulls last, row desc) as delivery
    from standing
)

select
    cast(item_id as varchar) as item_id,
    cast(title as varchar) as title,
    cast(category as varchar) as category,
    cast(brand as varchar) as brand,
    cast(price as double) as price,
    cast(currency as varchar) as currency,
    cast(is_available as boolean) as is_available,
    cast(updated_at as timestamptz) as updated_at
from numbered
where delivery = 1
order by item_id
