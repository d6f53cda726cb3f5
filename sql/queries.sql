-- What people typed in the window; nothing in the tiers that leave searches out.
-- Grain: one row per normalised query. `searchers` counts the users or sessions that typed it, `users` only the users
-- among them.
select
    cast(query as varchar) as query,
    cast(count(distinct actor) as bigint) as searchers,
    cast(count(distinct user_id) as bigint) as users
from actions
where event_type = 'search' and query is not null and $tier = 'full'
group by query
order by query
