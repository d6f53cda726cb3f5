-- The interactions as a model needs them: whose it are, and whether it may learn of items from them.
-- Grain: one row per user and item.
select
    cast(user_id as varchar) as user_id,
    cast(item_id as varchar) as item_id,
    cast(weight as bigint) as weight,
    cast(kind as varchar) as kind,
    cast(is_examined(user_id, $holdout_share) as boolean) as is_examined
from interactions
order by user_id, item_id
