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

chances as (
    select
        item_id,
        (weight + $word_smoothing * 100000)
        / (sum(weight) over () + $word_smoothing * 100000 * count(*) over ()) as chance,
        weight / 1000000.0 as taken
    from offered
),

-- Items and listed queries are numbered, in 32 bits: what follows is asked of many millions of their pairs.
expected as (
    select
        item_id,
        cast(row_number() over () as integer) as item,
        chance,
        ln(chance) as known,
        ln($word_smoothing * chance / (taken + $title_weight + $word_smoothing)) as unsaid
    from chances
),

asking as (
    select
        query,
        cast(row_number() over () as integer) as number
    from listed_queries
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
        asking.number,
        vocabulary.word
    from listed_words
    inner join asking on listed_words.query = asking.query
    left join mended_words on listed_words.word = mended_words.word
    inner join vocabulary on vocabulary.word = coalesce(mended_words.meant, listed_words.word)
),

known_words as (
    select
        number,
        count(*) as words
    from asked
    group by number
),

-- The items of a word that speak loudest for it; a word of very many items says little about any of them.
loudest as (
    select *
    from word_items
    where word in (select asked.word from asked)
    qualify row_number() over (partition by word order by weight desc, item_id asc) <= 20 * $k
),

heard as (
    select
        loudest.word,
        expected.item,
        cast(
            round(1000000 * ln(1 + loudest.weight / 1000000.0 / ($word_smoothing * expected.chance))) as integer
        ) as gain
    from loudest
    inner join expected on loudest.item_id = expected.item_id
),

matched as (
    select
        asked.number,
        heard.item,
        cast(sum(heard.gain) as bigint) as gain
    from asked
    inner join heard on asked.word = heard.word
    group by asked.number, heard.item
),

judged as (
    select
        matched.number,
        matched.item,
        matched.gain
        + cast(round(1000000 * (expected.known + known_words.words * expected.unsaid)) as bigint) as likelihood
    from matched
    inner join expected on matched.item = expected.item
    inner join known_words on matched.number = known_words.number
),

likeliest as (
    select
        number,
        max(likelihood) as likelihood
    from judged
    group by number
),

weighed as (
    select
        judged.number,
        judged.item,
        cast(
            round(1000000000 * exp((judged.likelihood - likeliest.likelihood) / 1000000.0)) as bigint
        ) as weight
    from judged
    inner join likeliest on judged.number = likeliest.number
    where judged.likelihood >= likeliest.likelihood - 22000000  -- what is further off weighs less than half a billionth
),

weighed_in_all as (
    select
        number,
        sum(weight) as weight
    from weighed
    group by number
),

by_query as (
    select
        asking.number,
        expected.item,
        evidence.weight / 1000000.0 as taken,
        sum(evidence.weight) over (partition by evidence.query) / 1000000.0 as taken_in_all
    from evidence
    inner join asking on evidence.query = asking.query
    inner join expected on evidence.item_id = expected.item_id
),

whole as (
    select
        number,
        any_value(taken_in_all) as taken_in_all
    from by_query
    group by number
),

answered as (
    select
        number,
        item,
        coalesce(weighed.weight / weighed_in_all.weight, 0) as share,
        coalesce(by_query.taken, 0) as taken
    from weighed
    inner join weighed_in_all using (number)
    full outer join by_query using (number, item)
    where by_query.taken > 0 or weighed.weight >= 0.001 * weighed_in_all.weight
),

placed as (
    select
        answered.number,
        answered.item,
        (answered.taken + $query_smoothing * answered.share)
        / (coalesce(whole.taken_in_all, 0) + $query_smoothing) as score,
        answered.taken > 0 as is_taken,
        answered.taken + $query_smoothing * answered.share as evidence
    from answered
    left join whole on answered.number = whole.number
)

select
    cast(asking.query as varchar) as query,
    cast(expected.item_id as varchar) as item_id,
    cast(placed.score as double) as score,
    cast(placed.is_taken as boolean) as is_taken
from placed
inner join asking on placed.number = asking.number
inner join expected on placed.item = expected.item
qualify
    row_number() over (partition by placed.number order by placed.evidence desc, expected.item_id asc) <= $k
order by query asc, score desc, item_id asc
