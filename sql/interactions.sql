-- How much each user cares for each item at the hour's end, from what the user did. Users who met few items are also
-- given, more weakly, what their searches point at: each of the twenty items most taken after a query is given the
-- share of the search that it has in all that was taken after it. Nobody in tier popular, which has no model.
-- Grain: one row per user and item. weight is in millionths of one search; kind is the strongest thing the user did
-- with the item (search when there is nothing else), query is the search behind it, where there is one.
with done as (
    select
        actions.user_id,
        actions.item_id,
        sum(actions.weight) as weight,
        max(event_types.strength) as strength,
        arg_max(actions.query, (actions.last_at, actions.query)) as query,
        max(actions.last_at) as last_at
    from actions
    inner join event_types on actions.event_type = event_types.event_type
    where actions.user_id is not null and actions.item_id is not null
    group by actions.user_id, actions.item_id
),

knows_enough as (
    select user_id
    from done
    group by user_id
    having count(*) >= $few_items
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
)

select
    cast(coalesce(done.user_id, implied.user_id) as varchar) as user_id,
    cast(coalesce(done.item_id, implied.item_id) as varchar) as item_id,
    cast(
        least(
            coalesce(done.weight, 0) + coalesce(implied.weight, 0), cast($max_pair_weight * 1000000 as bigint)
        ) as bigint
    ) as weight,
    cast(coalesce(event_types.event_type, 'search') as varchar) as kind,
    cast(coalesce(done.query, implied.query) as varchar) as query,
    cast(greatest(done.last_at, implied.last_at) as timestamptz) as last_at
from done
full outer join implied
    on
        done.user_id = implied.user_id
        and done.item_id = implied.item_id
left join event_types on done.strength = event_types.strength
where coalesce(done.weight, 0) + coalesce(implied.weight, 0) > 0 and $tier <> 'popular' -- noqa: RF02
order by user_id, item_id
