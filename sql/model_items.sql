-- Which items have a column in the model, and which of them the model before learnt: those that it only guessed from
-- their attributes were met by nobody then.
-- Grain: one row per item that somebody met whom the model may learn from.
with everyone as (
    select user_id
    from interactions
    union
    select user_id
    from interactions_before
),

-- Who is examined is asked of each user once: without the count DuckDB asks it of every pair, which takes three times
-- as long.
users as (
    select
        user_id,
        count(*) as times
    from everyone
    group by user_id
),

taught as (
    select user_id
    from users
    where times > 0 and not is_examined(user_id, $holdout_share)
),

met as (
    select distinct interactions.item_id
    from interactions
    inner join taught on interactions.user_id = taught.user_id
),

met_before as (
    select distinct interactions_before.item_id
    from interactions_before
    inner join taught on interactions_before.user_id = taught.user_id
)

select
    cast(met.item_id as varchar) as item_id,
    cast(known_items.item_id is not null and met_before.item_id is not null as boolean) as is_known
from met
left join met_before on met.item_id = met_before.item_id
left join known_items on met.item_id = known_items.item_id
order by met.item_id
