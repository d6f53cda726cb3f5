-- How old the data of every version were: when it was published (published_lag_seconds), and at the oldest that readers
-- got it (oldest_served_seconds; null: it was never live). What is live now ages on: that one counts up to now.
-- Grain: source, arm, version.
create view version_freshness as
with served as (
    select
        version,
        min(served_from) as first_served_from,
        max(coalesce(served_to, moment_now())) as until,
        count(*) as periods
    from served_periods
    group by version
)

select
    versions.source,
    versions.arm,
    versions.version,
    versions.status,
    versions.tier,
    versions.interval_start,
    versions.data_cutoff,
    versions.published_at,
    seconds_between(versions.published_at, versions.data_cutoff) as published_lag_seconds,
    served.first_served_from,
    coalesce(served.periods, 0) as periods,
    seconds_between(served.until, versions.data_cutoff) as oldest_served_seconds
from versions
left join served on versions.version = served.version
