"""Every rule of the audit in the database goes red when it is broken, and the live version stays."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from serving_world import count_rows, describe, live_id, moves, small_version, write_tables
from sqlalchemy import Engine, select

from pipeline.errors import AuditFailed
from pipeline.serving import publish as publishing
from pipeline.serving.audit import ALONE, Limits
from pipeline.serving.database import reading
from pipeline.serving.publish import publish_version
from pipeline.serving.schema import versions

# what is broken: (table, column, values, what the sentence says)
BROKEN: dict[str, tuple[str, str, list[Any], str]] = {
    "gap": ("user_recommendations", "rank", [1, 3, 1], "1 of 2 lists do not have the ranks 1 to n"),
    "starts at 0": ("popular_items", "rank", [0, 1, 2, 1], "1 of 2 lists do not have the ranks"),
    "starts at 2": ("query_recommendations", "rank", [2], "1 of 1 lists do not have the ranks"),
    "item twice": ("user_recommendations", "item_id", ["a", "a", "c"], "1 of 2 lists hold an item twice"),
    "similar twice": ("similar_items", "item_id", ["gone", "gone"], "the database refused the rows"),
    "item unknown": ("user_recommendations", "item_id", ["a", "x", "c"], "1 rows list an item that is not in items"),
    "item unknown twice": (
        "user_recommendations",
        "item_id",
        ["x", "b", "x"],
        "2 rows list an item that is not in items",
    ),
    "item gone twice": (
        "user_recommendations",
        "item_id",
        ["gone", "b", "gone"],
        "2 rows list an item that is not availab",
    ),
    "query item gone": ("query_recommendations", "item_id", ["gone"], "1 rows list an item that is not available"),
    "popular item gone": (
        "popular_items",
        "item_id",
        ["c", "gone", "b", "a"],
        "1 rows list an item that is not available",
    ),
    "similar item unknown": (
        "similar_items",
        "similar_item_id",
        ["x", "a"],
        "1 rows list an item that is not in items",
    ),
    "similar to unknown": ("similar_items", "item_id", ["a", "x"], "1 lists belong to an item that is not in items"),
    "nan": ("user_recommendations", "score", [float("nan"), 1.0, 1.0], "1 scores are not finite"),
    "infinite": ("popular_items", "score", [float("inf"), float("-inf"), 1.0, 1.0], "2 scores are not finite"),
    "score null": ("similar_items", "score", [None, 1.0], "1 scores are not finite"),
    "rank twice": ("popular_items", "rank", [1, 1, 2, 1], "the database refused the rows"),
    "user null": ("user_recommendations", "user_id", ["u1", "u1", None], "the database refused the rows"),
    "nothing for everyone": (
        "popular_items",
        "segment",
        ["games"] * 3 + ["rpg"],
        "the list 'all', which answers everyone",
    ),
    "not a number": ("popular_items", "rank", ["1", "two", "3", "1"], "does not fit the columns"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_version_is_refused_and_the_live_one_stays(
    fault: str, engine: Engine, files: dict[str, Path], tmp_path: Path
) -> None:
    table, column, values, complaint = BROKEN[fault]
    publish_version(engine, describe(0), files)
    broken = small_version()
    broken[table][column] = values
    with pytest.raises(AuditFailed, match=complaint) as caught:
        publish_version(engine, describe(1), write_tables(tmp_path / "broken", broken))
    assert describe(1).version in str(caught.value)
    assert live_id(engine) == describe(0).version
    assert len(moves(engine)) == 1
    with reading(engine) as connection:
        row = connection.execute(select(versions).where(versions.c.version == describe(1).version)).one()
    assert (row.status, row.published_at) == ("failed", None)
    assert complaint in row.notes


def test_refused_rows_can_be_looked_at(engine: Engine, tmp_path: Path) -> None:
    broken = small_version()
    broken["user_recommendations"]["rank"] = [1, 3, 1]
    with pytest.raises(AuditFailed):
        publish_version(engine, describe(), write_tables(tmp_path / "broken", broken))
    assert count_rows(engine, "user_recommendations", describe().version) == 3
    assert live_id(engine) is None


def test_every_broken_rule_is_told_at_once(engine: Engine, tmp_path: Path) -> None:
    broken = small_version()
    broken["user_recommendations"]["rank"] = [1, 3, 1]
    broken["popular_items"]["score"] = [None, 1.0, 1.0, 1.0]
    with pytest.raises(AuditFailed, match=r"ranks 1 to n; .*not finite"):
        publish_version(engine, describe(), write_tables(tmp_path / "broken", broken))


def test_rows_that_got_lost_on_the_way_are_noticed(
    engine: Engine, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    load: Callable[..., int] = publishing.load_table
    monkeypatch.setattr(publishing, "load_table", lambda *arguments: load(*arguments) + 1)
    with pytest.raises(AuditFailed, match="items: 4 rows arrived of 5"):
        publish_version(engine, describe(), files)


def test_missing_column_is_named(engine: Engine, tmp_path: Path) -> None:
    broken = small_version()
    del broken["query_recommendations"]["reason"]
    with pytest.raises(AuditFailed, match="query_recommendations: column reason is missing"):
        publish_version(engine, describe(), write_tables(tmp_path / "broken", broken))


def test_refusal_names_no_user_and_no_query(engine: Engine, tmp_path: Path) -> None:
    broken = small_version()
    broken["user_recommendations"] |= {"user_id": ["canary-user"] * 3, "rank": [1, 1, 1]}
    broken["query_recommendations"] |= {"query": ["canary query"], "rank": [5]}
    for table in ("user_recommendations", "query_recommendations"):
        tables = small_version() | {table: broken[table]}
        with pytest.raises(AuditFailed) as caught:
            publish_version(engine, describe(), write_tables(tmp_path / "broken", tables))
        assert "canary" not in str(caught.value)
        assert caught.value.__cause__ is None or "canary" not in str(caught.value.__cause__)
        with reading(engine) as connection:
            assert "canary" not in str(connection.scalar(select(versions.c.notes)))


def lists(tops: dict[str, str]) -> dict[str, list[Any]]:
    """Lists of users, each item a letter."""
    entries = [(user, rank, item) for user, top in tops.items() for rank, item in enumerate(top, start=1)]
    columns = dict(zip(("user_id", "rank", "item_id"), map(list, zip(*entries, strict=True)), strict=True))
    return columns | {"score": [1.0] * len(entries), "reason": ['["popular"]'] * len(entries)}


def letters(used: str, tops: dict[str, str]) -> dict[str, dict[str, list[Any]]]:
    """A version whose catalog is the letters, with these lists and a popular one of all of them."""
    tables = small_version()
    for name, values in tables["items"].items():
        tables["items"][name] = list(used) if name == "item_id" else values[:1] * len(used)
    ranks = list(range(1, len(used) + 1))
    tables["popular_items"] = {"segment": ["all"] * len(used), "rank": ranks, "item_id": list(used)}
    tables["popular_items"]["score"] = [1.0] * len(used)
    tables["user_recommendations"] = lists(tops)
    for table in ("query_recommendations", "similar_items"):
        tables[table] = {name: [] for name in tables[table]}
    return tables


def judge(
    engine: Engine,
    folder: Path,
    tables: dict[str, Any],
    hour: int,
    limits: Limits,
    k: int | None = None,
    tier: str = "",
) -> dict[str, tuple[bool, float | None]]:
    """Publishes the tables; what the gates found: whether they passed, and the figure."""
    found: dict[str, tuple[bool, float | None]] = {}

    def record(gate: str, passed: bool, sentence: str, observed: float | None) -> None:
        found[gate] = (passed, observed)

    version = replace(describe(hour, max_rank=k), tier=tier or None)
    with suppress(AuditFailed):
        publish_version(engine, version, write_tables(folder / str(hour), tables), limits=limits, record=record)
    return found


@pytest.mark.parametrize(
    ("tops", "empty_places", "lacking"),
    [
        ({"u": "abc", "v": "cba"}, 0, 0),
        ({"u": "abc", "v": "cb"}, 0, 1),
        ({"u": "abc", "v": "cb"}, 1, 0),  # v bought two of four
        ({"u": "ab", "v": "c"}, 1, 2),
    ],
)
def test_a_list_that_is_shorter_than_it_can_be_is_refused(
    engine: Engine, tmp_path: Path, tops: dict[str, str], empty_places: int, lacking: float
) -> None:
    limits = replace(ALONE, empty_places=empty_places)
    found = judge(engine, tmp_path, letters("abcd", tops), 0, limits, k=3)
    assert found["lists_not_filled"] == (lacking == 0, lacking)
    assert live_id(engine) == (None if lacking else describe(max_rank=3).version)


@pytest.mark.parametrize("table", ["query_recommendations", "similar_items", "popular_items"])
def test_lists_of_queries_items_and_everybody_are_filled_too(engine: Engine, tmp_path: Path, table: str) -> None:
    """Of three items a list holds two, and that of an item the two others."""
    tables = letters("abc", {"u": "ab"})
    full = {"rank": [1, 2], "item_id": ["a", "b"], "score": [1.0] * 2, "reason": ['["popular"]'] * 2}
    tables["query_recommendations"] = full | {"query": ["q"] * 2, "is_common": [True] * 2}
    tables["similar_items"] = full | {"item_id": ["c"] * 2, "similar_item_id": ["a", "b"]}
    assert judge(engine, tmp_path, tables, 0, ALONE, k=2)["lists_not_filled"] == (True, 0)
    tables[table] = {name: values[:1] for name, values in tables[table].items()}
    assert judge(engine, tmp_path, tables, 1, ALONE, k=2)["lists_not_filled"] == (False, 1)


def test_beside_an_item_that_is_on_sale_one_place_fewer_is_to_be_filled(engine: Engine, tmp_path: Path) -> None:
    tables = letters("abc", {"u": "abc"})
    full = {"rank": [1, 2, 3], "item_id": ["a", "b", "c"], "score": [1.0] * 3, "reason": ['["popular"]'] * 3}
    tables["query_recommendations"] = full | {"query": ["q"] * 3, "is_common": [True] * 3}
    two = {name: values[:2] for name, values in full.items()}
    tables["similar_items"] = two | {"item_id": ["c"] * 2, "similar_item_id": ["a", "b"]}
    assert judge(engine, tmp_path, tables, 0, ALONE, k=3)["lists_not_filled"] == (True, 0)


COMPARED = replace(ALONE, coverage_limit=0.5, overlap_limit=0.3, compare_min_users=2)
BEFORE = {"u": "abcd", "v": "abcd"}


@pytest.mark.parametrize(
    ("after", "coverage", "kept"),
    [
        (BEFORE, (True, 1.0), (True, 1.0)),
        ({"u": "ab", "v": "ab"}, (True, 0.5), (True, 0.5)),
        ({"u": "a", "v": "a"}, (False, 0.25), (False, 0.25)),
        ({"u": "abcd", "v": "efgh"}, (True, 2.0), (True, 0.5)),
        ({"u": "aefg", "v": "efgh"}, (True, 1.25), (False, 0.125)),
        ({"w": "aefg", "x": "efgh"}, (True, 1.25), None),  # nobody is in both
    ],
)
def test_coverage_and_churn_are_judged_beside_the_live_version(
    engine: Engine,
    tmp_path: Path,
    after: dict[str, str],
    coverage: tuple[bool, float],
    kept: tuple[bool, float] | None,
) -> None:
    judge(engine, tmp_path, letters("abcdefgh", BEFORE), 0, COMPARED)
    found = judge(engine, tmp_path, letters("abcdefgh", after), 1, COMPARED)
    assert found["coverage_collapsed"] == coverage
    assert found.get("lists_churned") == kept
    assert live_id(engine) == describe(1 if coverage[0] else 0).version  # churn is only warned of
    with reading(engine) as connection:
        notes = connection.scalar(select(versions.c.notes).where(versions.c.version == describe(1).version))
    assert ("which is live; the limit is 30%" in (notes or "")) == (coverage[0] and kept == (False, 0.125))
    assert ("which is live; the limit is 0.5" in (notes or "")) == (not coverage[0])


@pytest.mark.parametrize(
    ("hour", "tier", "smallest"),
    [(-1, "full", 2), (1, "popular", 2), (1, "full", 3)],
    ids=["an older hour", "another tier", "too few users"],
)
def test_a_version_is_not_compared_with_what_is_no_measure(
    engine: Engine, tmp_path: Path, hour: int, tier: str, smallest: int
) -> None:
    limits = replace(COMPARED, compare_min_users=smallest)
    judge(engine, tmp_path, letters("abcdefgh", BEFORE), 0, limits, tier="full")
    found = judge(engine, tmp_path, letters("abcdefgh", {"u": "e", "v": "e"}), hour, limits, tier=tier)
    assert "coverage_collapsed" not in found
    assert "lists_churned" not in found
