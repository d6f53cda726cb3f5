-- How much of their top 10 users keep who did nothing in the hour.
-- Grain: one row; kept is empty where there is no such user with a list before and now.
with quiet as (
    select distinct lists_then.user_id
    from lists_then
    left join hour_events on lists_then.user_id = hour_events.user_id
    where hour_events.user_id is null
),

served_now as (
    select distinct lists_now.user_id
    from lists_now
),

top_then as (
    select
        lists_then.user_id,
        lists_then.item_id
    from lists_then
    inner join quiet on lists_then.user_id = quiet.user_id
    inner join served_now on lists_then.user_id = served_now.user_id
    where lists_then.rank <= 10
),

kept as (
    select
        top_then.user_id,
        count(lists_now.item_id) / count(*) as share
    from top_then
    left join lists_now
        on
            top_then.user_id = lists_now.user_id
            and top_then.item_id = lists_now.item_id
            and lists_now.rank <= 10
    group by top_then.user_id
)

select
    cast(count(*) as bigint) as users,
    cast(avg(share) as double) as kept
from kept
