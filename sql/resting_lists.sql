-- The lists of the hour before of the users whose list rests.
-- Grain: one row per user and item.
select
    cast(lists_then.user_id as varchar) as user_id,
    cast(lists_then.item_id as varchar) as item_id,
    cast(lists_then.score as double) as score,
    cast(lists_then.reason as varchar) as reason
from lists_then
inner join resting_users on lists_then.user_id = resting_users.user_id
order by user_id, item_id
