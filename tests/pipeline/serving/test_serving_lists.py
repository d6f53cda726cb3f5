"""The read contract: always full lists of different items on sale, from one version, each row with its source."""

import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from serving_world import HOUR, describe, small_version, write_tables
from sqlalchemy import Engine, update

from pipeline import nearest
from pipeline.errors import BadInput, NotLanded, Unreachable
from pipeline.files import ROOT
from pipeline.serving import lists, meant
from pipeline.serving.contract import MAX_QUERIES, Asked, Source
from pipeline.serving.database import connect, writing
from pipeline.serving.lists import PLACES, READ_TABLES, ListReader, Seen, statement_for
from pipeline.serving.publish import describe_version, publish_version
from pipeline.serving.schema import items, versions

Publish = Callable[..., str]
ITEMS = [f"i{number}" for number in range(30)]
K = 6


def refresh(reader: ListReader) -> Seen:
    """The reader knows what is live now, as one that reads all day does."""
    seen = reader.follow(reader.refreshing())
    if reader.keeps_all:
        reader.follow(reader.learning(seen))
    return seen


def world() -> dict[str, dict[str, list[Any]]]:
    """30 items, the even ones games, i29 not on sale; lists of 6, one user with two items of his own, one who searched."""
    tables = small_version()
    tables["items"] = {
        "item_id": ITEMS,
        "title": [f"title of {name}" for name in ITEMS],
        "category": [("games", "books")[number % 2] for number in range(30)],
        "brand": [None] * 30,
        "price": [1.0] * 30,
        "currency": ["EUR"] * 30,
        "is_available": [True] * 29 + [False],
        "updated_at": [HOUR] * 30,
    }
    popular, met, seen = '["popular"]', '["clicked","i9"]', '["searched","chess"]'
    own = [("u1", ["i9", "i8", "i0", "i1", "i2", "i3"], [met, seen] + [popular] * 4)]
    own += [("u2", ["i7", "i6", "i0", "i1", "i2", "i4"], [seen] * 2 + [popular] * 4)]
    own += [("u3", ["i1", "i2", "i3", "i4", "i5", "i6"], [popular] * 6)]
    tables["user_recommendations"] = listed("user_id", "item_id", own)
    queries = [
        ("chess", ["i20", "i21", "i22", "i23", "i24", "i25"], ['["searched","chess"]'] * 2 + ['["similar"]'] * 4)
    ]
    queries += [("go", ["i21", "i26", "i0", "i1", "i2", "i3"], ['["searched","go"]'] * 2 + [popular] * 4)]
    tables["query_recommendations"] = {**listed("query", "item_id", queries), "is_common": [True] * 12}
    near = ["i3", "i4", "i2", "i0", "i1", "i5"]
    reasons = ['["similar"]'] * 2 + ['["popular","games"]'] * 2 + [popular] * 2
    tables["similar_items"] = listed("item_id", "similar_item_id", [("i10", near, reasons), ("i29", near, reasons)])
    ranks = list(range(1, K + 1))
    tables["popular_items"] = {
        "segment": ["all"] * K + ["category:games"] * K,
        "rank": ranks + ranks,
        "item_id": ITEMS[:K] + ITEMS[0 : 2 * K : 2],
        "score": [1.0] * 2 * K,
    }
    return tables


def listed(key: str, other: str, rows: list[tuple[str, list[str], list[str]]]) -> dict[str, list[Any]]:
    flat = [
        (name, rank, item, reason)
        for name, items, reasons in rows
        for rank, (item, reason) in enumerate(zip(items, reasons, strict=True), 1)
    ]
    return {
        key: [row[0] for row in flat],
        "rank": [row[1] for row in flat],
        other: [row[2] for row in flat],
        "score": [1.0] * len(flat),
        "reason": [row[3] for row in flat],
    }


@pytest.fixture
def reader(engine: Engine, tmp_path: Path) -> ListReader:
    """Reads the world above."""
    publish_version(engine, describe(), write_tables(tmp_path / "world", world()))
    return ListReader(engine, "shop", "batch", 90)


def shown(reader: ListReader, **asked: Any) -> tuple[str, list[str]]:
    """The served reason, and the rows as `item source`; the contract of lengths is checked on the way."""
    answer = reader.read(Asked(**asked))
    assert [row.rank for row in answer.rows] == list(range(1, min(asked.get("k") or K, K) + 1))
    assert len({row.item_id for row in answer.rows}) == len(answer.rows)
    assert not {row.item_id for row in answer.rows} & {"i29", asked.get("item")}
    assert answer.version == describe().version
    return answer.served_reason, [f"{row.item_id} {row.source}" for row in answer.rows]


