-- What the hour's events look like beside those of the same hour of the last 7 days: how many events fall into each
-- bucket of each feature. No text of anybody is in it: queries are counted in 32 hashed buckets.
-- Grain: one row per feature and bucket. events are the hour's, usual_events the sum over the reference hours.
with bucketed as (
    select
        is_reference,
        'event_type' as feature,
        event_type as bucket
    from profiled_events
    union all
    select
        is_reference,
        'query' as feature,
        lpad(cast(query_bucket as varchar), 2, '0') as bucket
    from profiled_events
    where query_bucket is not null
    union all
    select
        is_reference,
        'category' as feature,
        case when is_joined then coalesce(category, '(none)') else '(unknown item)' end as bucket
    from profiled_events
    where event_type <> 'search'
    union all
    select
        is_reference,
        'user_id' as feature,
        if(has_user, 'filled', 'empty') as bucket
    from profiled_events
    union all
    select
        is_reference,
        'session_id' as feature,
        if(has_session, 'filled', 'empty') as bucket
    from profiled_events
    union all
    select
        is_reference,
        'quantity' as feature,
        if(has_quantity, 'filled', 'empty') as bucket
    from profiled_events
    where event_type = 'purchase'
    union all
    select
        is_reference,
        'position' as feature,
        if(has_position, 'filled', 'empty') as bucket
    from profiled_events
    where event_type = 'click'
    union all
    select
        is_reference,
        'after_search' as feature,
        if(has_search, 'filled', 'empty') as bucket
    from profiled_events
    where event_type <> 'search'
    union all
    select
        is_reference,
        'search' as feature,
        if(is_joined, 'joined', 'unjoined') as bucket
    from profiled_events
    where event_type = 'search'
    union all
    select
        is_reference,
        'item' as feature,
        if(is_joined, 'known', 'unknown') as bucket
    from profiled_events
    where event_type <> 'search'
)

select
    cast(feature as varchar) as feature,
    cast(bucket as varchar) as bucket,
    cast(count(*) filter (where not is_reference) as bigint) as events,
    cast(count(*) filter (where is_reference) as bigint) as usual_events
from bucketed
group by feature, bucket
order by feature, bucket
