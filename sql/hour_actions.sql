-- What the events of one delivery hour come to, once and for all: each belongs to the query it came with, else to the
-- latest earlier search of its session, else of its user within the link time. Searches of the hours before are looked
-- at as far back as repeated events are; one that is delivered after what followed it changes nothing any more.
-- Grain: one row per actor (the user or, where none is named, the session), user, event type, query and item. weight is
-- in billionths of one search as of counted_at, so that sums are exact in any order.
-- An event that an earlier hour holds as well, which happens where hours landed out of order, counts there.
with own as (
    select
        event_id,
        user_id,
        session_id,
        event_type,
        item_id,
        occurred_at,
        normalize_query(query) as query
    from own_events
    where event_id not in (select delivered_before.event_id from delivered_before)
),

searches as (
    select
        event_id,
        user_id,
        session_id,
        occurred_at,
        query
    from own
    where event_type = 'search' and query is not null
    union all
    select
        event_id,
        user_id,
        session_id,
        occurred_at,
        normalize_query(query) as query
    from searches_before
    where
        normalize_query(query) is not null
        and (
            session_id in (select own.session_id from own)
            or user_id in (select own.user_id from own)
        )
),

-- A search at the very moment of a click counts; of two at one moment the one of the greater id does.
in_sessions as (
    select
        event_id,
        session_id,
        occurred_at,
        query,
        0 as place
    from searches
    where session_id is not null
    union all
    select
        event_id,
        session_id,
        occurred_at,
        null as query,
        1 as place
    from own
    where event_type <> 'search' and query is null and session_id is not null
),

of_session as (
    select
        event_id,
        place,
        last_value(query ignore nulls) over (
            partition by session_id
            order by occurred_at asc, place asc, event_id asc
            rows between unbounded preceding and current row
        ) as query
    from in_sessions
),

of_users as (
    select
        event_id,
        user_id,
        occurred_at,
        query,
        occurred_at as searched_at,
        0 as place
    from searches
    where user_id is not null
    union all
    select
        event_id,
        user_id,
        occurred_at,
        null as query,
        null as searched_at,
        1 as place
    from own
    where
        event_type <> 'search'
        and query is null
        and user_id is not null
        and event_id not in (
            select of_session.event_id
            from of_session
            where of_session.place = 1 and of_session.query is not null
        )
),

of_user as (
    select
        event_id,
        place,
        occurred_at,
        last_value(query ignore nulls) over searched_before as query,
        last_value(searched_at ignore nulls) over searched_before as searched_at
    from of_users
    window
        searched_before as (
            partition by user_id
            order by occurred_at asc, place asc, event_id asc
            rows between unbounded preceding and current row
        )
),

links as (
    select
        event_id,
        query
    from of_session
    where place = 1 and query is not null
    union all
    select
        event_id,
        query
    from of_user
    where place = 1 and date_diff('second', searched_at, occurred_at) <= $link_minutes * 60
),

linked as (
    select
        own.user_id,
        coalesce(own.user_id, own.session_id) as actor,
        own.event_type,
        coalesce(own.query, links.query) as query,
        own.item_id,
        own.occurred_at,
        cast(
            round(
                event_types.weight
                * 1000000000
                * pow(0.5, (hour_number($hour_end) - hour_number(own.occurred_at)) / $half_life_hours)
            ) as bigint
        ) as weight
    from own
    inner join event_types on own.event_type = event_types.event_type
    left join links on own.event_id = links.event_id
)

select
    cast(user_id as varchar) as user_id,
    cast(actor as varchar) as actor,
    cast(event_type as varchar) as event_type,
    cast(query as varchar) as query,
    cast(item_id as varchar) as item_id,
    cast(count(*) as bigint) as events,
    cast(max(occurred_at) as timestamptz) as last_at,
    cast(sum(weight) as bigint) as weight,
    cast($hour_end as timestamptz) as counted_at
from linked
group by user_id, actor, event_type, query, item_id
order by actor, event_type, query, item_id, user_id
