-- How many of an arm's lists were read: a user's list in a version was, when one of the arm's answers came from it.
-- Grain: one row. The list of everyone without one of their own is not counted: it costs as little as one user's.
with lists as (
    select distinct
        version,
        user_id
    from recommendations
    where user_id is not null
),

answers as (
    select distinct
        version,
        user_id
    from reads
    where status between 200 and 299 and items > 0
)

select
    cast(count(*) as bigint) as lists,
    cast(count(answers.version) as bigint) as lists_read
from lists
left join answers on lists.version = answers.version and lists.user_id = answers.user_id
