-- The shop's rules as they stood when the hour was made, and which of them hold for its lists: these are as of the
-- hour's end, and are shown after it.
-- Grain: one row per line of the rules file.
select
    cast(line as integer) as line,
    cast(rule as varchar) as rule,
    cast(item_id as varchar) as item_id,
    cast(category as varchar) as category,
    cast(value as double) as value,
    cast(starts_at as timestamptz) as starts_at,
    cast(ends_at as timestamptz) as ends_at,
    cast(note as varchar) as note,
    cast(
        coalesce(starts_at <= $hour_end, true) and coalesce(ends_at > $hour_end, true) as boolean
    ) as is_active
from rule_lines
order by line
