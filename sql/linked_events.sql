-- Events of the window with what the later tables need of each: who acted, what the event is worth at the hour's end,
-- and the search it belongs to: the latest earlier search of the same session, else of the same user within the link
-- time.
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
                * pow(0.5, date_diff('hour', window_events.occurred_at, $hour_end) / $half_life_hours)
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

user_searches as (
    select
        user_id,
        occurred_at,
        arg_max(query, event_id) as query
    from searches
    where user_id is not null
    group by user_id, occurred_at
)

select
    cast(counted.event_id as varchar) as event_id,
    cast(counted.user_id as varchar) as user_id,
    cast(counted.actor as varchar) as actor,
    cast(counted.event_type as varchar) as event_type,
    cast(
        case
            when counted.event_type = 'search' then counted.query
            else coalesce(
                counted.query,
                session_searches.query,
                case
                    when
                        date_diff('second', user_searches.occurred_at, counted.occurred_at) <= $link_minutes * 60
                        then user_searches.query
                end
            )
        end as varchar
    ) as query,
    cast(counted.item_id as varchar) as item_id,
    cast(counted.occurred_at as timestamptz) as occurred_at,
    cast(counted.weight as bigint) as weight
from counted
asof left join session_searches
    on
        counted.session_id = session_searches.session_id
        and counted.occurred_at >= session_searches.occurred_at
asof left join user_searches
    on
        counted.user_id = user_searches.user_id
        and counted.occurred_at >= user_searches.occurred_at
