-- What each user took within the horizon after a read: a list is scored by how much of it is in there. is_new: the item
-- had come into the catalog while the log ran, at most a day before.
-- Grain: one row per read_id and item (its place among the judged items).
select
    cast(judged_reads.read_id as integer) as read_id,
    cast(judged_items.place as integer) as place,
    cast(
        bool_or(
            judged_items.known_at > $log_start
            and judged_events.occurred_at <= judged_items.known_at + interval 24 hours
        ) as boolean
    ) as is_new
from judged_reads
inner join judged_events
    on
        judged_reads.user_id = judged_events.user_id
        and judged_reads.t < judged_events.occurred_at
        and judged_reads.t + to_hours($horizon_hours) >= judged_events.occurred_at
inner join judged_items on judged_events.item_id = judged_items.item_id
group by judged_reads.read_id, judged_items.place
order by judged_reads.read_id, place
