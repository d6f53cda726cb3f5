-- What queries are answered with, by what people took after typing them and after typing their words.
-- Grain: one row per listed query and available item. score is a share: what the words say (naive Bayes with the items'
-- popularity before it), corrected by what people took after this very query, the more of that there is. is_taken says
-- whether anybody took the item after this very query.
-- An item's title counts like a query that was typed $title_weight times before it was taken, so that items nobody met
-- yet are found. A rare word that is one letter off a common one is read as that. Logarithms are whole millionths and
-- shares whole billionths, so that their sums are exact in any order.
with evidence as (
    select
        query_items.query,
        query_items.item_id,
        query_items.weight
    from query_items
    inner join items on query_items.item_id = items.item_id
    where items.is_available
),

-- How much each item is taken at all: what is expected before a word is read.
offered as (
    select
        items.item_id,
        items.title,
        coalesce(sum(evidence.weight), 0) as weight
    from items
    left join evidence on items.item_id = evidence.item_id
    where items.is_available
    group by items.item_id, items.title
),

expected as (
    select
        item_id,
        (weight + $word_smoothing * 100000)
        / (sum(weight) over () + $word_smoothing * 100000 * count(*) over ()) as chance,
        weight / 1000000.0 as taken
    from offered
),

known_queries as (
    select query from evidence
    union
    select query from listed_queries
),

query_words as (
    select
        query,
        unnest(words_of(query)) as word
    from known_queries
),

title_words as (
    select
        item_id,
        unnest(words_of(title)) as word
    from offered
),

spoken as (
    select
        query_words.word,
        evidence.item_id,
        evidence.weight
    from evidence
    inner join query_words on evidence.query = query_words.query
    union all
    select
        word,
        item_id,
        cast($title_weight * 1000000 as bigint) as weight
    from title_words
),

word_items as (
    select
        word,
        item_id,
        sum(weight) as weight
    from spoken
    group by word, item_id
),

vocabulary as (
    select
        word,
        sum(weight) as weight
    from word_items
    group by word
),

listed_words as (
    select
        query_words.query,
        query_words.word
    from query_words
    inner join listed_queries on query_words.query = listed_queries.query
),

rare_words as (
    select
        words.word,
        coalesce(vocabulary.weight, 0) as weight
    from (select distinct word from listed_words) as words
    left join vocabulary on words.word = vocabulary.word
    where
        length(words.word) >= 4
        and not regexp_matches(words.word, '\p{N}')
        and coalesce(vocabulary.weight, 0) < 6000000
),

mended_words as (
    select
        rare_words.word,
        arg_max(vocabulary.word, (vocabulary.weight, vocabulary.word)) as meant
    from rare_words
    inner join vocabulary
        on
            rare_words.word[:1] = vocabulary.word[:1]
            and abs(length(rare_words.word) - length(vocabulary.word)) <= 1
            and vocabulary.weight >= 20000000 + 5 * rare_words.weight
    where damerau_levenshtein(rare_words.word, vocabulary.word) = 1
    group by rare_words.word
),

asked as (
    select distinct
        listed_words.query,
        vocabulary.word
    from listed_words
    left join mended_words on listed_words.word = mended_words.word
    inner join vocabulary on vocabulary.word = coalesce(mended_words.meant, listed_words.word)
),

known_words as (
    select
        query,
        count(*) as words
    from asked
    group by query
),

-- The items of a word that speak loudest for it; a word of very many items says little about any of them.
heard as (
    select *
    from word_items
    qualify row_number() over (partition by word order by weight desc, item_id asc) <= 20 * $k
),

matched as (
    select
        asked.query,
        heard.item_id,
        sum(
            cast(
                round(1000000 * ln(1 + heard.weight / 1000000.0 / ($word_smoothing * expected.chance))) as bigint
            )
        ) as gain
    from asked
    inner join heard on asked.word = heard.word
    inner join expected on heard.item_id = expected.item_id
    group by asked.query, heard.item_id
),

judged as (
    select
        matched.query,
        matched.item_id,
        matched.gain + cast(
            round(
                1000000 * (
                    ln(expected.chance)
                    + known_words.words * ln(
                        $word_smoothing * expected.chance / (expected.taken + $title_weight + $word_smoothing)
                    )
                )
            ) as bigint
        ) as likelihood
    from matched
    inner join expected on matched.item_id = expected.item_id
    inner join known_words on matched.query = known_words.query
),

weighed as (
    select
        query,
        item_id,
        cast(
            round(1000000000 * exp((likelihood - max(likelihood) over (partition by query)) / 1000000.0)) as bigint
        ) as weight
    from judged
),

by_words as (
    select
        query,
        item_id,
        weight / sum(weight) over (partition by query) as share
    from weighed
),

by_query as (
    select
        evidence.query,
        evidence.item_id,
        evidence.weight / 1000000.0 as taken,
        sum(evidence.weight) over (partition by evidence.query) / 1000000.0 as taken_in_all
    from evidence
    inner join listed_queries on evidence.query = listed_queries.query
),

whole as (
    select
        query,
        any_value(taken_in_all) as taken_in_all
    from by_query
    group by query
),

answered as (
    select
        coalesce(by_words.query, by_query.query) as query,
        coalesce(by_words.item_id, by_query.item_id) as item_id,
        coalesce(by_words.share, 0) as share,
        coalesce(by_query.taken, 0) as taken
    from by_words
    full outer join by_query
        on
            by_words.query = by_query.query
            and by_words.item_id = by_query.item_id
)

select
    cast(answered.query as varchar) as query,
    cast(answered.item_id as varchar) as item_id,
    cast(
        (answered.taken + $query_smoothing * answered.share)
        / (coalesce(whole.taken_in_all, 0) + $query_smoothing) as double
    ) as score,
    cast(answered.taken > 0 as boolean) as is_taken
from answered
left join whole on answered.query = whole.query
qualify
    row_number() over (
        partition by answered.query
        order by answered.taken + $query_smoothing * answered.share desc, answered.item_id asc
    ) <= $k
    and (answered.taken > 0 or answered.share >= 0.001)
order by query asc, score desc, item_id asc
