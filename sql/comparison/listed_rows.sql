-- Of each list how many rows it has, and how many of them were wrong when it came: of an item that the log's catalog
-- did not have then, or had as one that cannot be bought; all where no event of the log says whose list it is.
-- Needs the table catalog_states.
-- Grain: one row per version, user_id (null is everyone), valid_from.
with known as (
    select distinct user_id
    from log_events
)

select
    cast(recommendations.version as varchar) as version,
    cast(recommendations.user_id as varchar) as user_id,
    cast(recommendations.valid_from as timestamptz) as valid_from,
    cast(recommendations.valid_to as timestamptz) as valid_to,
    cast(count(*) as bigint) as rows,
    cast(
        count(*) filter (
            where
            not coalesce(catalog_states.can_be_bought, false)
            or (recommendations.user_id is not null and known.user_id is null)
        ) as bigint
    ) as wrong
from recommendations
left join known on recommendations.user_id = known.user_id
asof left join catalog_states
    on recommendations.item_id = catalog_states.item_id and recommendations.valid_from >= catalog_states.valid_from
group by
    recommendations.version,
    recommendations.user_id,
    recommendations.valid_from,
    recommendations.valid_to
order by
    recommendations.user_id nulls first,
    recommendations.valid_from,
    recommendations.version
