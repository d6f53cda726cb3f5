-- Which version readers got when: from served_from up to, not including, served_to (null: still), with what moved
-- the pointer there (publish, rollback, unpin) and what the person who did it said. A version may have several periods.
-- Grain: source, arm, served_from.
create view served_periods as
with moves as (
    select
        id,
        source,
        arm,
        version,
        interval_start,
        moved_at,
        cause,
        note,
        lag(version) over (
            partition by source, arm
            order by id
        ) as version_before
    from live_history
)

select
    moves.source,
    moves.arm,
    moves.version,
    moves.interval_start,
    moves.moved_at as served_from,
    lead(moves.moved_at) over (
        partition by moves.source, moves.arm
        order by moves.id
    ) as served_to,
    moves.cause,
    moves.note
from moves
where moves.version_before is null or moves.version_before <> moves.version