def test_own_list_says_of_each_row_what_it_rests_on(reader: ListReader) -> None:
    fill = ["i0 popular", "i1 popular", "i2 popular"]
    assert shown(reader, user="u1") == ("personal", ["i9 personal", "i8 searches", *fill, "i3 popular"])
    assert shown(reader, user="u2") == ("searches", ["i7 searches", "i6 searches", *fill, "i4 popular"])
    assert shown(reader, user="u3")[0] == "popular"
    assert shown(reader, user="nobody") == ("popular", [f"i{number} popular" for number in range(K)])
    assert shown(reader) == shown(reader, user="nobody")


def test_searches_of_the_session_stand_behind_what_the_user_met_and_before_what_fills_up(reader: ListReader) -> None:
    merged = ["i21 searches", "i20 searches", "i26 searches", "i22 searches", "i23 searches", "i24 searches"]
    assert shown(reader, user="new", queries=("go", "chess")) == ("searches", merged)
    newest_first = ["i20 searches", "i21 searches", "i26 searches", *merged[3:]]
    assert shown(reader, user="new", queries=("chess", "go")) == ("searches", newest_first)
    assert shown(reader, user="u1", queries=("go",)) == (
        "personal",
        ["i9 personal", "i8 searches", "i21 searches", "i26 searches", "i0 popular", "i1 popular"],
    )
    assert shown(reader, user="new", queries=("nobody typed this",))[0] == "popular"


def test_only_the_newest_searches_are_looked_at(reader: ListReader) -> None:
    others = tuple(f"other {number}" for number in range(MAX_QUERIES))
    assert shown(reader, user="new", queries=(*others[1:], "go"))[0] == "searches"
    assert shown(reader, user="new", queries=(*others, "go"))[0] == "popular"


def test_segment_stands_before_what_is_popular_with_everyone(reader: ListReader) -> None:
    games = [f"i{number} segment" for number in range(0, 12, 2)]
    assert shown(reader, user="new", segment="games") == ("segment", games)
    assert shown(reader, user="new", segment="category:games") == ("segment", games)
    assert shown(reader, user="new", segment="no such")[0] == "popular"
    assert shown(reader, user="u3", segment="games", k=2) == ("segment", ["i0 segment", "i2 segment"])
    assert reader.read(Asked(segment="games")).rows[0].reason == "popular in games"
    assert shown(reader, query="go", segment="games")[1][:4] == ["i21 query", "i26 query", "i0 segment", "i2 segment"]


def test_items_without_similar_ones_get_their_category_and_delisted_ones_have_a_list(reader: ListReader) -> None:
    own = ["i3 similar", "i4 similar", "i2 segment", "i0 segment"]
    assert shown(reader, item="i10", k=4) == ("similar", own)
    assert shown(reader, item="i29", k=4) == ("similar", own)
    assert shown(reader, item="i2") == (
        "segment",
        [f"i{number} segment" for number in (0, 4, 6, 8, 10)] + ["i1 popular"],
    )
    assert shown(reader, item="i25")[0] == "popular"  # its category has no list
    assert shown(reader, item="unknown") == shown(reader, user="nobody")


def test_k_is_at_most_that_of_the_version(reader: ListReader) -> None:
    assert shown(reader, user="u1", k=1) == ("personal", ["i9 personal"])
    assert shown(reader, user="u1", k=1000) == shown(reader, user="u1")


def test_an_answer_is_stale_past_the_limit_and_not_before(engine: Engine, reader: ListReader) -> None:
    for minutes, is_stale in ((89, False), (91, True), (-5, False)):
        with writing(engine) as connection:
            connection.execute(update(versions).values(data_cutoff=datetime.now(UTC) - timedelta(minutes=minutes)))
        reader.seen = None
        answer = reader.read(Asked(user="u1"))
        assert (answer.is_stale, answer.is_degraded) == (is_stale, False)
        assert answer.age_seconds == pytest.approx(max(0, minutes) * 60, abs=30)


