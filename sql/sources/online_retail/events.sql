-- Purchases of the UCI Online Retail log that were invoiced in the hour; one file a day, read by its name.
-- Grain: one row per line of the day's file. A line without a customer and a cancellation (invoice number C…) are the
-- log's own way to say "no purchase of somebody": handed over as excluded.
-- A time that cannot be read takes the line's place in its file: the time of the readable line before it.
with lines as (
    select
        *,
        row_number() over () + 1 as line
    from read_csv(
        $url || '/*.csv',
        auto_detect = false,
        header = true,
        delim = ',',
        quote = '"',
        escape = '"',
        filename = true,
        columns = {
            'invoice_no': 'varchar',
            'stock_code': 'varchar',
            'description': 'varchar',
            'quantity': 'varchar',
            'invoice_date': 'varchar',
            'unit_price': 'varchar',
            'customer_id': 'varchar',
            'country': 'varchar'
        }
    )
    where filename = $url || '/' || strftime(cast($start as timestamp), '%Y-%m-%d') || '.csv'
),

placed as (
    select
        *,
        coalesce(
            try_cast(invoice_date as timestamp),
            last_value(try_cast(invoice_date as timestamp) ignore nulls) over (
                order by line
                rows between unbounded preceding and current row
            ),
            first_value(try_cast(invoice_date as timestamp) ignore nulls) over (
                order by line
                rows between current row and unbounded following
            ),
            date_trunc('day', cast($start as timestamp))
        ) as delivered_at
    from lines
)

select
    parse_filename(filename) || ':' || line as locator,
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
    end as excluded
from placed
where
    delivered_at >= cast($start as timestamp)
    and delivered_at < cast($end as timestamp)
order by line
