-- Purchases of the UCI Online Retail log that were invoiced in the hour; one file a day: only the days of the pull are
-- read.
-- Grain: one row per line of the day's file. A line without a customer and a cancellation (invoice number C…) are the
-- log's own way to say "no purchase of somebody": handed over as excluded.
-- A time that cannot be read takes the line's place in its file: the time of the readable line before it.
with lines as (
    select
        parse_filename(filename) as file_name,
        row_number() over () + 1 as line,
        "InvoiceNo" as invoice_no,
        "StockCode" as stock_code,
        "Quantity" as quantity,
        "InvoiceDate" as invoice_date,
        "CustomerID" as customer_id,
        try_cast("InvoiceDate" as timestamp) as invoiced_at
    from
        read_csv(
            $url || '/*.csv',
            all_varchar = true, header = true, skip = 0, comment = '', delim = ',', quote = '"', filename = true
        )
    where
        filename >= $url || '/' || strftime(cast($start as timestamp), '%Y-%m-%d') || '.csv'
        and filename <= $url || '/' || strftime(cast($end as timestamp), '%Y-%m-%d') || '.csv'
),

numbered as (
    select
        *,
        line - min(line) over (partition by file_name) + 2 as line_of_file
    from lines
),

placed as (
    select
        *,
        coalesce(
            invoiced_at,
            last_value(invoiced_at ignore nulls) over (
                partition by file_name order by line
                rows between unbounded preceding and current row
            ),
            first_value(invoiced_at ignore nulls) over (
                partition by file_name order by line
                rows between current row and unbounded following
            ),
            try_cast(left(file_name, 10) as timestamp)
        ) as delivered_at
    from numbered
)

select
    file_name || ':' || line_of_file as locator,
    null as event_id,
    regexp_replace(customer_id, '\.0$', '') as user_id,
    invoice_no as session_id,
    'purchase' as event_type,
    null as query,
    stock_code as item_id,
    quantity,
    null as position,
    invoice_date as occurred_at,
    null as ingested_at,
    case
        when invoice_no like 'C%' and customer_id is null then 'cancellation without a customer'
        when invoice_no like 'C%' then 'cancellation'
        when customer_id is null then 'no customer'
    end as excluded,
    delivered_at
from placed
where
    delivered_at >= cast($start as timestamp)
    and delivered_at < cast($end as timestamp)
order by file_name, line
