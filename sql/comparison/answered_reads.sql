-- What each read is answered with by lists that can be read from one moment until another: the user's own list, else
-- that of everyone; nothing before there is either. served_reason is the best source among the rows of a list.
-- Grain: one row per read, in their order. latency_ms is empty: nobody was asked.
with heads as (
    select
        recommendations.version,
        recommendations.user_id,
        recommendations.valid_from,
        recommendations.valid_to,
        arg_min(recommendations.source, source_order.place) as served_reason,
        count(*) as items,
        any_value(cutoffs.cutoff) as cutoff
    from recommendations
    inner join source_order on recommendations.source = source_order.source
    inner join cutoffs on recommendations.version = cutoffs.version
    group by
        recommendations.version,
        recommendations.user_id,
        recommendations.valid_from,
        recommendations.valid_to
),

heads_of_everyone as (
    select *
    from heads
    where user_id is null
),

own as (
    select
        asked.place,
        heads.version,
        heads.served_reason,
        heads.items,
        heads.cutoff
    from asked
    asof inner join heads on asked.user_id = heads.user_id and asked.t >= heads.valid_from
    where heads.valid_to is null or asked.t < heads.valid_to
),

everyone as (
    select
        asked.place,
        heads_of_everyone.version,
        heads_of_everyone.served_reason,
        heads_of_everyone.items,
        heads_of_everyone.cutoff
    from asked
    asof inner join heads_of_everyone on asked.t >= heads_of_everyone.valid_from
    where heads_of_everyone.valid_to is null or asked.t < heads_of_everyone.valid_to
),

answered as (
    select
        asked.place,
        asked.t,
        asked.user_id,
        coalesce(own.version, everyone.version) as version,
        coalesce(own.served_reason, everyone.served_reason) as served_reason,
        coalesce(own.items, everyone.items, 0) as items,
        coalesce(own.cutoff, everyone.cutoff) as cutoff
    from asked
    left join own on asked.place = own.place
    left join everyone on asked.place = everyone.place
)

select
    cast(t as timestamptz) as t,
    cast(user_id as varchar) as user_id,
    cast(case when version is null then 503 else 200 end as integer) as status,
    cast(null as double) as latency_ms,
    cast(version as varchar) as version,
    cast((epoch_us(t) - epoch_us(cutoff)) / 1000000 as double) as list_age_seconds,
    cast(served_reason as varchar) as served_reason,
    cast(items as integer) as items
from answered
order by place
