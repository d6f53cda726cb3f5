-- Who asks for a list, and when: each named user, a second before the first event of each session. Sessions of nobody
-- are left out: no list of theirs can be scored. A row's time is what it claims, but never after its delivery, and its
-- delivery where it claims none that can be read. Where a source names no session, one begins after so many minutes
-- without an event of the user.
-- Grain: one row per read.
with met as (
    select
        user_id,
        session_id,
        least(coalesce(read_moment(trim(occurred_at)), delivered_at), delivered_at) as seen_at
    from log_events
    where user_id is not null
),

paused as (
    select
        user_id,
        seen_at,
        lag(seen_at) over (partition by user_id order by seen_at asc) as seen_before
    from met
    where session_id is null
),

begun as (
    select
        user_id,
        min(seen_at) as begun_at
    from met
    where session_id is not null
    group by user_id, session_id
    union all
    select
        user_id,
        seen_at as begun_at
    from paused
    where seen_before is null or date_diff('second', seen_before, seen_at) > $link_minutes * 60
)

select
    cast(begun_at - interval 1 second as timestamptz) as t,
    cast(user_id as varchar) as user_id
from begun
where begun_at - interval 1 second >= $hour_start and begun_at - interval 1 second < $hour_end
order by t, user_id
