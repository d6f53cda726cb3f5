-- The events of the window. The look-back keeps a repeated event out of the hour that delivers it again, but only when
-- the hours landed in order; here every event counts once, however they landed. What busy actors did is left out.
-- Grain: one row per event id, in no order; of several deliveries the first one counts.
with counted as (
    select *
    from landed_events
    where coalesce(user_id, session_id) not in (select busy_actors.actor from busy_actors)
),

repeated as (
    select event_id
    from counted
    group by event_id
    having count(*) > 1
),

first_deliveries as (
    select *
    from counted
    where event_id not in (select repeated.event_id from repeated)
    union all
    select *
    from counted
    where event_id in (select repeated.event_id from repeated)
    qualify row_number() over (partition by event_id order by lag_seconds asc) = 1
)

select
    cast(event_id as varchar) as event_id,
    cast(user_id as varchar) as user_id,
    cast(session_id as varchar) as session_id,
    cast(event_type as varchar) as event_type,
    cast(query as varchar) as query,
    cast(item_id as varchar) as item_id,
    cast(occurred_at as timestamptz) as occurred_at
from first_deliveries
