-- Users whose list of the hour before may stand, as far as their purchases, its items and its reasons say.
-- Grain: one row per user; least is the lowest score of the list, which whatever is new has to beat.
with own as (
    select
        lists_then.user_id,
        lists_then.item_id,
        lists_then.score,
        lists_then.reason
    from lists_then
    inner join resting_vectors on lists_then.user_id = resting_vectors.user_id
    where lists_then.reason <> '["popular"]'
),

bought_otherwise as (
    (
        select
            user_id,
            item_id
        from bought
        except
        select
            user_id,
            item_id
        from bought_then
    )
    union all
    (
        select
            user_id,
            item_id
        from bought_then
        except
        select
            user_id,
            item_id
        from bought
    )
),

whole as (
    select
        user_id,
        min(score) as least
    from own
    group by user_id
    having
        count(*) = $k
        and not bool_or(item_id in (select lost_items.item_id from lost_items))
        and bool_and(
            not starts_with(reason, '["searched",')
            or reason in (select told_reasons.reason from told_reasons)
        )
)

select
    cast(user_id as varchar) as user_id,
    cast(least as double) as least
from whole
where user_id not in (select bought_otherwise.user_id from bought_otherwise)
order by user_id
