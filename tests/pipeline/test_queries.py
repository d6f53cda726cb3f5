"""One spelling for every way to type the same query."""

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.duck import read_sql
from pipeline.queries import normalize_all, normalize_query, words_of, words_of_all


@pytest.mark.parametrize(
    ("typed", "spelling"),
    [
        ("Gears of War", "gears of war"),
        ("  gears\t of \n WAR ", "gears of war"),
        ("Poke\u0301mon", "pok\u00e9mon"),
        ("ÉPÉE", "épée"),
        ("", ""),
        (" \t\n", ""),
        ("مرحبا", "مرحبا"),
        ("🎮  🎮", "🎮 🎮"),
        ("$query'; drop table items; --", "$query'; drop table items; --"),
    ],
)
def test_spelling(typed: str, spelling: str) -> None:
    assert normalize_query(typed) == spelling


@settings(max_examples=30)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40))
def test_a_spelling_is_its_own_spelling(typed: str) -> None:
    once = normalize_query(typed)
    assert normalize_query(once) == once


@settings(max_examples=30)
@given(st.lists(st.text(st.characters(max_codepoint=127, exclude_characters="\0"), max_size=20), max_size=100))
def test_a_single_query_is_spelt_as_all_of_them_are(typed: list[str]) -> None:
    assert {query: spelling for query in typed if (spelling := normalize_query(query))} == normalize_all(typed)


pieces = st.sampled_from(
    ["Gears", "iii", "IX", "bass", "bus", "ss", "it's", "360", "Xbox360", "Épée", "Poke\u0301s", "-", " "]
)


@settings(max_examples=60)
@given(st.lists(st.lists(pieces | st.text(max_size=4), max_size=6).map("".join), max_size=5))
def test_words_are_those_of_the_macro_however_many_queries_come_at_once(queries: list[str]) -> None:
    queries = [query for query in queries if "\0" not in query and query.isprintable()]
    with duckdb.connect() as connection:
        connection.execute(read_sql("macros"))
        told = [connection.execute("select words_of($q)", {"q": query}).fetchone()[0] for query in queries]
    assert words_of_all(queries) == [tuple(words) for words in told]
    assert [words_of(query) for query in queries] == words_of_all(queries)
