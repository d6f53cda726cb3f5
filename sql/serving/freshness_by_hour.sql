-- How fresh the lists of each reported hour were when they were published, and whether that missed the objective: 95 of
-- 100 events younger than freshness_objective_minutes, as it was set when the hour was reported. An hour of which
-- nothing was published missed it too. is_backfilled: published, or without a version reported, more than a day after
-- its end; such an hour is not judged, nor is one without events: is_missed is null.
-- Grain: source, arm, interval_start.
create view freshness_by_hour as
with newest as (
    select
        source,
        arm,
        interval_start,
        version,
        published_at,
        row_number() over (partition by source, arm, interval_start order by published_at desc) as place
    from versions
    where published_at is not null
),

judged as (
    select
        ledger.source,
        ledger.arm,
        ledger.interval_start,
        newest.version,
        newest.published_at,
        ledger.accepted,
        landed.p50_seconds as landed_p50_seconds,
        landed.p95_seconds as landed_p95_seconds,
        landed.p99_seconds as landed_p99_seconds,
        published.p50_seconds as published_p50_seconds,
        published.p95_seconds as published_p95_seconds,
        published.p99_seconds as published_p99_seconds,
        published.worst_seconds as published_worst_seconds,
        published.share_late,
        case
            when newest.version is null
                then seconds_between(ledger.recorded_at, ledger.interval_start) > 90000
            else
                seconds_between(newest.published_at, ledger.interval_start) > 90000
                and published.p50_seconds > 86400
        end as is_backfilled
    from ingest_ledger as ledger
    left join newest
        on
            ledger.source = newest.source
            and ledger.arm = newest.arm
            and ledger.interval_start = newest.interval_start
            and newest.place = 1
    left join event_freshness as landed
        on
            ledger.source = landed.source
            and ledger.arm = landed.arm
            and ledger.interval_start = landed.interval_start
            and landed.step = 'landed'
    left join event_freshness as published
        on
            ledger.source = published.source
            and ledger.arm = published.arm
            and ledger.interval_start = published.interval_start
            and published.step = 'published'
    where ledger.kind = 'events'
)

select
    judged.source,
    judged.arm,
    judged.interval_start,
    judged.version,
    judged.published_at,
    judged.landed_p50_seconds,
    judged.landed_p95_seconds,
    judged.landed_p99_seconds,
    judged.published_p50_seconds,
    judged.published_p95_seconds,
    judged.published_p99_seconds,
    judged.published_worst_seconds,
    judged.share_late,
    coalesce(judged.is_backfilled, false) as is_backfilled,
    case
        when judged.is_backfilled then null
        when judged.version is null and judged.accepted > 0 then true
        else judged.share_late > 0.05
    end as is_missed
from judged
