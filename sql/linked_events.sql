-- Events of the window with what the later tables need of each: who acted, what the event is worth at the hour's end,
-- and the search it belongs to: its own query, else the latest earlier search of the same session, else of the same
-- user within the link time. Each is looked for only where the ones before found nothing.
-- Grain: one row per event, in no order; held-out pairs and items in no catalog are not here.
-- Weights are whole millionths of one search, so that sums are exact in any order.
with counted as (
    select
        window_events.event_id,
        window_events.user_id,
        window_events.session_id,
        coalesce(window_events.user_id, window_events.session_id) as actor,
        window_events.event_type,
        window_events.item_id,
        window_events.occurred_at,
        normalize_query(window_events.query) as query,
        cast(
            round(
                event_types.weight
                * 1000000
                * pow(0.5, (hour_number($hour_end) - hour_number(window_events.occurred_at)) / $half_life_hours)
            ) as bigint
        ) as weight
    from window_events
    inner join event_types on window_events.event_type = event_types.event_type
    left join held_out
        on
            window_events.user_id = held_out.user_id
            and window_events.item_id = held_out.item_id
    where
        held_out.item_id is null
        and (window_events.item_id is null or window_events.item_id in (select items.item_id from items))
),

searches as (
    select
        event_id,
        user_id,
        session_id,
        occurred_at,
        query
    from counted
    where event_type = 'search'
),

session_searches as (
    select
        session_id,
        occurred_at,
        arg_max(query, event_id) as query
    from searches
    where session_id is not null
    group by session_id, occurred_at
),

taken as (
    select * exclude (query)
    from counted
    where event_type <> 'search' and query is null
),

of_session as (
    select
        taken.*,
        session_searches.query
    from taken
    asof left join session_searches
        on
            taken.session_id = session_searches.session_id
            and taken.occurred_at >= session_searches.occurred_at
),

alone as (
    select * exclude (query)
    from of_session
    where query is null
),

user_searches as (
    select
        user_id,
        occurred_at,
        arg_max(query, event_id) as query
    from searches
    where user_id in (select alone.user_id from alone)
    group by user_id, occurred_at
),

linked as (
    select *
    from counted
    where event_type = 'search' or query is not null
    union all by name
    select *
    from of_session
    where query is not null
    union all by name
    select
        alone.*,
        case
            when date_diff('second', user_searches.occurred_at, alone.occurred_at) <= $link_minutes * 60
                then user_searches.query
        end as query
    from alone
    asof left join user_searches
        on
            alone.user_id = user_searches.user_id
            and alone.occurred_at >= user_searches.occurred_at
)

select
    cast(event_id as varchar) as event_id,
    cast(user_id as varchar) as user_id,
    cast(actor as varchar) as actor,
    cast(event_type as varchar) as event_type,
    cast(query as varchar) as query,
    cast(item_id as varchar) as item_id,
    cast(occurred_at as timestamptz) as occurred_at,
    cast(weight as bigint) as weight
from linked
