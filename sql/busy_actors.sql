-- Actors with more events in the window than any person makes: nothing is learnt from what they did.
-- Grain: one row per actor, a user or, where none is named, a session.
select
    cast(coalesce(user_id, session_id) as varchar) as actor,
    cast(count(*) as bigint) as events
from landed_events
group by coalesce(user_id, session_id)
having count(*) > $max_actor_events
order by actor
