-- Searches and clicks of the 2011 Best Buy mobile log (Xbox games) that happened in the hour.
-- Grain: one row per event; a line of train.csv or test.csv is a click and the search before it, a line of
-- kaggle_test_queries.csv is a search. A search with several clicks is delivered once per click, under one event id.
-- A time that cannot be read takes the line's place in its file: the time of the readable line before it.
with clicked_lines as (
    select
        'train.csv' as file_name,
        row_number() over () + 1 as line,
        "user" as user_id,
        sku,
        query,
        click_time,
        query_time
    from read_csv($url || '/train.csv', all_varchar = true, header = true, delim = ',', quote = '"', escape = '"')
    union all
    select
        'test.csv' as file_name,
        row_number() over () + 1 as line,
        "user" as user_id,
        sku,
        query,
        click_time,
        query_time
    from read_csv($url || '/test.csv', all_varchar = true, header = true, delim = ',', quote = '"', escape = '"')
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
        "user" as user_id,
        query,
        query_time
    from read_csv(
        $url || '/kaggle_test_queries.csv', all_varchar = true, header = true, delim = ',', quote = '"', escape = '"'
    )
),

happened as (
    select
        file_name || ':' || line || '/click' as locator,
        file_name || ':' || line || '/click' as event_id,
        file_name,
        line,
        user_id,
        'click' as event_type,
        null as query,
        sku as item_id,
        click_time as occurred_at
    from clicked_lines
    union all
    select
        file_name || ':' || line || '/search' as locator,
        'search-' || md5(concat_ws('|', user_id, query_time, query)) as event_id,
        file_name,
        line,
        user_id,
        'search' as event_type,
        query,
        null as item_id,
        query_time as occurred_at
    from searched_lines
),

placed as (
    select
        *,
        coalesce(
            try_cast(occurred_at as timestamp),
            last_value(try_cast(occurred_at as timestamp) ignore nulls) over lines_before,
            first_value(try_cast(occurred_at as timestamp) ignore nulls) over lines_after
        ) as delivered_at
    from happened
    window
        lines_before as (
            partition by file_name order by line
            rows between unbounded preceding and current row
        ),
        lines_after as (
            partition by file_name order by line
            rows between current row and unbounded following
        )
)

select
    locator,
    event_id,
    user_id,
    null as session_id,
    event_type,
    query,
    item_id,
    null as quantity,
    null as position,
    occurred_at,
    null as ingested_at,
    null as excluded
from placed
where
    delivered_at >= cast($start as timestamp)
    and delivered_at < cast($end as timestamp)
order by locator
