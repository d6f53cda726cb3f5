-- Delivered events whose id was delivered before, in this hour or within the look-back, and whether they say the same.
-- Grain: one row per such row; first is what was accepted earlier, else the row that the source took in first, whatever
-- order the rows are handed over in. what_changed names the parts in which a row differs from the first, null for none.
with standing as (
    select *
    from typed_events
    where excluded is null and row not in (select refused.row from refused)
),

repeated as (
    select event_id
    from standing
    group by event_id
    having count(*) > 1
    union
    select known_events.event_id
    from known_events
    where known_events.event_id in (select standing.event_id from standing)
),

deliveries as (
    select
        0 as row,
        event_id,
        ingested_at,
        {
            'user_id': user_id,
            'session_id': session_id,
            'event_type': event_type,
            'query': query,
            'item_id': item_id,
            'quantity': quantity,
            'position': position,
            'occurred_at': occurred_at
        } as body
    from known_events
    where event_id in (select repeated.event_id from repeated)
    union all
    select
        row,
        event_id,
        ingested_at,
        {
            'user_id': user_id,
            'session_id': session_id,
            'event_type': event_type,
            'query': query,
            'item_id': item_id,
            'quantity': quantity,
            'position': position,
            'occurred_at': occurred_at
        } as body
    from standing
    where event_id in (select repeated.event_id from repeated)
),

numbered as (
    select
        row,
        body,
        row_number() over first_delivered as delivery,
        first_value(body) over first_delivered as said
    from deliveries
    window
        first_delivered as (
            partition by event_id
            order by least(row, 1) asc, ingested_at asc nulls last, cast(body as varchar) asc, row asc
        )
)

select
    cast(numbered.row as bigint) as row,
    cast(
        nullif(
            concat_ws(
                ', ',
                case when numbered.body.user_id is distinct from numbered.said.user_id then 'user_id' end,
                case when numbered.body.session_id is distinct from numbered.said.session_id then 'session_id' end,
                case when numbered.body.event_type is distinct from numbered.said.event_type then 'event_type' end,
                case when numbered.body.query is distinct from numbered.said.query then 'query' end,
                case when numbered.body.item_id is distinct from numbered.said.item_id then 'item_id' end,
                case when numbered.body.quantity is distinct from numbered.said.quantity then 'quantity' end,
                case when numbered.body.position is distinct from numbered.said.position then 'position' end,
                case when numbered.body.occurred_at is distinct from numbered.said.occurred_at then 'occurred_at' end
            ),
            ''
        ) as varchar
    ) as what_changed
from numbered
where numbered.delivery > 1 and numbered.row > 0
order by numbered.row
