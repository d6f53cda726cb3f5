-- The read contract: what is shown to a user, after a query or beside an item, from one version, whatever is missing.
-- An own list comes first; then what others took after the searches of the session (queries from the newest to the
-- oldest, their lists in turn), then the popular items of a segment, then those of everyone. What fills an own list up
-- stands with its like. Every item once, only what can be bought, and never the item that is looked at.
-- What comes later is looked up only where the own list leaves room for it: searches and segment come before what fills
-- it up, the popular items of everyone after that.
-- The version is named and not looked up, so that PostgreSQL plans for its partition alone; live_version says which one
-- is live in the same snapshot: where it is another, ask again with that.
-- Grain: rank. One row without a rank when the version has nothing to show; none when nothing is published.
with found as (
    select
        'personal' as source,
        rank,
        item_id,
        score,
        reason
    from user_recommendations
    where version = $version and user_id = cast($user as text)
    union all
    select
        'query' as source,
        rank,
        item_id,
        score,
        reason
    from query_recommendations
    where version = $version and query = cast($query as text)
    union all
    select
        'similar' as source,
        rank,
        similar_item_id as item_id,
        score,
        reason
    from similar_items
    where version = $version and item_id = cast($item as text)
),

own as materialized (
    select
        case
            when found.reason = '["popular"]' then 'popular'
            when substr(found.reason, 1, 11) = '["popular",' then 'segment'
            when found.source = 'personal' and substr(found.reason, 1, 11) = '["searched"' then 'searches'
            else found.source
        end as source,
        case
            when found.reason = '["popular"]' then 4
            when substr(found.reason, 1, 11) = '["popular",' then 3
            else 1
        end as tier,
        found.rank,
        found.item_id,
        found.score,
        found.reason,
        items.title,
        items.category,
        items.price,
        items.currency
    from found
    inner join items on found.item_id = items.item_id
    where
        items.version = $version
        and items.is_available
        and found.item_id is distinct from cast($item as text)
),

added as (
    select
        'searches' as source,
        2 as tier,
        case query
            when cast($query_1 as text) then 1
            when cast($query_2 as text) then 2
            when cast($query_3 as text) then 3
            when cast($query_4 as text) then 4
            else 5
        end as place,
        rank,
        item_id,
        score,
        reason
    from query_recommendations
    where
        version = $version
        and query in (
            cast($query_1 as text),
            cast($query_2 as text),
            cast($query_3 as text),
            cast($query_4 as text),
            cast($query_5 as text)
        )
        and reason <> '["popular"]'
        and cast($query_1 as text) is not null
        and cast($k as integer) > (
            select count(distinct own.item_id)
            from own
            where own.tier = 1
        )
    union all
    select
        'segment' as source,
        3 as tier,
        0 as place,
        rank,
        item_id,
        score,
        '["popular"]' as reason
    from popular_items
    where
        version = $version
        and segment in (
            cast($segment as text),
            'category:' || cast($segment as text),
            (
                select 'category:' || items.category
                from items
                where items.version = $version and items.item_id = cast($item as text)
            )
        )
        and (cast($segment as text) is not null or cast($item as text) is not null)
        and cast($k as integer) > (
            select count(distinct own.item_id)
            from own
            where own.tier = 1
        )
    union all
    select
        'popular' as source,
        4 as tier,
        0 as place,
        rank,
        item_id,
        score,
        '["popular"]' as reason
    from popular_items
    where
        version = $version
        and segment = 'all'
        and cast($k as integer) > (select count(distinct own.item_id) from own)
),

candidates as (
    select
        source,
        tier,
        0 as is_added,
        0 as place,
        rank,
        item_id,
        score,
        reason,
        title,
        category,
        price,
        currency
    from own
    union all
    select
        added.source,
        added.tier,
        1 as is_added,
        added.place,
        added.rank,
        added.item_id,
        added.score,
        added.reason,
        items.title,
        items.category,
        items.price,
        items.currency
    from added
    inner join items on added.item_id = items.item_id
    where
        items.version = $version
        and items.is_available
        and added.item_id is distinct from cast($item as text)
),

numbered as (
    select
        source,
        tier,
        is_added,
        place,
        rank,
        item_id,
        score,
        reason,
        title,
        category,
        price,
        currency,
        row_number() over (partition by item_id order by tier, is_added, rank, place) as occurrence
    from candidates
),

listed as (
    select
        row_number() over (order by tier, is_added, rank, place) as rank,
        item_id,
        title,
        category,
        price,
        currency,
        score,
        reason,
        source
    from numbered
    where occurrence = 1
)

select
    live.version as live_version,
    listed.rank,
    listed.item_id,
    listed.title,
    listed.price,
    listed.currency,
    listed.score,
    case
        when listed.source = 'segment' and listed.reason = '["popular"]' then listed.category
    end as segment_name,
    listed.reason,
    listed.source
from live
left join listed on listed.rank <= cast($k as integer)
where live.source = $source and live.arm = $arm
order by listed.rank
