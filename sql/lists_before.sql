-- The lists that are scored against what users took: those that were served, and simple ones that could have been.
-- served: the user's own. popular: the popular list. recent: what most people took in the hours just before. item_knn:
-- what is similar to the user's last items, the last one counting most, without what the user bought.
-- Grain: list, user_id, rank; user_id is null where everybody gets the same list. Only users in wanted_items; who has
-- no list of their own gets the popular one. place is the item's place in the popular list, from 0; served_reason, of
-- own lists, is the best source of their items, as the read contract names it.
with users as (
    select distinct user_id
    from wanted_items
),

popular as (
    select
        rank,
        item_id
    from popular_items
    where segment = 'all'
),

served as (
    select
        user_recommendations.user_id,
        user_recommendations.rank,
        user_recommendations.item_id,
        min(
            case
                when user_recommendations.reason like '["popular"%' then 3
                when user_recommendations.reason like '["searched"%' then 2
                else 1
            end
        ) over (partition by user_recommendations.user_id) as source
    from user_recommendations
    inner join users on user_recommendations.user_id = users.user_id
    where user_recommendations.rank <= $k
),

-- The pair that is held out is the user's last one.
known as (
    select
        interactions.user_id,
        interactions.item_id,
        0 as is_last,
        interactions.last_at
    from interactions
    inner join users on interactions.user_id = users.user_id
    where interactions.kind <> 'search'
    union all
    select
        holdout.user_id,
        holdout.item_id,
        1 as is_last,
        null as last_at
    from holdout
    inner join users on holdout.user_id = users.user_id
),

last_items as (
    select
        user_id,
        item_id,
        row_number() over (partition by user_id order by is_last desc, last_at desc, item_id asc) as recency
    from known
    qualify recency <= $last_items
),

-- In whole millionths, so that sums are exact in any order.
alike as (
    select
        last_items.user_id,
        similar_items.similar_item_id as item_id,
        sum(cast(round(similar_items.score * 1000000 / last_items.recency) as bigint)) as score
    from last_items
    inner join similar_items on last_items.item_id = similar_items.item_id
    inner join popular on similar_items.similar_item_id = popular.item_id
    left join bought
        on
            last_items.user_id = bought.user_id
            and similar_items.similar_item_id = bought.item_id
    where similar_items.reason not like '["popular"%' and bought.item_id is null
    group by last_items.user_id, similar_items.similar_item_id
),

purchases as (
    select
        bought.user_id,
        count(*) as items_bought
    from bought
    inner join users on bought.user_id = users.user_id
    group by bought.user_id
),

counts as (
    select
        user_id,
        count(*) as items_alike
    from alike
    group by user_id
),

short_users as (
    select
        users.user_id,
        coalesce(counts.items_alike, 0) + coalesce(purchases.items_bought, 0) as items_passed
    from users
    left join counts on users.user_id = counts.user_id
    left join purchases on users.user_id = purchases.user_id
    where coalesce(counts.items_alike, 0) < $k
),

fill as (
    select
        short_users.user_id,
        popular.item_id,
        popular.rank
    from short_users
    inner join popular on popular.rank <= $k + short_users.items_passed
    left join bought
        on
            short_users.user_id = bought.user_id
            and popular.item_id = bought.item_id
    left join alike
        on
            short_users.user_id = alike.user_id
            and popular.item_id = alike.item_id
    where bought.item_id is null and alike.item_id is null
),

merged as (
    select
        user_id,
        item_id,
        1 as part,
        score
    from alike
    union all
    select
        user_id,
        item_id,
        2 as part,
        -rank as score
    from fill
),

neighbours as (
    select
        user_id,
        item_id,
        row_number() over (partition by user_id order by part asc, score desc, item_id asc) as rank
    from merged
    qualify rank <= $k
),

lately as (
    select
        item_id,
        count(distinct coalesce(user_id, session_id)) as actors,
        max(occurred_at) as last_at
    from recent_events
    where event_type <> 'search' and item_id is not null
    group by item_id
),

recent as (
    select
        popular.item_id,
        row_number() over (
            order by coalesce(lately.actors, 0) desc, lately.last_at desc nulls last, popular.rank asc
        ) as recent_rank
    from popular
    left join lately on popular.item_id = lately.item_id
    qualify recent_rank <= $k
),

listed as (
    select
        'served' as list,
        user_id,
        rank,
        item_id,
        case source when 1 then 'personal' when 2 then 'searches' else 'popular' end as served_reason
    from served
    union all
    select
        'popular' as list,
        null as user_id,
        rank,
        item_id,
        null as served_reason
    from popular
    where rank <= $k
    union all
    select
        'recent' as list,
        null as user_id,
        recent_rank as rank,
        item_id,
        null as served_reason
    from recent
    union all
    select
        'item_knn' as list,
        user_id,
        rank,
        item_id,
        null as served_reason
    from neighbours
)

select
    cast(listed.list as varchar) as list,
    cast(listed.user_id as varchar) as user_id,
    cast(listed.rank as integer) as rank,
    cast(popular.rank - 1 as integer) as place,
    cast(listed.served_reason as varchar) as served_reason
from listed
inner join popular on listed.item_id = popular.item_id
order by listed.list, listed.user_id, listed.rank
