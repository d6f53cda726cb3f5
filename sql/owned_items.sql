-- What each user bought and is not shown again yet: for good, or for the days that a rule gives.
-- Grain: one row per user and item.
select
    cast(bought.user_id as varchar) as user_id,
    cast(bought.item_id as varchar) as item_id
from bought
left join ruled_items on bought.item_id = ruled_items.item_id and ruled_items.rule = 'rebuy'
where
    ruled_items.value is null
    or bought.last_at > cast($hour_end as timestamptz) - to_seconds(ruled_items.value * 86400)
order by bought.user_id, bought.item_id
