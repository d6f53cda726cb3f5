-- The macros that other queries use. (The linter would put their bodies at the margin.)
-- noqa: disable=layout.indent

-- How a query is compared with another: one spelling of Unicode, lower case, single spaces, no edges.
create or replace macro normalize_query(query) as
    nullif(lower(trim(regexp_replace(nfc_normalize(query), '\s+', ' ', 'g'))), '');

-- The words of a text by which queries and titles are compared: no accents, no plural s, small Roman numerals as
-- numbers, letters and digits apart ("Xbox360 Gears III" is 3, 360, gear, xbox), each once, in alphabetical order.
create or replace macro words_of(text) as
    list_sort(list_distinct(list_transform(
        regexp_extract_all(replace(lower(strip_accents(text)), '''', ''), '\p{L}+|\p{N}+'),
        lambda word: case
            when list_contains(['ii', 'iii', 'iv', 'vi', 'vii', 'viii', 'ix'], word)
                then cast(
                    list_position(['ii', 'iii', 'iv', 'v', 'vi', 'vii', 'viii', 'ix'], word) + 1 as varchar
                )
            when length(word) > 3 and word like '%s' and word not like '%ss' then word[:-2]
            else word
        end
    )));

-- A text without white space at its edges, or null when nothing is left; `trim` alone knows only the space.
create or replace macro clean(text) as
    nullif(trim(text, ' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || chr(160)), '');

-- A moment in UTC from ISO 8601 text, or null. Stricter than the cast: the date and the seconds are spelt out, and the
-- offset, where there is one, exists on earth. Text without an offset is taken as UTC.
create or replace macro read_moment(text) as
    case
        when regexp_full_match(
            text,
            '\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-](0\d|1[0-4])(:?[0-5]\d)?)?'
        )
        then try_cast(text as timestamptz)
    end;

-- An id as text from a column of any type. A number with a point in it, which a writer made of an id, is one again
-- where it is whole and small enough to be exact; any other is no id.
create or replace macro read_id(value) as
    case
        when typeof(value) not in ('DOUBLE', 'FLOAT') then cast(value as varchar)
        when
            abs(try_cast(value as double)) < 9007199254740992
            and try_cast(value as double) = floor(try_cast(value as double))
            then cast(try_cast(try_cast(value as double) as bigint) as varchar)
    end;

-- A whole number from text, null from no text, and 0, which no rule allows, from anything else: a cast alone would
-- round 3.7 and read 1e5, 0x10 and 1_000.
create or replace macro read_count(text) as
    case
        when regexp_full_match(trim(text), '[+-]?\d+(\.0+)?') then coalesce(try_cast(text as bigint), 0)
        when trim(text) <> '' then 0
    end;

-- Whether a user is of the fixed share that models are judged by: nothing is learnt of items from them.
create or replace macro is_examined(user_id, share) as
    coalesce(md5_number_lower(user_id) % 10000 < cast(share * 10000 as integer), false);

-- Whole hours of a moment since 1970, in UTC; `date_diff` asks a calendar, which takes ten times as long.
create or replace macro hour_number(moment) as epoch_us(moment) // 3600000000;
