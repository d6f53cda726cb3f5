-- Each user's list under the shop's rules, out of a longer list of candidates that leaves out what is not available,
-- bought or blocked: scores are boosted, fresh items get their share of places, no category more than its cap, and what
-- is pinned its rank.
-- Grain: one row per user and rank. A list holds min(k, eligible) different items all the same: where nothing else is
-- left, what is past a cap or a share stands last.
with boosts as (
    select
        item_id,
        list_aggregate(list(value order by line), 'product') as factor  -- in one order: the same bytes every time
    from ruled_items
    where rule = 'boost'
    group by item_id
),

listed_users as (
    select distinct user_id
    from candidates
),

pins as (
    select
        listed_users.user_id,
        ruled_items.item_id,
        items.category,
        ruled_items.value as rank,
        row_number() over (partition by listed_users.user_id order by ruled_items.value asc) as ordinal
    from ruled_items
    inner join items on ruled_items.item_id = items.item_id
    cross join listed_users
    left join bought on listed_users.user_id = bought.user_id and ruled_items.item_id = bought.item_id
    where ruled_items.rule = 'pin' and ruled_items.value <= $k and items.is_available and bought.item_id is null
),

users as (
    select
        listed_users.user_id,
        count(pins.item_id) as pinned
    from listed_users
    left join pins on listed_users.user_id = pins.user_id
    group by listed_users.user_id
),

boosted as (
    select
        candidates.user_id,
        candidates.item_id,
        items.category,
        case
            when candidates.score >= 0 then candidates.score * coalesce(boosts.factor, 1)
            else candidates.score / coalesce(boosts.factor, 1)
        end as score,
        candidates.reason,
        candidates.rank,
        candidates.score = 0 and candidates.reason = '["popular"]' as is_fill,
        fresh_items.item_id is not null as is_fresh
    from candidates
    inner join items on candidates.item_id = items.item_id
    left join boosts on candidates.item_id = boosts.item_id
    left join fresh_items on candidates.item_id = fresh_items.item_id
    left join pins on candidates.user_id = pins.user_id and candidates.item_id = pins.item_id
    where pins.item_id is null
),

ordered as (
    select
        *,
        row_number() over (partition by user_id order by is_fill asc, score desc, rank asc) as place
    from boosted
),

-- Fresh items take turns: each user begins at another one, so that all are shown about equally often. What the user
-- owns and what is pinned may be met on the way, so as many more are looked at.
turntable as (
    select
        item_id,
        row_number() over (order by md5(item_id) asc, item_id asc) - 1 as position,
        count(*) over () as length
    from fresh_items
    where
        item_id in (
            select items.item_id
            from items
            where items.is_available
        )
),

fresh_owned as (
    select
        bought.user_id,
        count(*) as items
    from bought
    inner join turntable on bought.item_id = turntable.item_id
    group by bought.user_id
),

known_fresh as (
    select *
    from ordered
    where is_fresh and not is_fill
    qualify row_number() over (partition by user_id order by place asc) <= $fresh_places
),

steps as (
    select
        users.user_id,
        unnest(range(least(
            turntable.length, 2 * $fresh_places + users.pinned + coalesce(fresh_owned.items, 0)
        ))) as step,
        turntable.length
    from users
    left join fresh_owned on users.user_id = fresh_owned.user_id
    inner join turntable on turntable.position = 0
    where $fresh_places > 0
),

turns as (
    select
        steps.user_id,
        turntable.item_id,
        steps.step
    from steps
    inner join turntable
        on turntable.position = (md5_number_lower(steps.user_id) % steps.length + steps.step) % steps.length
    left join bought on steps.user_id = bought.user_id and turntable.item_id = bought.item_id
    left join pins on steps.user_id = pins.user_id and turntable.item_id = pins.item_id
    left join known_fresh on steps.user_id = known_fresh.user_id and turntable.item_id = known_fresh.item_id
    where bought.item_id is null and pins.item_id is null and known_fresh.item_id is null
),

