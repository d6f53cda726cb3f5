-- Which items of the catalog each rule that holds is about. Of caps and of windows for buying again the line that says
-- most exactly what it is about counts: item before category before everything. No category is no category to cap.
-- Grain: one row per line and item. `fresh` is about a list as a whole and has no row.
with named as (
    select
        shop_rules.line,
        shop_rules.rule,
        items.item_id,
        shop_rules.value,
        case
            when shop_rules.item_id is not null then 3
            when shop_rules.category is not null then 2
            else 1
        end as precision
    from shop_rules
    inner join items
        on
            coalesce(shop_rules.item_id = items.item_id, true)
            and (shop_rules.category is null or shop_rules.category = items.category)
    where
        shop_rules.is_active
        and shop_rules.rule <> 'fresh'
        and (shop_rules.rule <> 'cap' or items.category is not null)
),

numbered as (
    select
        *,
        row_number() over (partition by rule, item_id order by precision desc, line asc) as preference
    from named
)

select
    cast(line as integer) as line,
    cast(rule as varchar) as rule,
    cast(item_id as varchar) as item_id,
    cast(value as double) as value
from numbered
where preference = 1 or rule not in ('cap', 'rebuy')
order by line, item_id
