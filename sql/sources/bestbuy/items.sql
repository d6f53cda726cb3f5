-- The games of the 2011 Best Buy log: titles of sku_name.tsv, with maker and genre where the attributes file has them.
-- Grain: one row per item. The log carries no prices, and its `active` flag is of 2012, so every game is available.
-- The attributes file is Windows-1252; its three bytes outside ASCII are mapped here, because DuckDB reads UTF-8 only.
with attribute_text as (
    select regexp_replace(hex(content), '(..)', '\1 ', 'g') as byte_pairs
    from read_blob($url || '/product_attributes_bagofwords.csv')
),

attribute_lines as (
    select
        unnest(
            string_split(
                decode(
                    unhex(
                        replace(
                            replace(replace(replace(byte_pairs, '97 ', '2D '), '96 ', '2D '), 'FC ', 'C3BC '), ' ', ''
                        )
                    )
                ),
                chr(10)
            )
        ) as line
    from attribute_text
),

attributes as (
    select
        split_part(line, ',', 1) as item_id,
        max(nullif(trim(split_part(line, ',', 6)), '')) as brand,
        max(nullif(regexp_replace(trim(split_part(line, ',', 7)), '\s+', ' ', 'g'), '')) as category
    from attribute_lines
    where line not like 'sku,%' and line <> ''
    group by split_part(line, ',', 1)
),

titles as (
    select
        row_number() over () as line,
        sku as item_id,
        title
    from read_csv(
        $url || '/sku_name.tsv',
        auto_detect = false,
        header = false,
        delim = '\t',
        quote = '',
        escape = '',
        columns = { 'sku': 'varchar', 'title': 'varchar' }
    )
)

select
    'sku_name.tsv:' || titles.line as locator,
    titles.item_id,
    titles.title,
    attributes.category,
    attributes.brand,
    null as price,
    null as currency,
    'true' as is_available,
    null as updated_at
from titles
left join attributes on titles.item_id = attributes.item_id
order by titles.line