picks as (
    select
        picked.user_id,
        picked.item_id,
        items.category,
        picked.score,
        picked.reason,
        row_number() over (partition by picked.user_id order by picked.turn asc, picked.place asc) as pick
    from (
        select
            user_id,
            item_id,
            score,
            reason,
            0 as turn,
            place
        from known_fresh
        union all
        select
            user_id,
            item_id,
            0.0 as score,
            '["fresh"]' as reason,
            1 as turn,
            step as place
        from turns
    ) as picked
    inner join items on picked.item_id = items.item_id
    qualify pick <= $fresh_places
),

claims as (
    select
        user_id,
        item_id,
        category,
        null as score,
        null as reason,
        0 as part,
        rank as place,
        false as is_excess
    from pins
    union all
    select
        user_id,
        item_id,
        category,
        score,
        reason,
        1 as part,
        pick as place,
        false as is_excess
    from picks
    union all
    select
        ordered.user_id,
        ordered.item_id,
        ordered.category,
        ordered.score,
        ordered.reason,
        2 as part,
        ordered.place,
        ordered.is_fresh as is_excess
    from ordered
    left join picks on ordered.user_id = picks.user_id and ordered.item_id = picks.item_id
    where picks.item_id is null
),

in_category as (
    select
        *,
        row_number() over (partition by user_id, category, is_excess order by part asc, place asc) as number
    from claims
),

judged as (
    select
        in_category.*,
        in_category.is_excess or coalesce(in_category.number > caps.value, false) as is_over
    from in_category
    left join ruled_items as caps on in_category.item_id = caps.item_id and caps.rule = 'cap'
    where in_category.part > 0
),

chosen as (
    select judged.*
    from judged
    inner join users on judged.user_id = users.user_id
    qualify
        row_number() over (
            partition by judged.user_id order by judged.is_over asc, judged.part asc, judged.place asc
        ) <= $k - any_value(users.pinned) over (partition by judged.user_id)
),

-- Fresh items stand evenly among the others.
spread as (
    select
        *,
        part = 1 and not is_over as is_spread,
        count(*) over (partition by user_id, part = 1 and not is_over) as alike,
        count(*) over (partition by user_id, is_over) as filled,
        row_number() over (
            partition by user_id, part = 1 and not is_over order by is_over asc, part asc, place asc
        ) as ordinal
    from chosen
),

sequence as (
    select
        user_id,
        item_id,
        score,
        reason,
        row_number() over (
            partition by user_id
            order by
                is_over asc,
                case when is_spread then ordinal * ((filled - alike) // alike) + 0.5 else ordinal end asc,
                ordinal asc
        ) as place
    from spread
),

-- Every pin at or before a place moves it on by one.
placed as (
    select
        sequence.user_id,
        sequence.item_id,
        sequence.score,
        sequence.reason,
        sequence.place + count(pins.item_id) as slot
    from sequence
    left join pins on sequence.user_id = pins.user_id and pins.rank - pins.ordinal < sequence.place
    group by sequence.user_id, sequence.item_id, sequence.score, sequence.reason, sequence.place
    union all
    select
        pins.user_id,
        pins.item_id,
        coalesce(candidates.score, 0.0) as score,
        '["pinned"]' as reason,
        pins.rank as slot
    from pins
    left join candidates on pins.user_id = candidates.user_id and pins.item_id = candidates.item_id
),

-- Readers put what fills a list behind everything else, so what a rule puts among that is called so, too.
told as (
    select
        *,
        reason in ('["pinned"]', '["fresh"]')
        and bool_or(score = 0 and reason = '["popular"]') over (partition by user_id)
        and not coalesce(
            bool_or(reason not in ('["popular"]', '["pinned"]', '["fresh"]')) over (
                partition by user_id
                order by slot asc
                rows between 1 following and unbounded following
            ), false
        ) as is_among_fill
    from placed
)

select
    cast(user_id as varchar) as user_id,
    cast(row_number() over (partition by user_id order by slot asc) as integer) as rank,
    cast(item_id as varchar) as item_id,
    cast(score as double) as score,
    cast(case when is_among_fill then '["popular"]' else reason end as varchar) as reason
from told
order by user_id, rank
