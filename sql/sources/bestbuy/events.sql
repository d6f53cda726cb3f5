-- Searches and clicks of the 2011 Best Buy mobile log (Xbox games) that happened in the hour.
-- Grain: one row per event; a line of train.csv or test.csv is a click and the search before it, a line of
-- kaggle_test_queries.csv is a search. A search with several clicks is delivered once per click, under one event id.
-- A time that cannot be read takes the line's place in its file: the time of the readable line before it.
-- Columns are named with their file: a bare "user" would be DuckDB's own user where a file has no such column.
with clicked_lines as (
    select
        'train.csv' as file_name,
        row_number() over () + 1 as line,
        train."user" as user_id,
        train.sku,
        train.query,
        train.click_time,
        train.query_time
    from
        read_csv(
            $url || '/train.csv',
            all_varchar = true, header = true, skip = 0, comment = '', delim = ',', quote = '"', escape = '"'
        ) as train
    union all
    select
        'test.csv' as file_name,
        row_number() over () + 1 as line,
        test."user" as user_id,
        test.sku,
        test.query,
        test.click_time,
        test.query_time
    from
        read_csv(
            $url || '/test.csv',
            all_varchar = true, header = true, skip = 0, comment = '', delim = ',', quote = '"', escape = '"'
        ) as test
),

searched_lines as (
    select
        file_name,
        line,
        user_id,
        query,
        query_time
    from clicked_lines
    union all
    select
        'kaggle_test_queries.csv' as file_name,
        row_number() over () + 1 as line,
        searches."user" as user_id,
        searches.query,
        searches.query_time
    from
        read_csv(
            $url || '/kaggle_test_queries.csv',
            all_varchar = true, header = true, skip = 0, comment = '', delim = ',', quote = '"', escape = '"'
        ) as searches
),

happened as (
    select
        file_name,
        line,
        'click' as event_type,
        user_id,
        query,
        sku,
        click_time as occurred_at,
        try_cast(click_time as timestamp) as happened_at
    from clicked_lines
    union all
    select
        file_name,
        line,
        'search' as event_type,
        user_id,
        query,
        null as sku,
        query_time as occurred_at,
        try_cast(query_time as timestamp) as happened_at
    from searched_lines
),

dated as (
    select *
    from happened
    where happened_at is not null
),

oldest as (
    select min(happened_at) as happened_at
    from dated
),

undated as (
    select
        happened.*,
        coalesce(dated.happened_at, oldest.happened_at) as delivered_at
    from happened
    cross join oldest
    asof left join dated
        on
            happened.file_name = dated.file_name
            and happened.event_type = dated.event_type
            and happened.line >= dated.line
    where happened.happened_at is null
),

placed as (
    select
        *,
        happened_at as delivered_at
    from dated
    union all
    select * from undated
)

select
    file_name || ':' || line || '/' || event_type as locator,
    case event_type
        when 'search' then 'search-' || md5(concat_ws('|', user_id, occurred_at, query))
        else file_name || ':' || line || '/click'
    end as event_id,
    user_id,
    null as session_id,
    event_type,
    case when event_type = 'search' then query end as query,
    sku as item_id,
    null as quantity,
    null as position,
    occurred_at,
    null as ingested_at,
    null as excluded,
    delivered_at
from placed
where
    delivered_at >= cast($start as timestamp)
    and delivered_at < cast($end as timestamp)
order by file_name, line, event_type
