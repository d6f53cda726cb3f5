-- How many items each answered read showed, and how many of them were wrong at that moment: the log's catalog did not
-- have them, or had them as something that cannot be bought. An answer says whether it was the list of everyone.
-- Needs the table catalog_states.
-- Grain: one row per row of reads that showed a list.
with shown as (
    select
        "row" as read_row,
        t,
        user_id,
        version,
        coalesce(served_reason in ('popular', 'fallback'), false) as is_fallback
    from reads
    where status between 200 and 299 and items > 0
),

chosen as (
    select
        shown.read_row,
        shown.t,
        arm_lists.version,
        arm_lists.user_id
    from shown
    inner join arm_lists
        on
            shown.version = arm_lists.version
            and shown.t >= arm_lists.valid_from
            and shown.t < arm_lists.valid_to
            and coalesce(arm_lists.user_id, shown.user_id) = shown.user_id
    qualify
        row_number() over (
            partition by shown.read_row
            order by (arm_lists.user_id is null) = shown.is_fallback desc
        ) = 1
),

items as (
    select
        chosen.read_row,
        chosen.t,
        recommendations.item_id
    from chosen
    inner join recommendations
        on
            chosen.version = recommendations.version
            and chosen.user_id is not distinct from recommendations.user_id
    where recommendations.rank <= $k
)

select
    cast(items.read_row as bigint) as read_row,
    cast(count(*) as bigint) as items,
    cast(count(*) filter (where not coalesce(catalog_states.can_be_bought, false)) as bigint) as wrong
from items
asof left join catalog_states on items.item_id = catalog_states.item_id and items.t >= catalog_states.valid_from
group by items.read_row
order by items.read_row
