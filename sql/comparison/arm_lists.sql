-- The lists of an arm: when each could be read, and how far its data reached where a run says so.
-- Grain: one row per version and user_id (null is everyone without a list of their own); list_id numbers them from 0.
with lists as (
    select
        version,
        user_id,
        min(valid_from) as valid_from,
        max(coalesce(valid_to, 'infinity')) as valid_to
    from recommendations
    group by version, user_id
)

select
    cast(row_number() over (order by lists.user_id nulls first, lists.valid_from, lists.version) - 1 as integer)
        as list_id,
    cast(lists.version as varchar) as version,
    cast(lists.user_id as varchar) as user_id,
    cast(lists.valid_from as timestamptz) as valid_from,
    cast(lists.valid_to as timestamptz) as valid_to,
    cast(coalesce(cutoffs.data_cutoff, lists.valid_from) as timestamptz) as data_cutoff
from lists
left join cutoffs on lists.version = cutoffs.version
order by list_id
