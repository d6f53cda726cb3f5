-- What one hour delivers, out of a pull that may span several; everything is still text.
-- Its own rows, but for those that a later hour has delivered already; and of the landed hours that it looks back on
-- the rows that no hour has delivered yet. An hour that is computed again delivers what it did the first time.
-- Grain: one row per delivered row, numbered in the order in which the source handed them over.
with numbered as (
    select
        *,
        row_number() over () as place,
        try_cast(delivered_at as timestamptz) as belongs_at
    from pulled
),

marked as (
    select
        *,
        belongs_at >= $hour_start and belongs_at < $hour_end as is_own,
        belongs_at >= $look_back_start
        and belongs_at < $hour_start
        and list_contains(cast($landed_hours as timestamptz[]), date_trunc('hour', belongs_at)) as is_looked_back_on,
        coalesce(locator in (select before.locator from delivered_before as before), false) as is_delivered_before,
        coalesce(locator in (select later.locator from delivered_after as later), false) as is_delivered_after,
        coalesce(locator in (select again.locator from delivered_again as again), false) as is_delivered_again
    from numbered
),

-- Sorted once: a window with an order of its own would sort the wide rows a second time.
chosen as (
    select *
    from marked
    where
        case
            when $is_again then is_delivered_again
            when is_own then not is_delivered_after
            when is_looked_back_on then not (is_delivered_before or is_delivered_after)
            else false
        end
    order by place
)

select
    row_number() over () as row,
    locator,
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
    excluded,
    delivered_at
from chosen
