-- Items that the hour's events name and the catalog does not: accepted and counted, but nothing is learnt from them.
-- Grain: one row per item.
select
    cast(hour_events.item_id as varchar) as item_id,
    cast(count(*) as bigint) as events
from hour_events
left join items on hour_events.item_id = items.item_id
where hour_events.item_id is not null and items.item_id is null
group by hour_events.item_id
order by item_id
