"""One spelling for every way to type the same query."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.queries import normalize_all, normalize_query


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


@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40))
def test_a_spelling_is_its_own_spelling(typed: str) -> None:
    once = normalize_query(typed)
    assert normalize_query(once) == once


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(st.characters(max_codepoint=127, exclude_characters="\0"), max_size=20), max_size=100))
def test_a_single_query_is_spelt_as_all_of_them_are(typed: list[str]) -> None:
    assert {query: spelling for query in typed if (spelling := normalize_query(query))} == normalize_all(typed)
