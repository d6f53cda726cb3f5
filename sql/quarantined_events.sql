-- Delivered events that were not accepted, with the rule that decided and the row as it came.
-- Grain: one row per refused or excluded delivered row. Rule `excluded` is the source's own declaration;
-- rows of rule `erased` were emptied before, because the person was erased.
with fates as (
    select
        row,
        case when excluded = 'the person asked to be forgotten' then 'erased' else 'excluded' end as rule,
        excluded as sentence
    from typed_events
    where excluded is not null
    union all
    select
        refused.row,
        refused.rule,
        refused.sentence
    from refused
    inner join typed_events on refused.row = typed_events.row
    where refused.is_primary and typed_events.excluded is null
)

select
    cast(delivered.locator as varchar) as locator,
    cast(fates.rule as varchar) as rule,
    cast(fates.sentence as varchar) as sentence,
    cast(to_json(delivered) as varchar) as raw_row -- noqa: RF02
from fates
inner join delivered on fates.row = delivered.row
order by fates.row
