-- Events of the hour and of its reference hours with what the profile asks of each: whether a search led to something,
-- and which category an item is of. A click, cart or purchase belongs to the latest earlier search of its session, else
-- to that of its user within the link time, as in hour_actions; but only to one that was delivered in its own hour, so
-- that an hour and those before it are measured alike.
-- Grain: one row per event and hour of delivery. is_joined: a search that led to something, another event on an item of
-- the catalog.
with events as (
    select
        event_id,
        user_id,
        session_id,
        event_type,
        query,
        item_id,
        occurred_at,
        lag_seconds,
        quantity,
        position,
        false as is_reference
    from hour_events
    union all
    select
        event_id,
        user_id,
        session_id,
        event_type,
        query,
        item_id,
        occurred_at,
        lag_seconds,
        quantity,
        position,
        true as is_reference
    from reference_events
),

timed as (
    select
        *,
        time_bucket(interval 1 hour, occurred_at + to_seconds(lag_seconds) + interval 30 minute) as delivered_until
    from events
),

session_searches as (
    select
        session_id,
        occurred_at,
        delivered_until,
        max(event_id) as event_id
    from timed
    where event_type = 'search' and session_id is not null
    group by session_id, occurred_at, delivered_until
),

user_searches as (
    select
        user_id,
        occurred_at,
        delivered_until,
        max(event_id) as event_id
    from timed
    where event_type = 'search' and user_id is not null
    group by user_id, occurred_at, delivered_until
),

taken as (
    select
        event_id,
        user_id,
        session_id,
        occurred_at,
        delivered_until
    from timed
    where event_type <> 'search'
),

of_session as (
    select
        taken.event_id,
        taken.delivered_until,
        session_searches.event_id as search_id
    from taken
    asof inner join session_searches
        on
            taken.session_id = session_searches.session_id
            and taken.delivered_until = session_searches.delivered_until
            and taken.occurred_at >= session_searches.occurred_at
),

without_session as (
    select taken.*
    from taken
    left join of_session
        on
            taken.event_id = of_session.event_id
            and taken.delivered_until = of_session.delivered_until
    where of_session.event_id is null
),

of_user as (
    select
        without_session.event_id,
        without_session.delivered_until,
        user_searches.event_id as search_id
    from without_session
    asof inner join user_searches
        on
            without_session.user_id = user_searches.user_id
            and without_session.delivered_until = user_searches.delivered_until
            and without_session.occurred_at >= user_searches.occurred_at
    where date_diff('second', user_searches.occurred_at, without_session.occurred_at) <= $link_minutes * 60
),

links as (
    select * from of_session
    union all
    select * from of_user
),

joined as (
    select distinct
        delivered_until,
        search_id
    from links
)

select
    cast(timed.event_id as varchar) as event_id,
    cast(timed.is_reference as boolean) as is_reference,
    cast(timed.event_type as varchar) as event_type,
    cast(timed.user_id is not null as boolean) as has_user,
    cast(timed.session_id is not null as boolean) as has_session,
    cast(timed.quantity is not null as boolean) as has_quantity,
    cast(timed.position is not null as boolean) as has_position,
    cast(links.event_id is not null as boolean) as has_search,
    cast(
        case when timed.event_type = 'search' then md5_number_lower(normalize_query(timed.query)) % 32 end as utinyint
    ) as query_bucket,
    cast(items.category as varchar) as category,
    cast(
        case
            when timed.event_type = 'search' then joined.search_id is not null
            else items.item_id is not null
        end as boolean
    ) as is_joined
from timed
left join items on timed.item_id = items.item_id
left join links
    on
        timed.event_id = links.event_id
        and timed.delivered_until = links.delivered_until
left join joined
    on
        timed.event_id = joined.search_id
        and timed.delivered_until = joined.delivered_until
order by timed.is_reference, timed.delivered_until, timed.event_id
