-- Why each read that failed did, as far as files tell: who had no list then, and whether a run took one from them.
-- A list is taken away when it ends and its user has no other from that moment on; the run within which it ends is to
-- blame until the next version has come. Who never had one is judged by what the log had of them by then.
-- Grain: one row per t and user_id of the log whose read was neither good nor stale.
with lists as (
    select
        user_id,
        version,
        valid_from,
        coalesce(valid_to, 'infinity') as valid_to
    from arm_lists
),

own as (
    select *
    from lists
    where user_id is not null
),

came as (
    select
        version,
        min(valid_from) as first_came,
        max(valid_from) as last_came
    from lists
    group by version
),

-- The version that readers got at a moment, or began to get, and how the run ended that made it.
versions as (
    select
        came.version,
        came.first_came,
        came.last_came,
        runs.data_cutoff,
        coalesce(runs.status = 'failed', false) as has_died
    from came
    left join runs on came.version = runs.version
),

failed as (
    select
        t,
        user_id,
        outcome
    from arm_answers
    where outcome not in ('good', 'stale')
),

-- What each of them had before, and what they get next.
before as (
    select
        failed.t,
        failed.user_id,
        own.valid_to as taken_at
    from failed
    asof inner join own on failed.user_id = own.user_id and failed.t >= own.valid_from
),

after as (
    select
        failed.t,
        failed.user_id,
        own.version
    from failed
    asof inner join own on failed.user_id = own.user_id and failed.t < own.valid_from
),

takers as (
    select
        before.t,
        before.user_id,
        bool_or(runs.status = 'failed') as has_died,
        any_value(runs.version) as version,
        any_value(before.taken_at) as taken_at
    from before
    inner join runs on before.taken_at between runs.started and runs.ended
    where before.taken_at <= before.t
    group by before.t, before.user_id
),

now as (
    select
        failed.t,
        failed.user_id,
        versions.version,
        versions.first_came,
        versions.last_came,
        versions.data_cutoff,
        versions.has_died
    from failed
    asof inner join versions on failed.t >= versions.first_came
),

acted as (
    select
        user_id,
        min(delivered_at) as first_acted
    from judged_events
    group by user_id
)

select
    cast(failed.t as timestamptz) as t,
    cast(failed.user_id as varchar) as user_id,
    cast(
        case
            when failed.t < (select min(came.first_came) from came) or not exists (select 1 from came)
                then 'before any list'
            when failed.outcome <> '4xx' and failed.outcome <> 'empty' then 'no answer'
            when
                takers.has_died
                and not (now.first_came > takers.taken_at and now.last_came <= failed.t and not now.has_died)
                then 'run died'
            when takers.version is not null and takers.version = after.version then 'reloading'
            when after.version = now.version then 'reloading'
            when acted.first_acted <= now.data_cutoff and now.has_died then 'run died'
            when acted.first_acted <= now.data_cutoff then 'left out'
            when acted.first_acted <= failed.t then 'too new'
            else 'unknown'
        end as varchar
    ) as cause
from failed
left join takers on failed.t = takers.t and failed.user_id = takers.user_id
left join after on failed.t = after.t and failed.user_id = after.user_id
left join now on failed.t = now.t and failed.user_id = now.user_id
left join acted on failed.user_id = acted.user_id
order by failed.t, failed.user_id
