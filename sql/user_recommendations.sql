-- Each user's list: what the model found, filled from the popular list where that is too short.
-- Grain: one row per user and rank; every list holds min(k, eligible) different items, where eligible is what is
-- available and was not bought. Scores of filled rows are 0: they say nothing about the user.
with found as (
    select
        scored_items.user_id,
        scored_items.item_id,
        scored_items.score,
        scored_items.reason,
        row_number() over (
            partition by scored_items.user_id order by scored_items.score desc, scored_items.item_id asc
        ) as place
    from scored_items
    inner join items on scored_items.item_id = items.item_id
    left join bought
        on
            scored_items.user_id = bought.user_id
            and scored_items.item_id = bought.item_id
    where items.is_available and bought.item_id is null
    qualify place <= $k
),

purchases as (
    select
        user_id,
        count(*) as items_bought
    from bought
    group by user_id
),

short_users as (
    select
        listed_users.user_id,
        count(found.item_id) as places_filled,
        coalesce(any_value(purchases.items_bought), 0) as items_bought
    from listed_users
    left join found on listed_users.user_id = found.user_id
    left join purchases on listed_users.user_id = purchases.user_id
    group by listed_users.user_id
    having count(found.item_id) < $k
),

fill as (
    select
        short_users.user_id,
        popular_items.item_id,
        0.0 as score,
        '["popular"]' as reason,
        short_users.places_filled + row_number() over (
            partition by short_users.user_id order by popular_items.rank asc
        ) as fill_place
    from short_users
    inner join popular_items
        on
            popular_items.segment = 'all'
            and popular_items.rank <= $k + short_users.items_bought
    left join found
        on
            short_users.user_id = found.user_id
            and popular_items.item_id = found.item_id
    left join bought
        on
            short_users.user_id = bought.user_id
            and popular_items.item_id = bought.item_id
    where found.item_id is null and bought.item_id is null
    qualify fill_place <= $k
),

listed as (
    select
        user_id,
        place,
        item_id,
        score,
        reason
    from found
    union all
    select
        user_id,
        fill_place as place,
        item_id,
        score,
        reason
    from fill
)

select
    cast(user_id as varchar) as user_id,
    cast(place as integer) as rank,
    cast(item_id as varchar) as item_id,
    cast(score as double) as score,
    cast(reason as varchar) as reason
from listed
order by user_id, rank
