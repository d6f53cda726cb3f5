-- Each item's list of similar ones: by the model, then popular ones of the same category, then popular ones.
-- Grain: one row per catalog item and rank; every list holds min(k, other available items) different items. Items that
-- are not available have a list too, because people still look at them, but stand in nobody's. Filled rows score 0.
with candidates as (
    select
        scored_items.item_id,
        scored_items.similar_item_id,
        1 as part,
        0 as popular_rank,
        scored_items.score,
        '["similar"]' as reason
    from scored_items
    inner join items on scored_items.similar_item_id = items.item_id
    where items.is_available
),

model_counts as (
    select
        items.item_id,
        items.category,
        count(candidates.similar_item_id) as places_filled
    from items
    left join candidates on items.item_id = candidates.item_id
    group by items.item_id, items.category
    having count(candidates.similar_item_id) < $k
),

fill as (
    select
        model_counts.item_id,
        popular_items.item_id as similar_item_id,
        case when popular_items.segment = 'all' then 3 else 2 end as part,
        popular_items.rank as popular_rank,
        0.0 as score,
        case
            when popular_items.segment = 'all' then '["popular"]'
            else cast(to_json(['popular', model_counts.category]) as varchar)
        end as reason
    from model_counts
    inner join popular_items
        on
            popular_items.segment in ('all', 'category:' || model_counts.category)
            and popular_items.rank <= $k + 1
    where popular_items.item_id <> model_counts.item_id
),

merged as (
    select * from candidates
    union all
    select * from fill
),

distinct_items as (
    select *
    from merged
    qualify row_number() over (
        partition by item_id, similar_item_id order by part asc, popular_rank asc
    ) = 1
),

numbered as (
    select
        *,
        row_number() over (
            partition by item_id order by part asc, score desc, popular_rank asc, similar_item_id asc
        ) as place
    from distinct_items
    qualify place <= $k
)

select
    cast(item_id as varchar) as item_id,
    cast(place as integer) as rank,
    cast(similar_item_id as varchar) as similar_item_id,
    cast(score as double) as score,
    cast(reason as varchar) as reason
from numbered
order by item_id, rank
