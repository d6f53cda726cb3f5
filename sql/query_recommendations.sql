-- Each frequent query's list: first what it is answered with by what people took after it and after its words, then
-- what the model finds near that, then the popular items.
-- Grain: one row per normalised query and rank; every list holds min(k, available) different items. Scores count down
-- through the three parts: 1 + share of the answer, then the model's score between 1 and 0, then 0.
with answered as (
    select
        query_answers.query,
        query_answers.item_id,
        1 + query_answers.score as score,
        case
            when query_answers.is_taken then cast(to_json(['searched', query_answers.query]) as varchar)
            else '["searched"]'
        end as reason
    from query_answers
    inner join listed_queries on query_answers.query = listed_queries.query
    inner join items on query_answers.item_id = items.item_id
    where items.is_available
),

candidates as (
    select
        query,
        item_id,
        1 as part,
        score,
        reason
    from answered
    union all
    select
        scored_items.query,
        scored_items.item_id,
        2 as part,
        scored_items.score,
        scored_items.reason
    from scored_items
    inner join items on scored_items.item_id = items.item_id
    left join answered
        on
            scored_items.query = answered.query
            and scored_items.item_id = answered.item_id
    where items.is_available and answered.item_id is null
),

found as (
    select
        *,
        row_number() over (partition by query order by part asc, score desc, item_id asc) as place
    from candidates
    qualify place <= $k
),

short_queries as (
    select
        listed_queries.query,
        count(found.item_id) as places_filled
    from listed_queries
    left join found on listed_queries.query = found.query
    group by listed_queries.query
    having count(found.item_id) < $k
),

fill as (
    select
        short_queries.query,
        popular_items.item_id,
        0.0 as score,
        '["popular"]' as reason,
        short_queries.places_filled + row_number() over (
            partition by short_queries.query order by popular_items.rank asc
        ) as fill_place
    from short_queries
    inner join popular_items on popular_items.segment = 'all' and popular_items.rank <= $k
    left join found
        on
            short_queries.query = found.query
            and popular_items.item_id = found.item_id
    where found.item_id is null
    qualify fill_place <= $k
),

listed as (
    select
        query,
        place,
        item_id,
        case part when 1 then score else greatest(least(score, 1.0), 0.0) end as score,
        reason
    from found
    union all
    select
        query,
        fill_place as place,
        item_id,
        score,
        reason
    from fill
)

select
    cast(listed.query as varchar) as query,
    cast(listed.place as integer) as rank,
    cast(listed.item_id as varchar) as item_id,
    cast(listed.score as double) as score,
    cast(listed.reason as varchar) as reason,
    cast(listed_queries.is_common as boolean) as is_common
from listed
inner join listed_queries on listed.query = listed_queries.query
order by query, rank
