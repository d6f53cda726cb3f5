-- How many rows a source handed over, and how many of them belong to none of the hours that it was asked for.
-- Grain: one row.
select
    cast(count(*) as bigint) as pulled,
    cast(
        count(*) filter (
            where not coalesce(
                try_cast(delivered_at as timestamptz) >= $hour_start
                and try_cast(delivered_at as timestamptz) < $hour_end,
                false
            )
        ) as bigint
    ) as misplaced
from pulled
