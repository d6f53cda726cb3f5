-- How many places of how many lists each rule changed, beside the same lists without any rule. Blocked: places that
-- its items had. Pinned: places where an item has its rank and had another or none. Boosted: places where an item of
-- the rule stands higher than it did, or, with a factor below 1, lower. Capped: places past the cap that others got.
-- Bought again, fresh: places of items that only the rule lets in.
-- Grain: one row per line that changed anything.
with both_lists as (
    select
        coalesce(lists_with.list_id, lists_without.list_id) as list_id,
        coalesce(lists_with.item_id, lists_without.item_id) as item_id,
        coalesce(lists_with.rank, $k + 1) as new_rank,
        coalesce(lists_without.rank, $k + 1) as old_rank
    from lists_with
    full outer join lists_without
        on
            lists_with.list_id = lists_without.list_id
            and lists_with.item_id = lists_without.item_id
),

moved as (
    select
        both_lists.*,
        ruled_items.line,
        ruled_items.rule,
        ruled_items.value
    from both_lists
    inner join ruled_items on both_lists.item_id = ruled_items.item_id
    where $is_users or ruled_items.rule = 'block'
),

in_category as (
    select
        moved.*,
        row_number() over (
            partition by moved.list_id, moved.line, items.category order by moved.old_rank asc
        ) as place
    from moved
    inner join items on moved.item_id = items.item_id
    where moved.rule = 'cap' and moved.old_rank <= $k
),

effects as (
    select
        line,
        list_id
    from moved
    where
        (rule = 'block' and old_rank <= $k)
        or (rule = 'pin' and new_rank <= $k and new_rank <> old_rank)
        or (rule = 'boost' and value >= 1 and new_rank < old_rank)
        or (rule = 'boost' and value < 1 and new_rank > old_rank)
    union all
    select
        line,
        list_id
    from in_category
    where place > value and new_rank > $k
    union all
    select
        moved.line,
        moved.list_id
    from moved
    inner join bought on moved.list_id = bought.user_id and moved.item_id = bought.item_id
    where moved.rule = 'rebuy' and moved.new_rank <= $k
    union all
    select
        $fresh_line as line,
        both_lists.list_id
    from both_lists
    inner join fresh_items on both_lists.item_id = fresh_items.item_id
    where $is_users and both_lists.new_rank <= $k and both_lists.old_rank > $k
)

select
    cast(line as integer) as line,
    cast(count(*) as bigint) as places,
    cast(count(distinct list_id) as bigint) as lists
from effects
group by line
order by line
