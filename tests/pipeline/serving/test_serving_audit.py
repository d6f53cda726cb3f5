"""Every rule of the audit in the database goes red when it is broken, and the live version stays."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from serving_world import count_rows, describe, live_id, moves, small_version, write_tables
from sqlalchemy import Engine, select

from pipeline.errors import AuditFailed
from pipeline.serving import publish as publishing
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
