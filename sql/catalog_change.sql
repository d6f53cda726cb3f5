-- How a catalog snapshot differs from the nearest earlier one.
-- Grain: one row. An item is gone when no delivered row has its id; one that was delivered and refused is not. Prices
-- are compared where both snapshots have one in the same currency.
with paired as (
    select
        earlier_items.item_id,
        earlier_items.item_id not in (
            select typed_items.item_id
            from typed_items
            where typed_items.item_id is not null
        ) as is_gone,
        items.price,
        earlier_items.price as earlier_price,
        coalesce(items.currency, '') = coalesce(earlier_items.currency, '') as is_same_currency
    from earlier_items
    left join items on earlier_items.item_id = items.item_id
),

compared as (
    select
        item_id,
        is_gone,
        is_same_currency
        and (price > $price_jump_factor * earlier_price or price * $price_jump_factor < earlier_price) as has_jumped
    from paired
)

select
    cast(count(*) filter (where is_gone) as bigint) as items_vanished,
    cast(count(*) filter (where has_jumped) as bigint) as prices_jumped,
    cast(min(item_id) filter (where has_jumped) as varchar) as first_jumped
from compared
