from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sql_tables import Row, rows_of

SEARCH = 1_000_000  # the weight of one search


def answers(
    asked: str | list[str],
    taken: Iterable[tuple[str, str, float]] = (),
    titles: dict[str, str | None] | None = None,
    gone: Iterable[str] = (),
    **values: Any,
) -> list[Row]:
    """What these queries are answered with; `taken` is (query, item, searches), items are those taken and those titled."""
    taken, gone, titles = list(taken), set(gone), titles or {}
    known = sorted({item for _, item, _ in taken} | set(titles))
    return rows_of(
        "query_answers",
        values,
        items=[{"item_id": item, "title": titles.get(item), "is_available": item not in gone} for item in known],
        query_items=[
            {"query": query, "item_id": item, "weight": round(searches * SEARCH)} for query, item, searches in taken
        ],
        listed_queries=[{"query": query} for query in ([asked] if isinstance(asked, str) else asked)],
    )


def ids(rows: list[Row]) -> list[str]:
    return [row["item_id"] for row in rows]


def test_what_people_took_after_the_very_query_comes_first_and_is_said() -> None:
    rows = answers("red shoe", [("red shoe", "a", 40), ("red hat", "b", 40), ("blue shoe", "c", 40)])
    assert ids(rows)[0] == "a"
    assert {row["item_id"]: row["is_taken"] for row in rows} == {"a": True, "b": False, "c": False}


def test_a_query_nobody_took_anything_after_borrows_from_its_words() -> None:
    rows = answers("red shoe", [("shoe red", "a", 40), ("red hat", "b", 40), ("green", "d", 400)])
    assert ids(rows)[:2] == ["a", "b"]
    assert "d" not in ids(rows)
    assert not any(row["is_taken"] for row in rows)


def test_word_order_plural_accents_and_spelling_of_numbers_make_no_difference() -> None:
    taken = [("assassins creed ii", "two", 30), ("beyonce", "song", 30)]
    for asked in ("creed 2 assassin", "Assassin's Creed 2", "assassins creed II"):
        assert ids(answers(asked, taken))[0] == "two", asked
    assert ids(answers("beyonc\u00e9", taken)) == ["song"]


def test_numbers_are_kept_apart() -> None:
    taken = [("halo 3", "three", 50), ("halo 4", "four", 50), ("halo", "three", 30), ("halo", "four", 30)]
    assert ids(answers("halo 3 xbox", taken))[0] == "three"
    assert ids(answers("xbox halo 4", taken))[0] == "four"


def test_a_rare_word_one_letter_off_a_common_one_is_read_as_that_and_a_number_never() -> None:
    taken = [("madden", "ball", 50), ("2011", "old", 50), ("grass", "lawn", 80)]
    assert ids(answers("maden", taken)) == ["ball"]
    assert ids(answers("mbdden", taken)) == ["ball"]
    assert answers("2012", taken) == []
    assert answers("xadden", taken) == []  # another first letter
    common = [("madden", "ball", 500), ("maden", "village", 30)]  # typed often enough to be meant
    assert ids(answers("maden", common)) == ["village"]


def test_an_item_that_nobody_took_is_found_by_its_title() -> None:
    rows = answers("blue lamp", [("lamp", "old", 50)], titles={"old": "Old lamp", "new": "Blue lamp"})
    assert set(ids(rows)) == {"old", "new"}
    assert ids(answers("blue", [("lamp", "old", 50)], titles={"old": "Old lamp", "new": "Blue lamp"})) == ["new"]


def test_the_more_people_took_after_a_query_the_less_its_words_matter() -> None:
    words = [("red hat", "b", 400), ("shoe", "b", 400)]
    few, many = (answers("red shoe", [*words, ("red shoe", "a", searches)]) for searches in (1, 400))
    assert ids(few)[0] == "b"
    assert ids(many)[0] == "a"
    share = {row["item_id"]: row["score"] for row in many}
    assert share["a"] == pytest.approx(400 / 408, abs=0.02)


def test_what_is_not_available_is_no_answer() -> None:
    assert ids(answers("red", [("red", "a", 9), ("red", "x", 90)], gone=["x"])) == ["a"]


def test_what_is_not_available_takes_no_place_among_what_speaks_for_a_word() -> None:
    gone = [f"x{place}" for place in range(20)]
    taken = [("red", "a", 9), *(("red", item, 90) for item in gone)]
    assert ids(answers("red shoe", taken, gone=gone, k=1)) == ["a"]


def test_a_query_of_unknown_words_or_of_none_has_no_answer() -> None:
    assert answers(["zzz", "!!!"], [("red", "a", 9)]) == []


def test_a_query_without_a_word_is_answered_by_what_people_took_after_it() -> None:
    assert ids(answers("!!!", [("!!!", "a", 9), ("!!!", "b", 8)])) == ["a", "b"]


def test_at_most_k_answers() -> None:
    assert len(answers("red", [("red", f"i{place}", 5) for place in range(30)], k=7)) == 7


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["red", "red shoe", "shoe", "halo 3", "3", "!!", "\u9ed2 red"]),
            st.sampled_from("abcde"),
            st.floats(0.000001, 1e6),
        ),
        max_size=12,
        unique_by=lambda row: row[:2],
    ),
    st.sets(st.sampled_from("abcde")),
)
def test_answers_are_different_available_items_with_shares_that_add_up_to_one_at_most(
    taken: list[tuple[str, str, float]], gone: set[str]
) -> None:
    asked = ["red", "red shoe", "halo 3", "!!", "other"]
    rows = answers(asked, taken, titles={"a": "Red halo", "b": None}, gone=gone)
    assert rows == answers(asked, list(reversed(taken)), titles={"a": "Red halo", "b": None}, gone=gone)
    for query in asked:
        listed = [row for row in rows if row["query"] == query]
        assert len(set(ids(listed))) == len(listed)
        assert not set(ids(listed)) & gone
        assert all(0 < row["score"] <= 1 for row in listed)
        assert sum(row["score"] for row in listed) <= 1 + 1e-9
        if any(query == row[0] and row[1] not in gone for row in taken):
            assert any(row["is_taken"] for row in listed)
