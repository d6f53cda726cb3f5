-- The events of a log, as their source handed them over, with the moment from which each can be read. Rows that the
-- source itself excludes are left out.
-- Nobody reads a row before it occurred: where a source says no more than the hour, as folders of files do, a row that
-- occurred within that hour can be read from then on.
-- Grain: one row per delivered row, in the order of delivery; repeats, late rows and nonsense are among them.
with placed as (
    select
        coalesce(event_id, locator) as event_id,
        user_id,
        session_id,
        event_type,
        query,
        item_id,
        occurred_at,
        cast(delivered_at as timestamptz) as stamped_at,
        read_moment(trim(occurred_at)) as claimed_at,
        row_number() over () as place
    from pulled
    where excluded is null
),

moments as (
    select
        *,
        case
            when date_trunc('hour', claimed_at) = date_trunc('hour', stamped_at) then greatest(claimed_at, stamped_at)
            else stamped_at
        end as readable_at
    from placed
)

select
    cast(event_id as varchar) as event_id,
    cast(user_id as varchar) as user_id,
    cast(session_id as varchar) as session_id,
    cast(event_type as varchar) as event_type,
    cast(query as varchar) as query,
    cast(item_id as varchar) as item_id,
    cast(occurred_at as varchar) as occurred_at,
    cast(readable_at as timestamptz) as delivered_at
from moments
order by readable_at, place
