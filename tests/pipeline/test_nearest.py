"""A query without a list is answered by the nearest one that has one, and numbers are never mistaken for each other."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import nearest
from pipeline.nearest import Nearest, NearQueries

LISTED = [
    "halo",
    "halo 3",
    "halo reach",
    "gears of war 3",
    "running shoes",
    "arkham city",
    "batman arkham city",
    "mütze",
    "iphone 4",
    "drill",
    "2011",
]


def known(*queries: str, common: bool = True) -> NearQueries:
    """These queries have lists."""
    found = NearQueries()
    found.learn((query, common) for query in queries)
    found.weigh()
    return found


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("haol reach", "halo reach"),  # neighbours swapped
        ("runing shoes", "running shoes"),  # a letter too few
        ("runnning shoes", "running shoes"),  # one too many
        ("runnung shoes", "running shoes"),  # another one
        ("war of gears 3", "gears of war 3"),  # in another order
        ("gears of war iii", "gears of war 3"),
        ("running shoe", "running shoes"),  # the singular
        ("blue running shoes", "running shoes"),  # a word more
        ("gears war 3", "gears of war 3"),  # a word less
        ("batman city", "batman arkham city"),
        ("mutze", "mütze"),  # without its accent
        ("running-shoes!", "running shoes"),
    ],
)
def test_a_query_is_meant_to_be_the_nearest_with_a_list(typed: str, meant: str) -> None:
    assert known(*LISTED).find(typed) == Nearest(meant, True)


@pytest.mark.parametrize(
    "typed",
    [
        "garden chair",
        "red running",
        "help",
        "gears of war 2",
        "iphone 4 s",
        "iphone 4s",
        "2012",
        "2011 sale",
        "",
        "!!!",
        "☃ ☃",
    ],
)
def test_a_query_like_none_is_meant_to_be_none(typed: str) -> None:
    assert known(*LISTED).find(typed) is None


def test_a_query_with_a_list_of_its_own_is_not_read_as_another() -> None:
    assert [known(*LISTED).find(query) for query in LISTED] == [None] * len(LISTED)


def test_a_number_is_never_read_as_another_one_but_may_be_one_too_many() -> None:
    assert known("halo 4", "zune 30").find("halo 3") is None
    assert known("halo", "zune").find("halo 3") == Nearest("halo", True)
    assert known("halo 4", "zune").find("halo") is None
    assert known("madden nfl 12 xbox", "zune").find("madden nfl 12 xbox 360") == Nearest("madden nfl 12 xbox", True)


def test_a_word_that_had_to_be_mended_counts_less_than_one_that_was_typed() -> None:
    assert known("sage tea", "sale tea").find("sale tea bag") == Nearest("sale tea", True)
    assert known("rage", "zune").find("dungeon sage") is None
    assert known("sage", "zune").find("dungeon sage") == Nearest("sage", True)


def test_short_words_and_numbers_are_not_mended() -> None:
    assert known("war", "zune").find("wat") is None
    assert known("drive 1024", "zune").find("drive 1023") is None


def test_of_queries_as_near_a_common_one_answers_and_then_the_first_by_name() -> None:
    both = known("shoes running", "running shoes", common=False)
    assert both.find("runing shoes") == Nearest("running shoes", False)
    both.learn([("runnings shoes", True)])
    both.weigh()
    assert both.find("shoes runing") == Nearest("runnings shoes", True)


def test_a_rare_word_tells_more_than_one_of_many_queries() -> None:
    many = known("xbox", "xbox game", "xbox live", "xbox wheel", "zumba")
    assert many.find("zumba xbox") == Nearest("zumba", True)


def test_what_is_remembered_and_looked_through_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest, "REMEMBERED", 3)
    queries = known(*LISTED)
    for number in range(10):
        assert queries.find(f"running shoes {number}") == Nearest("running shoes", True)
        assert len(queries.found) <= 3
    assert queries.find("running shoes " + " ".join("abcdefghijkl")) is None
    long = known("x" * 25, "zune")
    assert long.find("x" * 24 + "y") is None
    many = "".join(chr(number) for number in range(0x4E00, 0x4F00))
    assert len(known(*(many[place : place + 4] for place in range(0, 256, 4))).letters) == nearest.ALPHABET


words = st.sampled_from(
    ["halo", "hallo", "war", "wars", "gears", "geras", "of", "3", "4", "iii", "s", "x", "360", "ö", "éa"]
)
texts = st.lists(words, max_size=6).map(" ".join) | st.text(max_size=12)


@settings(max_examples=200)
@given(st.lists(texts.filter(str.strip), max_size=12, unique=True), texts, st.randoms())
def test_the_answer_is_one_of_the_listed_holds_no_other_number_and_does_not_hang_on_their_order(
    listed: list[str], typed: str, chance: object
) -> None:
    found = known(*listed).find(typed)
    turned = listed[:]
    chance.shuffle(turned)  # type: ignore[attr-defined]
    assert known(*turned).find(typed) == found
    if found:
        assert found.query in listed
        assert typed not in listed
        numbers = {word for word in nearest.words_of(found.query) if word.isnumeric()}
        assert numbers <= set(nearest.words_of(typed))
