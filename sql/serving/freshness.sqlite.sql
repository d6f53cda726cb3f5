-- How old the data are that readers get now: age_seconds = now - data_cutoff (never below 0), and
-- published_lag_seconds = published_at - data_cutoff, their age when the version was published.
-- Grain: source, arm.
create view freshness as
select
    live.source,
    live.arm,
    live.version,
    versions.tier,
    versions.interval_start,
    versions.interval_end,
    versions.data_cutoff,
    versions.published_at,
    cast(max(0.0, (julianday('now') - julianday(versions.data_cutoff)) * 86400.0) as double precision) as age_seconds,
    cast((julianday(versions.published_at) - julianday(versions.data_cutoff)) * 86400.0 as double precision)
        as published_lag_seconds
from live
inner join versions on live.version = versions.version
