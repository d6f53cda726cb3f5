-- The pairs that a model has to see to take in what is new: those of users with news and those of items that it did not
-- know.
-- Grain: one row per user and item.
select
    cast(interactions.user_id as varchar) as user_id,
    cast(interactions.item_id as varchar) as item_id,
    cast(interactions.weight as bigint) as weight,
    cast(interactions.kind as varchar) as kind,
    cast(model_users.is_examined as boolean) as is_examined
from interactions
inner join model_users on interactions.user_id = model_users.user_id
left join model_items on interactions.item_id = model_items.item_id
where model_users.has_news or not coalesce(model_items.is_known, true)
order by user_id, item_id
