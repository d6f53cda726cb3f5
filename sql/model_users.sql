-- Who has a vector this hour, and whose has to be computed: of users who did something since the model before, of those
-- whom it does not know, and of those with a hidden item, for it may have known another one.
-- Grain: one row per user of the interactions.
with present as (
    select distinct user_id
    from interactions
),

busy as (
    select distinct user_id
    from recent_events
    where user_id is not null
)

select
    cast(present.user_id as varchar) as user_id,
    cast(
        present.user_id in (select busy.user_id from busy)
        or present.user_id in (select held_out.user_id from held_out)
        or known_users.user_id is null as boolean
    ) as has_news,
    cast(is_examined(present.user_id, $holdout_share) as boolean) as is_examined
from present
left join known_users on present.user_id = known_users.user_id
order by present.user_id
