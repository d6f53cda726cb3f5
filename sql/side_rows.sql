-- What else says which items belong together: what people took after typing a query, and what the catalog says of them.
-- Grain: one row per side row and item; kind is query, category, brand or word, name the query or attribute.
-- weight is in millionths of one search for queries, and one search for every attribute.
with queried as (
    select
        'query' as kind,
        query as name,
        item_id,
        weight
    from query_items
    where $query_rows_weight > 0
),

title_words as (
    select
        item_id,
        unnest(words_of(title)) as word
    from items
),

described as (
    select
        'category' as kind,
        category as name,
        item_id
    from items
    where category is not null
    union all
    select
        'brand' as kind,
        brand as name,
        item_id
    from items
    where brand is not null
    union all
    select
        'word' as kind,
        word as name,
        item_id
    from title_words
),

listed as (
    select
        kind,
        name,
        item_id,
        weight
    from queried
    union all
    select
        kind,
        name,
        item_id,
        1000000 as weight
    from described
    where $attribute_rows_weight > 0
)

select
    cast(kind as varchar) as kind,
    cast(name as varchar) as name,
    cast(item_id as varchar) as item_id,
    cast(weight as bigint) as weight
from listed
order by kind, name, item_id
