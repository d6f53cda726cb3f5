-- Every item over time, as validity intervals: what a row says is true from the hour valid_from up to, not including,
-- the hour valid_to. Hours that captured no snapshot do not break an interval; an item that a snapshot no longer holds
-- ends its own; valid_to is null for what the newest snapshot still says. Of one item, or of all when $item_id is null.
-- Grain: item_id, valid_from.
with captured as (
    select
        hour,
        filename,
        row_number() over (order by hour) as place,
        lead(hour) over (order by hour) as next_hour
    from captured_hours
),

described as (
    select
        captured.place,
        captured.hour,
        captured.next_hour,
        snapshots.item_id,
        {
            'title': snapshots.title,
            'category': snapshots.category,
            'brand': snapshots.brand,
            'price': snapshots.price,
            'currency': snapshots.currency,
            'is_available': snapshots.is_available
        } as body
    from captured
    inner join snapshots on captured.filename = snapshots.filename
    where $item_id is null or snapshots.item_id = $item_id -- noqa: RF02
),

compared as (
    select
        *,
        coalesce(lag(place) over item = place - 1 and lag(body) over item = body, false) as goes_on
    from described
    window item as (partition by item_id order by place)
),

numbered as (
    select
        *,
        count(*) filter (where not goes_on) over (partition by item_id order by place) as interval_number
    from compared
)

select
    cast(item_id as varchar) as item_id,
    cast(min(hour) as timestamptz) as valid_from,
    cast(case when count(next_hour) = count(*) then max(next_hour) end as timestamptz) as valid_to,
    cast(any_value(body).title as varchar) as title,
    cast(any_value(body).category as varchar) as category,
    cast(any_value(body).brand as varchar) as brand,
    cast(any_value(body).price as double) as price,
    cast(any_value(body).currency as varchar) as currency,
    cast(any_value(body).is_available as boolean) as is_available
from numbered
group by item_id, interval_number
order by item_id, valid_from
