-- How much each user cares for each item at the hour's end, from what the user did. Users who met few items are also
-- given, more weakly, what their searches point at: each of the twenty items most taken after a query is given the
-- share of the search that it has in all that was taken after it. Nobody in tier popular, which has no model.
-- Grain: one row per user and item. weight is in millionths of one search; kind is the strongest thing the user did
-- with the item (search when there is nothing else), query is the search behind it, where there is one.
with searchers as (
    select distinct user_id
    from actions
    where user_id is not null and event_type = 'search' and query is not null
),

-- Only who searched is asked how much they know.
knows_enough as (
    select actions.user_id
    from actions
    inner join searchers on actions.user_id = searchers.user_id
    group by actions.user_id
    having count(distinct actions.item_id) >= $few_items
),

searched as (
    select
        actions.user_id,
        actions.query,
        sum(actions.weight) as weight,
        max(actions.last_at) as last_at
    from actions
    left join knows_enough on actions.user_id = knows_enough.user_id
    where
        actions.user_id is not null
        and actions.event_type = 'search'
        and actions.query is not null
        and knows_enough.user_id is null
    group by actions.user_id, actions.query
),

shares as (
    select
        query,
        item_id,
        weight,
        sum(weight) over (partition by query) as total
    from query_items
    qualify row_number() over (partition by query order by weight desc, item_id asc) <= 20
),

implied as (
    select
        searched.user_id,
        shares.item_id,
        sum(searched.weight * shares.weight // shares.total) as weight,
        arg_max(
            searched.query, (searched.weight * shares.weight // shares.total, searched.last_at, searched.query)
        ) as query,
        max(searched.last_at) as last_at
    from searched
    inner join shares on searched.query = shares.query
    left join held_out
        on
            searched.user_id = held_out.user_id
            and shares.item_id = held_out.item_id
    where held_out.item_id is null
    group by searched.user_id, shares.item_id
),

-- What was done and what is implied, to be added up together: two sums that are joined take a large shop longer.
-- Only what was done has a strength.
told as (
    select
        actions.user_id,
        actions.item_id,
        actions.weight,
        event_types.strength,
        actions.query,
        actions.last_at
    from actions
    inner join event_types on actions.event_type = event_types.event_type
    where actions.user_id is not null and actions.item_id is not null
    union all
    select
        user_id,
        item_id,
        weight,
        null as strength,
        query,
        last_at
    from implied
),

pairs as (
    select
        user_id,
        item_id,
        sum(weight) as weight,
        max(strength) as strength,
        arg_max(query, (strength is not null, last_at, query)) as query,
        max(last_at) as last_at
    from told
    group by user_id, item_id
    having sum(weight) > 0 and $tier <> 'popular'
)

select
    cast(pairs.user_id as varchar) as user_id,
    cast(pairs.item_id as varchar) as item_id,
    cast(least(pairs.weight, cast($max_pair_weight * 1000000 as bigint)) as bigint) as weight,
    cast(coalesce(event_types.event_type, 'search') as varchar) as kind,
    cast(pairs.query as varchar) as query,
    cast(pairs.last_at as timestamptz) as last_at
from pairs
left join event_types on pairs.strength = event_types.strength
order by user_id, item_id
