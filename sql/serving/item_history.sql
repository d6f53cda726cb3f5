-- Every item over time, as published: what a row says is true from the hour that starts at valid_from up to, not
-- including, the one that starts at valid_to (null: still true). Of an hour that was published several times the last
-- version counts; hours without one do not break an interval. Ask for one item_id; over all items it is long.
-- Grain: source, arm, item_id, valid_from.
create view item_history as
with published as (
    select
        versions.version,
        versions.source,
        versions.arm,
        versions.interval_start,
        row_number() over (
            partition by versions.source, versions.arm, versions.interval_start
            order by versions.token desc, versions.version asc
        ) as attempt
    from versions
    where
        versions.status = 'published'
        and exists (
            select 1
            from items
            where items.version = versions.version
        )
),

chain as (
    select
        published.version,
        published.source,
        published.arm,
        published.interval_start,
        row_number() over (
            partition by published.source, published.arm
            order by published.interval_start
        ) as place,
        lead(published.interval_start) over (
            partition by published.source, published.arm
            order by published.interval_start
        ) as next_start
    from published
    where published.attempt = 1
),

beside as (
    select
        chain.source,
        chain.arm,
        chain.interval_start,
        chain.next_start,
        chain.place,
        items.item_id,
        items.title,
        items.category,
        items.brand,
        items.price,
        items.currency,
        items.is_available,
        lag(chain.place) over item as earlier_place,
        lag(items.title) over item as earlier_title,
        lag(items.category) over item as earlier_category,
        lag(items.brand) over item as earlier_brand,
        lag(items.price) over item as earlier_price,
        lag(items.currency) over item as earlier_currency,
        lag(items.is_available) over item as earlier_is_available
    from chain
    inner join items on chain.version = items.version
    window item as (partition by chain.source, chain.arm, items.item_id order by chain.place)
),

marked as (
    select
        beside.*,
        case
            when
                beside.earlier_place = beside.place - 1
                and (beside.title = beside.earlier_title or coalesce(beside.title, beside.earlier_title) is null)
                and (
                    beside.category = beside.earlier_category
                    or coalesce(beside.category, beside.earlier_category) is null
                )
                and (beside.brand = beside.earlier_brand or coalesce(beside.brand, beside.earlier_brand) is null)
                and (beside.price = beside.earlier_price or coalesce(beside.price, beside.earlier_price) is null)
                and (
                    beside.currency = beside.earlier_currency
                    or coalesce(beside.currency, beside.earlier_currency) is null
                )
                and beside.is_available = beside.earlier_is_available
                then 0
            else 1
        end as begins
    from beside
),

numbered as (
    select
        marked.*,
        sum(marked.begins) over (
            partition by marked.source, marked.arm, marked.item_id
            order by marked.place
        ) as interval_number
    from marked
)

select
    numbered.source,
    numbered.arm,
    numbered.item_id,
    min(numbered.interval_start) as valid_from,
    case when count(numbered.next_start) = count(*) then max(numbered.next_start) end as valid_to,
    numbered.title,
    numbered.category,
    numbered.brand,
    numbered.price,
    numbered.currency,
    numbered.is_available
from numbered
group by
    numbered.source,
    numbered.arm,
    numbered.item_id,
    numbered.interval_number,
    numbered.title,
    numbered.category,
    numbered.brand,
    numbered.price,
    numbered.currency,
    numbered.is_available
