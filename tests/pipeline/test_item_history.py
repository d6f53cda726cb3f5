"""Items over time: looking up an hour gives what its own snapshot said, in whatever order the hours landed."""

import json
import tempfile
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from catalog_files import many_items, replace_catalog
from handmade_shop import FIRST, derive, event, ingest, item, lists_of, open_shop
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sql_tables import ITEM, table_of

from pipeline.errors import NotLanded
from pipeline.files import hash_file
from pipeline.hours import HOUR
from pipeline.item_history import read_item_history
from pipeline.line import run_stage
from pipeline.manifests import hour_folder
from pipeline.settings import Settings, load_settings

BODY = ("title", "category", "brand", "price", "currency", "is_available")
Catalog = dict[str, tuple[Any, ...]]

bodies = st.tuples(
    st.sampled_from(["t", "other", None]),
    st.sampled_from(["c", None]),
    st.none(),
    st.sampled_from([1.0, 2.0, None]),
    st.sampled_from(["EUR", None]),
    st.booleans(),
)
catalogs = st.dictionaries(st.sampled_from(["a", "b", "ä"]), bodies, min_size=1)


def land(settings: Settings, hour: datetime, catalog: Catalog, is_captured: bool = True) -> None:
    """The hour's snapshot stands in the lake as `ingest_catalog` would leave it."""
    folder = hour_folder(settings.lake, hour)
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{"item_id": key, **dict(zip(BODY, body, strict=True))} for key, body in sorted(catalog.items())]
    pq.write_table(table_of(rows, ITEM), folder / "items.parquet")
    entry = {"file": "items.parquet", "sha256": hash_file(folder / "items.parquet"), "rows": len(rows)}
    facts = {"catalog": {"is_captured": is_captured, "snapshot_at": None}}
    manifest = {"tables": {"items": entry}, "facts": facts}
    (folder / "ingest_catalog.json").write_text(json.dumps(manifest))


def as_of(intervals: list[dict[str, Any]], hour: datetime) -> Catalog:
    """The catalog of an hour by the intervals, which must not overlap."""
    valid = [
        one for one in intervals if one["valid_from"] <= hour and (one["valid_to"] is None or hour < one["valid_to"])
    ]
    found = {one["item_id"]: tuple(one[name] for name in BODY) for one in valid}
    assert len(found) == len(valid)
    return found


@examples(max_examples=40)
@given(data=st.data())
def test_the_intervals_at_an_hour_are_the_snapshot_it_captured_or_the_nearest_earlier_one(data: st.DataObject) -> None:
    told = data.draw(st.lists(st.one_of(st.none(), st.tuples(catalogs, st.booleans())), min_size=1, max_size=6))
    hours = {FIRST + step * HOUR: one for step, one in enumerate(told) if one}
    captured = {hour: catalog for hour, (catalog, is_captured) in hours.items() if is_captured}
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(home=Path(folder))
        for hour in data.draw(st.permutations(list(hours))):
            land(settings, hour, *hours[hour])
        last = FIRST + 7 * HOUR
        if not captured:
            with pytest.raises(NotLanded, match="captured a catalog"):
                read_item_history(settings, FIRST, last)
            return
        intervals = read_item_history(settings, FIRST, last).to_pylist()
        one = read_item_history(settings, FIRST, last, "a").to_pylist()
    expected: Catalog = {}
    for step in range(8):
        expected = captured.get(FIRST + step * HOUR, expected)
        assert as_of(intervals, FIRST + step * HOUR) == expected
    assert one == [interval for interval in intervals if interval["item_id"] == "a"]
    # As few intervals as there can be: one that follows another without a gap says something else.
    for before, after in pairwise(intervals):
        if before["item_id"] == after["item_id"] and before["valid_to"] == after["valid_from"]:
            assert any(before[name] != after[name] for name in BODY)


def test_a_damaged_snapshot_or_manifest_is_named(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path)
    land(settings, FIRST, {"a": ("t", None, None, 1.0, None, True)})
    path = hour_folder(settings.lake, FIRST) / "items.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(
        NotLanded, match=r"items\.parquet is missing or damaged; run ingest_catalog of 2026-01-05T10 again"
    ):
        read_item_history(settings, FIRST, FIRST)
    (path.parent / "ingest_catalog.json").write_text("{")
    with pytest.raises(NotLanded, match=r"the manifest .*ingest_catalog\.json is damaged"):
        read_item_history(settings, FIRST, FIRST)


def test_a_backfill_of_a_past_hour_uses_the_catalog_of_that_hour(tmp_path: Path) -> None:
    catalog = [
        item("a", price=1.0),
        item("b"),
        item("c"),
        item("a", price=5.0, is_available=False, updated_at="2026-01-05 11:20:00"),
    ]
    clicks = [
        event("click", user, thing, hour)
        for hour in range(2)
        for user in ("u", "v", "w", "x")
        for thing in (("a", "b") if user < "w" else ("a", "c"))
    ]
    settings = open_shop(tmp_path, catalog, clicks)
    for hour in (1, 0):  # the newer hour first: then the older is a backfill
        for stage in ("ingest_events", "ingest_catalog"):
            run_stage(stage, FIRST + hour * HOUR, settings)
        derive(settings, hour)
    popular = [lists_of(settings, "popular_items", "segment", hour=hour)["all"] for hour in range(2)]
    assert "a" in popular[0]
    for table, key, member in (
        ("popular_items", "segment", "item_id"),
        ("user_recommendations", "user_id", "item_id"),
        ("query_recommendations", "query", "item_id"),
        ("similar_items", "item_id", "similar_item_id"),
    ):
        lists = lists_of(settings, table, key, member, hour=1)
        assert not [owner for owner, members in lists.items() if "a" in members], table
    history = read_item_history(settings, FIRST, FIRST + HOUR, "a").to_pylist()
    assert [(one["valid_from"], one["valid_to"], one["price"], one["is_available"]) for one in history] == [
        (FIRST, FIRST + HOUR, 1.0, True),
        (FIRST + HOUR, None, 5.0, False),
    ]


def test_an_item_that_vanished_is_in_no_list_and_its_interval_ends(tmp_path: Path) -> None:
    clicks = [event("click", user, thing) for user in "uvwx" for thing in ("i000", "i001", "i002")]
    settings = open_shop(tmp_path, many_items(30), clicks)
    ingest(settings)
    replace_catalog(settings, many_items(30)[1:])
    ingest(settings, 2)
    derive(settings, 1)
    for table, key, member in (
        ("popular_items", "segment", "item_id"),
        ("user_recommendations", "user_id", "item_id"),
        ("similar_items", "item_id", "similar_item_id"),
    ):
        lists = lists_of(settings, table, key, member, hour=1)
        assert lists
        assert not [owner for owner, members in lists.items() if "i000" in (owner, *members)], table
    [interval] = read_item_history(settings, FIRST, FIRST + HOUR, "i000").to_pylist()
    assert (interval["valid_from"], interval["valid_to"]) == (FIRST, FIRST + HOUR)