def test_text_that_no_database_takes_is_refused_with_one_sentence() -> None:
    for asked in (
        {"user": "a\0b"},
        {"query": "\0"},
        {"item": "\ud800"},
        {"queries": ("x", "\0")},
        {"segment": "\udfff"},
    ):
        with pytest.raises(BadInput, match=r"^\w+ (holds a NUL character|.* is not text in UTF-8)"):
            Asked(**asked)


def test_an_answer_comes_from_the_version_that_is_live_when_it_is_read(
    engine: Engine, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(0)
    reader = ListReader(engine, "shop", "batch", 90)
    assert reader.read(Asked(user="u1")).version == describe(0).version
    publish(1)
    assert reader.read(Asked(user="u1")).version == describe(1).version  # the very next read


def test_one_read_is_of_one_version_also_when_another_goes_live_in_the_middle(
    serving_url: str, reader: ListReader, tmp_path: Path
) -> None:
    files = write_tables(tmp_path / "other", small_version())
    refresh(reader)
    steps = reader.reading(Asked(user="u1"))
    rows = reader._fetch(*next(steps))
    titles = steps.send(rows)
    other = connect(serving_url)
    publish_version(other, describe(1), files)
    other.dispose()
    with pytest.raises(StopIteration) as end:
        steps.send(reader._fetch(*titles))
    answer = end.value.value
    assert answer.version == describe(0).version
    assert [row.title for row in answer.rows[:2]] == ["title of i9", "title of i8"]
    assert reader.read(Asked(user="u1")).version == describe(1).version


def test_a_read_is_one_statement_once_the_version_and_titles_are_known(reader: ListReader) -> None:
    reader.keeps_all = True
    refresh(reader)
    for asked in (
        Asked(user="u1", queries=("go",)),
        Asked(query="chess"),
        Asked(query="ches"),
        Asked(query="a query like none"),
        Asked(item="i10"),
        Asked(segment="games"),
    ):
        steps = reader.reading(asked)
        rows = reader._fetch(*next(steps))
        with pytest.raises(StopIteration):
            steps.send(rows)


def test_titles_that_reasons_name_are_right_and_their_memory_is_bounded(
    reader: ListReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert reader.read(Asked(user="u1")).rows[0].reason == "you looked at it"
    monkeypatch.setattr(lists, "KEPT_TITLES", 3)
    seen = refresh(reader)
    for name in ITEMS:
        reader.follow(reader._learning(seen, {name}))
        assert seen.titles[name] == f"title of {name}"
        assert len(seen.titles) <= 3
    assert len(refresh(ListReader(reader.engine, "shop", "batch", 90, keeps_all=True)).titles) == 3


@pytest.mark.parametrize("at_once", [1, 7, 30, 31])
def test_whoever_reads_all_day_learns_all_titles_however_many_come_at_once(
    reader: ListReader, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(lists, "TITLES_AT_ONCE", at_once)
    reader.keeps_all = True
    assert refresh(reader).titles == {name: f"title of {name}" for name in ITEMS}


@pytest.fixture
def nearby(engine: Engine, tmp_path: Path) -> ListReader:
    """Reads a world in which people typed chess board (few of them), garden chess 3 and go, and nothing came of go go."""
    tables = world()
    own = [
        (
            "chess board",
            ["i20", "i21", "i22", "i23", "i24", "i25"],
            ['["searched","chess board"]'] * 2 + ['["similar"]'] * 4,
        )
    ]
    own += [
        (
            "garden chess 3",
            ["i23", "i0", "i1", "i2", "i3", "i4"],
            ['["searched","garden chess 3"]'] + ['["popular"]'] * 5,
        )
    ]
    own += [("go", ["i21", "i26", "i0", "i1", "i2", "i3"], ['["searched"]'] * 2 + ['["popular"]'] * 4)]
    own += [("go go", [f"i{number}" for number in range(K)], ['["popular"]'] * K)]
    tables["query_recommendations"] = {**listed("query", "item_id", own), "is_common": [False] * K + [True] * 3 * K}
    publish_version(engine, describe(), write_tables(tmp_path / "nearby", tables))
    return ListReader(engine, "shop", "batch", 90)


@pytest.mark.parametrize("keeps_all", [False, True])
def test_a_query_without_a_list_is_answered_by_the_nearest_that_has_one(nearby: ListReader, keeps_all: bool) -> None:
    nearby.keeps_all = keeps_all
    refresh(nearby)
    own = ["i23 nearest", "i0 popular", "i1 popular", "i2 popular", "i3 popular", "i4 popular"]
    for typed in ("gardn chess 3", "chess garden 3", "garden chess iii"):
        assert shown(nearby, query=typed) == ("nearest", own)
        answer = nearby.read(Asked(query=typed))
        assert (answer.answered_query, answer.rows[0].reason) == ("garden chess 3", "fits your search")
    for typed in ("garden chess 4", "cheese"):  # a number is never another one; like none
        assert shown(nearby, query=typed) == shown(nearby, user="nobody")
        assert nearby.read(Asked(query=typed)).answered_query is None
    assert shown(nearby, query="garden chess 3") == ("query", [own[0].replace("nearest", "query"), *own[1:]])
    assert nearby.read(Asked(query="garden chess 3")).rows[0].reason == "because you searched for 'garden chess 3'"


def test_what_was_typed_is_the_reason_also_where_another_spelling_of_it_was_typed_too(nearby: ListReader) -> None:
    refresh(nearby)
    answer = nearby.read(Asked(user="new", queries=("chess garden 3", "garden chess 3")))
    assert answer.rows[0].reason == "because you searched for 'garden chess 3'"
    assert nearby.read(Asked(user="new", queries=("chess garden 3",))).rows[0].reason == "fits your search"


@pytest.mark.parametrize("keeps_all", [False, True])
def test_a_query_that_few_people_typed_answers_others_without_being_shown(nearby: ListReader, keeps_all: bool) -> None:
    nearby.keeps_all = keeps_all
    refresh(nearby)
    answers = [nearby.read(Asked(query="chess bord")), nearby.read(Asked(user="new", queries=("go", "board chess")))]
    assert [answer.served_reason for answer in answers] == ["nearest", "searches"]
    assert [row.item_id for row in answers[0].rows] == ["i20", "i21", "i22", "i23", "i24", "i25"]
    assert "chess" not in repr(answers)
    assert {row.item_id for row in answers[1].rows} >= {"i20", "i21", "i26"}
    assert nearby.read(Asked(query="chess board")).rows[0].reason == "because you searched for 'chess board'"


@pytest.mark.parametrize("at_once", [1, 2, 1000])
def test_queries_that_are_kept_are_those_with_more_than_what_is_popular_and_their_memory_is_bounded(
    nearby: ListReader, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(meant, "QUERIES_AT_ONCE", at_once)
    nearby.keeps_all = True
    queries = refresh(nearby).queries
    assert queries
    assert set(queries.known) == {"chess board", "garden chess 3", "go"}
    nearby.seen = None
    monkeypatch.setattr(meant, "KEPT_QUERIES", 2)
    queries = refresh(nearby).queries
    assert queries
    assert set(queries.known) == {"garden chess 3", "go"}  # the common ones first


@pytest.mark.parametrize("keeps_all", [False, True])
def test_a_query_that_is_not_kept_is_answered_by_its_own_list(
    nearby: ListReader, monkeypatch: pytest.MonkeyPatch, keeps_all: bool
) -> None:
    whole = shown(nearby, query="chess board"), shown(nearby, user="new", queries=("chess board", "chess garden 3"))
    monkeypatch.setattr(meant, "KEPT_QUERIES", 2)
    monkeypatch.setattr(
        nearest, "LEAST_LIKENESS", 0.1
    )  # "garden chess 3" would answer it, if no number spoke against it
    monkeypatch.setattr(nearest, "_is_same_thing", lambda *_: True)
    nearby.seen, nearby.keeps_all = None, keeps_all
    refresh(nearby)
    assert shown(nearby, query="chess bord")[0] == "nearest"
    assert (
        shown(nearby, query="chess board"),
        shown(nearby, user="new", queries=("chess board", "chess garden 3")),
    ) == whole


def test_whoever_reads_all_day_goes_on_until_queries_are_known(nearby: ListReader) -> None:
    nearby.keeps_all = True
    seen = nearby.follow(nearby.refreshing())
    assert shown(nearby, query="gardn chess 3") == shown(nearby, user="nobody")
    assert seen.queries is None
    nearby.follow(nearby.learning(seen))
    known = seen.queries
    assert shown(nearby, query="gardn chess 3")[0] == "nearest"
    nearby.follow(nearby.learning(seen))
    assert seen.queries is known


def test_a_query_after_which_nobody_took_anything_is_answered_by_the_nearest_one_too(nearby: ListReader) -> None:
    assert shown(nearby, query="go go") == (
        "nearest",
        [row.replace("query", "nearest") for row in shown(nearby, query="go")[1]],
    )


def test_who_never_types_anything_new_never_reads_all_queries(nearby: ListReader) -> None:
    for asked in (Asked(user="u1"), Asked(query="go"), Asked(item="i10"), Asked(segment="games")):
        nearby.read(asked)
        assert nearby.seen is not None
        assert nearby.seen.queries is None


def test_of_those_who_come_upon_a_new_version_one_reads_it_and_the_others_wait(reader: ListReader) -> None:
    first, second, third = reader.refreshing(), reader.refreshing(), reader.reading(Asked(user="u1"))
    pointers = next(first), next(second)
    asked = first.send(reader._fetch(*pointers[0]))
    turn = second.send(reader._fetch(*pointers[1]))
    assert next(third) is turn is reader.turn
    assert not turn.done()
    seen = go_on(reader, first, asked)
    assert turn.done()
    with pytest.raises(StopIteration) as end:  # without a question of its own
        second.send(None)
    assert end.value.value is seen is reader.seen
    assert go_on(reader, third, third.send(None)).version == seen.version


def test_when_whoever_reads_a_new_version_gives_up_the_next_one_does_it(reader: ListReader) -> None:
    first, second = reader.refreshing(), reader.refreshing()
    pointers = next(first), next(second)
    first.send(reader._fetch(*pointers[0]))
    second.send(reader._fetch(*pointers[1]))
    first.close()
    assert reader.seen is None
    assert go_on(reader, second, second.send(None)) is reader.seen


def go_on(reader: ListReader, steps: Any, question: Any) -> Any:
    """What the steps come to from this question of theirs on."""
    while True:
        try:
            question = steps.send(reader._fetch(*question))
        except StopIteration as end:
            return end.value


def test_without_database_the_popular_list_of_the_last_version_is_still_there(reader: ListReader) -> None:
    assert reader.read_without_database(Asked()) is None
    expected = reader.read(Asked()).rows
    answer = reader.read_without_database(Asked(user="u1"))
    assert answer is not None
    assert (answer.rows, answer.is_degraded, answer.served_reason) == (expected, True, Source.POPULAR)


def test_without_database_a_list_is_as_long_as_was_asked_for_and_holds_no_item_beside_itself(
    reader: ListReader,
) -> None:
    first, second, *others = reader.read(Asked()).rows
    short = reader.read_without_database(Asked(user="u1", k=1))
    beside = reader.read_without_database(Asked(item=first.item_id))
    assert short and beside
    assert short.rows == (first,)
    assert [row.item_id for row in beside.rows] == [second.item_id, *(row.item_id for row in others)]
    assert [row.rank for row in beside.rows] == list(range(1, len(beside.rows) + 1))
    assert reader.read(Asked()).rows[0] == first, "what was seen stays as it is"


def test_nothing_published_is_one_sentence(engine: Engine) -> None:
    reader = ListReader(engine, "shop", "batch", 90)
    for look in (lambda: reader.read(Asked(user="u1")), lambda: refresh(reader)):
        with pytest.raises(NotLanded, match="nothing is published yet for source shop, arm batch"):
            look()


def test_a_database_that_is_not_there_is_one_sentence() -> None:
    reader = ListReader(connect("postgresql://nobody:secret@127.0.0.1:1/none"), "shop", "batch", 90)
    with pytest.raises(Unreachable, match="does not answer") as error:
        reader.read(Asked(user="u1"))
    assert "secret" not in str(error.value)


def test_the_statement_reads_the_tables_that_readers_are_granted() -> None:
    text = re.sub("--.*", "", (ROOT / "sql" / "serving" / "served_list.sql").read_text(encoding="utf-8"))
    own = set(re.findall(r"^\)?,?\s?(?:with )?(\w+) as (?:materialized )?\(", text, re.MULTILINE))
    named = set(re.findall(r"(?:from|join) (\w+)\b(?! as)", re.sub("distinct from", "", text)))
    assert named - own == set(READ_TABLES) - {"versions"}  # which is read when a version is seen


@dataclass(frozen=True)
class Generated:
    """A version of `on_sale` items (some others are not), lists of at most `k`, as publishing lets it through."""

    on_sale: int
    k: int
    seed: int
    sold_out: int = 0  # every so many items are sold out once the version is published


def generate(shape: Generated) -> dict[str, dict[str, list[Any]]]:
    """Tables whose lists hold min(k, on sale) different items, in an order that the seed gives, with mixed reasons."""
    names = [f"i{number}" for number in range(shape.on_sale + 3)]
    on_sale, length = names[: shape.on_sale], min(shape.k, shape.on_sale)

    def turned(by: int) -> list[str]:
        return [on_sale[(place + by) % len(on_sale)] for place in range(length)]

    def reasons(own: int) -> list[str]:
        told = ['["clicked","i0"]', '["searched","q1"]', "not even json", '["searched"]']
        return [told[(place + own) % 4] if place < own else '["popular"]' for place in range(length)]

    users = [(f"u{number}", turned(number + shape.seed), reasons(number)) for number in range(4)]
    queries = [(f"q{number}", turned(2 * number + shape.seed), reasons(number)) for number in range(4)]
    similar = []
    for number in range(0, len(names), 2):
        others = [name for name in turned(number) if name != names[number]]
        similar.append((names[number], others, reasons(number % 4)[: len(others)]))
    count = length * 4
    return {
        **small_version(),
        "items": {
            "item_id": names,
            "title": [None, "a title"] * (len(names) // 2) + [""] * (len(names) % 2),
            "category": [("games", None, "books")[number % 3] for number in range(len(names))],
            "brand": [None] * len(names),
            "price": [None, 2.0] * (len(names) // 2) + [3.0] * (len(names) % 2),
            "currency": [None] * len(names),
            "is_available": [True] * shape.on_sale + [False] * 3,
            "updated_at": [HOUR] * len(names),
        },
        "user_recommendations": listed("user_id", "item_id", users),
        "query_recommendations": {**listed("query", "item_id", queries), "is_common": [True] * count},
        "similar_items": listed("item_id", "similar_item_id", similar),
        "popular_items": {
            "segment": ["all"] * length + ["category:games"] * min(1, length),
            "rank": [*range(1, length + 1), *range(1, min(1, length) + 1)],
            "item_id": on_sale[:length] + on_sale[: min(1, length)],
            "score": [1.0] * (length + min(1, length)),
        },
    }


@pytest.fixture
def worlds(serving_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Generated], ListReader]]:
    """Publishes generated versions under arms of their own, each once, and reads them."""
    engine, made = connect(serving_url), {}

    def open_world(shape: Generated) -> ListReader:
        if shape not in made:
            arm = uuid.uuid4().hex
            files = write_tables(tmp_path_factory.mktemp("generated"), generate(shape))
            end = HOUR + timedelta(hours=1)
            version = describe_version("shop", arm, HOUR, end, end, {"items": repr(shape)}, "code")
            publish_version(engine, version, files)
            with writing(engine) as connection:
                gone = [
                    f"i{number}" for number in range(shape.on_sale) if shape.sold_out and number % shape.sold_out == 1
                ]
                of_version = items.c.version == version.version
                connection.execute(
                    update(items).where(of_version, items.c.item_id.in_(gone)).values(is_available=False)
                )
            made[shape] = ListReader(engine, "shop", arm, 90)
        return made[shape]

    yield open_world
    engine.dispose()


shapes = st.sampled_from([Generated(size, k, seed) for size in (1, 2, 5, 9) for k in (1, 4, 6) for seed in (0, 7)][::3])
texts = st.one_of(
    st.sampled_from(
        ["u0", "u1", "u3", "q0", "q2", "i0", "i1", "i2", "i9", "games", "all", "'; drop table live --", "%s", "$1"]
    ),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
    st.sampled_from(["x", "ä", "☃"]).map(lambda sign: sign * 10_000),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shapes, st.sampled_from(["user", "query", "item"]), texts, st.lists(texts, max_size=7), st.none() | texts, st.data()
)
def test_any_well_formed_read_is_answered_in_full_from_one_version(
    worlds: Callable[[Generated], ListReader],
    shape: Generated,
    kind: str,
    text: str,
    queries: list[str],
    segment: str | None,
    data: st.DataObject,
) -> None:
    reader, k = worlds(shape), data.draw(st.none() | st.integers(1, 1000))
    answer = reader.read(Asked(**{kind: text}, queries=tuple(queries), segment=segment, k=k))
    on_sale = {f"i{number}" for number in range(shape.on_sale)} - ({text} if kind == "item" else set())
    found = [row.item_id for row in answer.rows]
    published_k = min(shape.k, shape.on_sale)
    popular = {f"i{number}" for number in range(published_k)}
    reachable = len(on_sale) if kind != "item" else max(len(on_sale & popular), min(published_k, len(on_sale)) - 1)
    assert len(found) == len(set(found)) >= min(k or published_k, published_k, reachable)
    assert set(found) <= on_sale
    assert [row.rank for row in answer.rows] == list(range(1, len(found) + 1))
    order = [list(Source).index(row.source) for row in answer.rows]
    assert not order or list(Source)[min(order)] == answer.served_reason
    assert reader.seen is not None and answer.version == reader.seen.version
    assert all(row.reason for row in answer.rows)


def show_all_in_order(shape: Generated, asked: Asked) -> list[tuple[str, str]]:
    """The contract read literally: everything there is, in order, without what is sold out, every item once."""
    tables = generate(shape)

    def rows(table: str, key: str, names: set[str | None], other: str = "item_id") -> list[tuple[Any, ...]]:
        columns = tables[table]
        reasons = columns.get("reason", [""] * len(columns[key]))
        found = zip(columns[key], columns["rank"], columns[other], reasons, strict=True)
        return [row for row in found if row[0] in names]

    own = [("personal", row) for row in rows("user_recommendations", "user_id", {asked.user})]
    own += [("query", row) for row in rows("query_recommendations", "query", {asked.query})]
    own += [("similar", row) for row in rows("similar_items", "item_id", {asked.item}, "similar_item_id")]
    everything = []
    for source, (_, rank, item, reason) in own:
        is_searched = source == "personal" and reason.startswith('["searched"')
        said = "popular" if reason == '["popular"]' else "searches" if is_searched else source
        everything.append(((4 if said == "popular" else 1, 0, rank, 0), item, said))
    newest = list(asked.queries[:MAX_QUERIES])
    for query, rank, item, reason in rows("query_recommendations", "query", set(newest)):
        if reason != '["popular"]':
            everything.append(((2, 1, rank, newest.index(query)), item, "searches"))
    category = dict(zip(tables["items"]["item_id"], tables["items"]["category"], strict=True)).get(asked.item)
    segments = {asked.segment, f"category:{asked.segment}", f"category:{category}"}
    for wanted, tier, said in ((segments, 3, "segment"), ({"all"}, 4, "popular")):
        everything += [
            ((tier, 1, rank, 0), item, said) for _, rank, item, _ in rows("popular_items", "segment", wanted)
        ]
    shown: dict[str, str] = {}
    for _, item, said in sorted(everything):
        number = int(item[1:])
        is_sold_out = number >= shape.on_sale or (shape.sold_out and number % shape.sold_out == 1)
        if item != asked.item and not is_sold_out:
            shown.setdefault(item, said)
    return list(shown.items())


keys = st.sampled_from(["0", "1", "2", "3", "5", " nobody"])


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(
        [Generated(9, 4, 0), Generated(9, 6, 7), Generated(9, 6, 3, sold_out=2), Generated(5, 4, 1, sold_out=3)]
    ),
    st.sampled_from(["user", "query", "item", ""]),
    keys,
    st.lists(keys.map("q{}".format), max_size=7, unique=True),
    st.sampled_from([None, "games", "category:games", "no such"]),
    st.integers(1, 8),
)
@example(shape=Generated(9, 6, 3, sold_out=2), kind="item", key="2", queries=[], segment=None, k=3)  # sold out within k
def test_what_is_not_looked_up_would_not_have_been_shown(
    worlds: Callable[[Generated], ListReader],
    shape: Generated,
    kind: str,
    key: str,
    queries: list[str],
    segment: str | None,
    k: int,
) -> None:
    whose: dict[str, Any] = {kind: kind[0] + key} if kind else {}
    asked = Asked(**whose, queries=tuple(queries), segment=segment, k=k)
    reader = worlds(shape)
    answer = reader.read(asked)
    assert reader.seen is not None
    expected = show_all_in_order(shape, asked)[: min(k, reader.seen.k)]
    assert [(row.item_id, str(row.source)) for row in answer.rows] == expected


@pytest.mark.parametrize("whose", ["user", "query", "item"])
def test_psycopg_keeps_the_parsed_statement(whose: str) -> None:
    given = (whose, "segment", *PLACES, "source", "arm", "k")
    assert len(statement_for(describe().version, "postgresql", given)) <= 4096
