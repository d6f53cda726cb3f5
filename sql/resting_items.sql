-- Items whose list of similar ones of the hour before may stand, as far as the items in it say.
-- Grain: one row per item; least is the lowest score of the list, which whatever is new has to beat.
with own as (
    select
        similar_then.item_id,
        similar_then.similar_item_id,
        similar_then.score
    from similar_then
    inner join still_items on similar_then.item_id = still_items.item_id
    where similar_then.reason = '["similar"]'
)

select
    cast(item_id as varchar) as item_id,
    cast(min(score) as double) as least
from own
group by item_id
having
    count(*) = $k
    and not bool_or(similar_item_id in (select lost_items.item_id from lost_items))
order by item_id
