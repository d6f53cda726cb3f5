-- Who has a vector this hour, and whose has to be computed: of users who did something since the model before, of
-- those whom it does not know, of those with a hidden item, for it may have known another one, and of those whose
-- history holds other items, or hints of searches since or no more: the window moved on, or an hour behind has come.
-- Grain: one row per user of the interactions.
with present as (
    select
        user_id,
        bit_xor(case when kind <> 'search' then hash(item_id) end) as taken,
        bool_or(kind = 'search') as has_hints
    from interactions
    group by user_id
),

present_before as (
    select
        user_id,
        bit_xor(case when kind <> 'search' then hash(item_id) end) as taken,
        bool_or(kind = 'search') as has_hints
    from interactions_before
    group by user_id
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
        or known_users.user_id is null
        or present.taken is distinct from present_before.taken
        or present.has_hints is distinct from present_before.has_hints as boolean
    ) as has_news,
    cast(is_examined(present.user_id, $holdout_share) as boolean) as is_examined
from present
left join known_users on present.user_id = known_users.user_id
left join present_before on present.user_id = present_before.user_id
order by present.user_id
