-- How many places of the users' lists stay empty because a user bought so much that too little is left to recommend:
-- the sum of min(k, available) - min(k, available and not bought) over the users who have a list.
-- Grain: one row. No list can be longer than that, so a version whose lists lack more places is not filled.
with catalog as (
    select count(*) as available
    from items
    where is_available
),

listed as (
    select distinct user_id
    from user_recommendations
),

owned as (
    select
        bought.user_id,
        count(*) as items_bought
    from bought
    inner join items on bought.item_id = items.item_id
    inner join listed on bought.user_id = listed.user_id
    where items.is_available
    group by bought.user_id
)

select
    cast(
        coalesce(sum(least($k, catalog.available) - least($k, catalog.available - owned.items_bought)), 0) as bigint
    ) as empty_places
from owned
cross join catalog
order by empty_places
