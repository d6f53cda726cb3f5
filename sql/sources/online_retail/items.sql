-- The catalog that the Online Retail log implies: every stock code sold up to the hour's end, as last described and
-- priced.
-- Grain: one row per stock code. There is no stock information, so every item counts as available; postage, fees,
-- manual corrections and the like have codes without five leading digits and are no merchandise.
with lines as (
    select
        row_number() over () as line,
        "InvoiceNo" as invoice_no,
        "StockCode" as stock_code,
        "Description" as description,
        "Quantity" as quantity,
        "UnitPrice" as unit_price,
        try_cast("InvoiceDate" as timestamp) as invoiced_at
    from
        read_csv(
            $url || '/*.csv',
            all_varchar = true, header = true, skip = 0, comment = '', delim = ',', quote = '"', filename = true
        )
    where filename <= $url || '/' || strftime(cast($end as timestamp), '%Y-%m-%d') || '.csv'
),

sold as (
    select *
    from lines
    where
        invoiced_at < cast($end as timestamp)
        and invoice_no not like 'C%'
        and try_cast(quantity as integer) > 0
        and try_cast(unit_price as double) > 0
        and regexp_matches(stock_code, '^[0-9]{5}')
)

select
    'stock_code ' || stock_code as locator,
    stock_code as item_id,
    arg_max(trim(description), (invoiced_at, line)) filter (where trim(description) <> '') as title,
    null as category,
    null as brand,
    arg_max(unit_price, (invoiced_at, line)) as price,
    'GBP' as currency,
    'true' as is_available,
    cast(max(invoiced_at) as varchar) as updated_at
from sold
group by stock_code
order by stock_code
