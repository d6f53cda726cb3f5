-- What stands where in the lists of an arm.
-- Grain: one row per list_id and rank, up to rank k; place is the item's among the judged items, -1 without a catalog
-- row.
select
    cast(arm_lists.list_id as integer) as list_id,
    cast(recommendations.rank as integer) as rank,
    cast(coalesce(judged_items.place, -1) as integer) as place
from recommendations
inner join arm_lists
    on
        recommendations.version = arm_lists.version
        and recommendations.user_id is not distinct from arm_lists.user_id
left join judged_items on recommendations.item_id = judged_items.item_id
where recommendations.rank <= $k
order by arm_lists.list_id, recommendations.rank
