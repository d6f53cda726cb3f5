-- The hour's lists, without showing anybody: the popular list; what goes with its first item; what groups of
-- users, whose lists are led by the same category, are shown most (items that at least $least_users of them are shown);
-- how many places of users' lists each kind of reason filled. No user and no query is in it.
-- Grain: kind, name, rank.
with titled as (
    select
        item_id,
        coalesce(title, item_id) as title,
        coalesce(category, '(none)') as category
    from items
),

popular as (
    select
        'popular' as kind,
        'everybody' as name,
        popular_items.rank,
        titled.title,
        cast(null as bigint) as of_users,
        cast(null as bigint) as users
    from popular_items
    inner join titled using (item_id)
    where popular_items.segment = 'all' and popular_items.rank <= 6
),

alike as (
    select
        'similar' as kind,
        looked_at.title as name,
        similar_items.rank,
        titled.title,
        cast(null as bigint) as of_users,
        cast(null as bigint) as users
    from popular_items
    inner join similar_items using (item_id)
    inner join titled as looked_at on popular_items.item_id = looked_at.item_id
    inner join titled on similar_items.similar_item_id = titled.item_id
    where popular_items.segment = 'all' and popular_items.rank = 1 and similar_items.rank <= 6
),

listed as (
    select
        user_id,
        rank,
        item_id,
        regexp_extract(reason, '^\["([a-z_]+)"', 1) as code
    from user_recommendations
    where rank <= 10
),

led as (
    select
        listed.user_id,
        titled.category
    from listed
    inner join titled using (item_id)
    where listed.rank = 1
),

largest as (
    select
        category,
        count(*) as of_users
    from led
    group by category
    order by of_users desc, category asc
    limit 3
),

shown as (
    select
        largest.category,
        largest.of_users,
        titled.title,
        count(*) as users,
        row_number() over (partition by largest.category order by count(*) desc, titled.title asc) as rank
    from led
    inner join largest using (category)
    inner join listed using (user_id)
    inner join titled on listed.item_id = titled.item_id
    group by largest.category, largest.of_users, titled.item_id, titled.title
    having count(*) >= $least_users
),

grouped as (
    select
        'group' as kind,
        category as name,
        rank,
        title,
        of_users,
        users
    from shown
    where rank <= 6
),

reasons as (
    select
        'reason' as kind,
        code as name,
        1 as rank,
        cast(null as varchar) as title,
        cast(null as bigint) as of_users,
        count(*) as users
    from listed
    group by code
),

samples as (
    select
        kind,
        name,
        rank,
        title,
        of_users,
        users
    from popular
    union all
    select
        kind,
        name,
        rank,
        title,
        of_users,
        users
    from alike
    union all
    select
        kind,
        name,
        rank,
        title,
        of_users,
        users
    from grouped
    union all
    select
        kind,
        name,
        rank,
        title,
        of_users,
        users
    from reasons
)

select
    cast(kind as varchar) as kind,
    cast(name as varchar) as name,
    cast(rank as integer) as rank,
    cast(title as varchar) as title,
    cast(of_users as bigint) as of_users,
    cast(users as bigint) as users
from samples
order by kind asc, of_users desc, name asc, rank asc
