-- Actors with more events in the window than any person makes: nothing is learnt from what they did.
-- Grain: one row per actor, a user or, where none is named, a session.
select
    cast(actor as varchar) as actor,
    cast(sum(events) as bigint) as events
from landed_actions
group by actor
having sum(events) > $max_actor_events
order by actor
