-- Which items have a column in the model, and which of them the model before learnt: those that it only guessed from
-- their attributes were met by nobody then.
-- Grain: one row per item that somebody met whom the model may learn from.
with met as (
    select distinct item_id
    from interactions
    where not is_examined(user_id, $holdout_share)
),

met_before as (
    select distinct item_id
    from interactions_before
    where not is_examined(user_id, $holdout_share)
)

select
    cast(met.item_id as varchar) as item_id,
    cast(known_items.item_id is not null and met_before.item_id is not null as boolean) as is_known
from met
left join met_before on met.item_id = met_before.item_id
left join known_items on met.item_id = known_items.item_id
order by met.item_id
