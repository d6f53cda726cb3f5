-- Moments of a log as somebody typed them, as they are told where the log is shown in slow motion from $log_start on.
-- What is no moment stays as it was typed, and so does one that would leave the calendar: it stays far from every hour.
-- Grain: one row per text, in their order.
with known as (
    select
        row,
        text,
        make_timestamp(
            epoch_us($log_start) + $times * (epoch_us(read_moment(trim(text))) - epoch_us($log_start))
        ) as slowed_at
    from typed_moments
)

select
    cast(
        case when year(slowed_at) between 1 and 9999 then strftime(slowed_at, '%Y-%m-%dT%H:%M:%S.%fZ') else text end
        as varchar
    ) as text
from known
order by row
