-- The catalog of a log over time: what is said of an item from valid_from until its next row, from snapshots at the end
-- of each hour. A change counts from the source's own updated_at where that lies between the two snapshots, else from
-- the later one; an item that a snapshot no longer holds can no longer be bought.
-- Grain: one row per change of an item, everything but valid_from as the source spells it.
with numbered as (
    select
        *,
        dense_rank() over (order by shown_at asc) as snapshot,
        row(title, category, brand, price, currency, is_available) as said
    from shown_items
    qualify row_number() over (
        partition by shown_at, item_id order by read_moment(trim(updated_at)) desc nulls last, locator desc
    ) = 1
),

shown as (
    select distinct
        snapshot,
        shown_at
    from numbered
),

compared as (
    select
        numbered.*,
        before.shown_at as shown_before,
        after.shown_at as shown_after,
        lag(numbered.snapshot) over of_item as snapshot_before,
        lag(numbered.said) over of_item as said_before,
        lead(numbered.snapshot) over of_item as snapshot_after
    from numbered
    left join shown as before on numbered.snapshot = before.snapshot + 1
    left join shown as after on numbered.snapshot = after.snapshot - 1
    window of_item as (partition by numbered.item_id order by numbered.snapshot asc)
),

changes as (
    select
        *,
        case
            when
                read_moment(trim(updated_at)) <= shown_at
                and (shown_before is null or read_moment(trim(updated_at)) >= shown_before)
                then read_moment(trim(updated_at))
            else shown_at
        end as valid_from
    from compared
    where snapshot_before is distinct from snapshot - 1 or said_before is distinct from said
    union all
    select
        * replace ('false' as is_available),
        shown_after as valid_from
    from compared
    where shown_after is not null and snapshot_after is distinct from snapshot + 1
)

select
    cast(item_id as varchar) as item_id,
    cast(title as varchar) as title,
    cast(category as varchar) as category,
    cast(brand as varchar) as brand,
    cast(price as varchar) as price,
    cast(currency as varchar) as currency,
    cast(is_available as varchar) as is_available,
    cast(updated_at as varchar) as updated_at,
    cast(valid_from as timestamptz) as valid_from
from changes
order by valid_from, item_id
