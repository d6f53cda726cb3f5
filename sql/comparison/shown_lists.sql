-- The list that could be read so many hours before each read: the user's own, else that of everyone.
-- Grain: one row per read_id; list_id is null where there was none. age_seconds: how far its data lay behind the read.
with moments as (
    select
        read_id,
        user_id,
        t,
        t - to_seconds(cast($hours_before * 3600 as double)) as seen_at
    from judged_reads
),

lists_of_users as (
    select
        list_id,
        user_id,
        valid_from,
        valid_to
    from arm_lists
    where user_id is not null
),

lists_of_everyone as (
    select
        list_id,
        valid_from,
        valid_to
    from arm_lists
    where user_id is null
),

own as (
    select
        moments.read_id,
        lists_of_users.list_id
    from moments
    asof inner join lists_of_users
        on moments.user_id = lists_of_users.user_id and moments.seen_at >= lists_of_users.valid_from
    where lists_of_users.valid_to > moments.seen_at
),

everyone as (
    select
        moments.read_id,
        lists_of_everyone.list_id
    from moments
    asof inner join lists_of_everyone on moments.seen_at >= lists_of_everyone.valid_from
    where lists_of_everyone.valid_to > moments.seen_at
)

select
    cast(moments.read_id as integer) as read_id,
    cast(arm_lists.list_id as integer) as list_id,
    cast(epoch(moments.t - arm_lists.data_cutoff) as double) as age_seconds
from moments
left join own on moments.read_id = own.read_id
left join everyone on moments.read_id = everyone.read_id
left join arm_lists on coalesce(own.list_id, everyone.list_id) = arm_lists.list_id
order by moments.read_id
