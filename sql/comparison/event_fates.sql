-- What became of every row that an hour took in, by what the hour landed: refused where its locator stands in the
-- quarantine, accepted where it is the first of the others with the id of an accepted event, else a duplicate.
-- Grain: one row per delivered row, in their order. An event whose own time cannot be read counts from its delivery.
with judged as (
    select
        log_rows.row,
        log_rows.event_id,
        coalesce(read_moment(trim(log_rows.occurred_at)), log_rows.delivered_at) as occurred,
        clean(log_rows.event_id) in (select accepted.event_id from accepted) as is_known,
        log_rows.locator in (select quarantined.locator from quarantined) as is_refused
    from log_rows
)

select
    cast(event_id as varchar) as event_id,
    cast(occurred as timestamptz) as occurred,
    cast(
        case
            when is_refused then 'quarantined'
            when is_known and row_number() over (partition by clean(event_id), is_refused order by row asc) = 1
                then 'accepted'
            else 'duplicate'
        end as varchar
    ) as fate
from judged
order by row
