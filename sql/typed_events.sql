-- Delivered events with types: text that cannot be read becomes null (or 0 for numbers, which no rule allows), so that
-- the rules of the suite can refuse the row and nothing disappears.
-- A replayed row has no lag (unless it lies in the future): somebody asked for it, so it is never too late.
-- Grain: one row per delivered row.
select
    row,
    locator,
    coalesce(clean(event_id), locator) as event_id,
    clean(user_id) as user_id,
    clean(session_id) as session_id,
    lower(clean(event_type)) as event_type,
    clean(query) as query,
    clean(item_id) as item_id,
    read_count(quantity) as quantity,
    read_count(position) as position,
    read_moment(trim(occurred_at)) as occurred_at,
    read_moment(trim(ingested_at)) as ingested_at,
    case
        when locator in (select replayed_events.locator from replayed_events)
            then nullif(least(date_diff('second', read_moment(trim(occurred_at)), $hour_end), 0), 0)
        else date_diff('second', read_moment(trim(occurred_at)), $hour_end)
    end as lag_seconds,
    clean(excluded) as excluded
from delivered
order by row
