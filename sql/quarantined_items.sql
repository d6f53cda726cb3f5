-- Delivered catalog rows that were not accepted, with the rule that decided and the row as it came.
-- Grain: one row per refused delivered row.
select
    cast(delivered.locator as varchar) as locator,
    cast(refused.rule as varchar) as rule,
    cast(refused.sentence as varchar) as sentence,
    cast(to_json(delivered) as varchar) as raw_row -- noqa: RF02
from refused
inner join delivered on refused.row = delivered.row
where refused.is_primary
order by refused.row
