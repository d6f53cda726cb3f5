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
    case
        when moment_now() > versions.data_cutoff then seconds_between(moment_now(), versions.data_cutoff)
        else 0.0
    end as age_seconds,
    seconds_between(versions.published_at, versions.data_cutoff) as published_lag_seconds
from live
inner join versions on live.version = versions.version
