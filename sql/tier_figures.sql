-- What decides which tier of recommendations the window's data can carry.
-- Grain: one row. A search is what one actor typed, however often; it is joined when the actor then took an item of the
-- catalog that is not held out. Users are those who took such an item.
with typed as (
    select distinct
        actor,
        query
    from actions
    where event_type = 'search' and query is not null
),

taken as (
    select distinct
        actor,
        query
    from actions
    where event_type <> 'search' and query is not null and item_id is not null
),

searched as (
    select
        count(*) as searches,
        count(taken.actor) as joined_searches
    from typed
    left join taken
        on
            typed.actor = taken.actor
            and typed.query = taken.query
),

catalog as (
    select
        count(*) as items,
        count(title) as titled_items
    from items
),

takers as (
    select count(distinct user_id) as users
    from actions
    where item_id is not null
)

select
    cast(catalog.items as bigint) as items,
    cast(catalog.titled_items as bigint) as titled_items,
    cast(searched.searches as bigint) as searches,
    cast(searched.joined_searches as bigint) as joined_searches,
    cast(takers.users as bigint) as users
from catalog
cross join searched
cross join takers
order by items
