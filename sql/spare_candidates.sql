-- What else may stand in a user's list when a cap leaves too few of its candidates: popular items of many categories,
-- no more of each than the cap lets in. They come after all candidates.
-- Grain: one row per user and item.
with ranked as (
    select
        everywhere.item_id,
        everywhere.rank
    from popular_items as everywhere
    left join popular_items as of_category
        on everywhere.item_id = of_category.item_id and of_category.segment <> 'all'
    where everywhere.segment = 'all' and coalesce(of_category.rank <= $largest_cap, true)
    qualify row_number() over (order by everywhere.rank) <= $spare_places
),

last_candidates as (
    select
        user_id,
        max(rank) as rank
    from candidates
    group by user_id
)

select
    cast(last_candidates.user_id as varchar) as user_id,
    cast(last_candidates.rank + ranked.rank as integer) as rank,
    cast(ranked.item_id as varchar) as item_id,
    cast(0.0 as double) as score,
    cast('["popular"]' as varchar) as reason
from last_candidates
cross join ranked
left join candidates on last_candidates.user_id = candidates.user_id and ranked.item_id = candidates.item_id
left join bought on last_candidates.user_id = bought.user_id and ranked.item_id = bought.item_id
where candidates.item_id is null and bought.item_id is null
order by last_candidates.user_id, last_candidates.rank + ranked.rank
