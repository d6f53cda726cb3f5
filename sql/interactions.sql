-- How much each user cares for each item at the hour's end, from what the user did. Users who met few items are also
-- given, more weakly, what their searches point at: each of the twenty items most taken after a query is given the
-- share of the search that it has in all that was taken after it. Nobody in tier popular, which has no model.
-- Grain: one row per user and item. weight is in millionths of one search; kind is the strongest thing the user did
-- with the item (search when there is nothing else), query is the search behind it, where there is one.
with done as (
    select
        linked_events.user_id,
        linked_events.item_id,
        sum(linked_events.weight) as weight,
        arg_max(
            linked_events.event_type, (event_types.weight, linked_events.occurred_at, linked_events.event_id)
        ) as kind,
        arg_max(linked_events.query, (linked_events.occurred_at, linked_events.event_id)) as query,
        max(linked_events.occurred_at) as last_at
    from linked_events
    inner join event_types on linked_events.event_type = event_types.event_type
    where linked_events.user_id is not null and linked_events.item_id is not null
    group by linked_events.user_id, linked_events.item_id
),

knows_enough as (
    select user_id
    from done
    group by user_id
    having count(*) >= $few_items
),

searched as (
    select
        linked_events.user_id,
        linked_events.query,
        sum(linked_events.weight) as weight,
        max(linked_events.occurred_at) as last_at
    from linked_events
    left join knows_enough on linked_events.user_id = knows_enough.user_id
    where
        linked_events.user_id is not null
        and linked_events.event_type = 'search'
        and linked_events.query is not null
        and knows_enough.user_id is null
    group by linked_events.user_id, linked_events.query
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
    cast(coalesce(done.kind, 'search') as varchar) as kind,
    cast(coalesce(done.query, implied.query) as varchar) as query,
    cast(greatest(done.last_at, implied.last_at) as timestamptz) as last_at
from done
full outer join implied
    on
        done.user_id = implied.user_id
        and done.item_id = implied.item_id
where coalesce(done.weight, 0) + coalesce(implied.weight, 0) > 0 and $tier <> 'popular' -- noqa: RF02
order by user_id, item_id
