"""Stage `ingest_catalog`: a snapshot of every hour, never an empty one, never overwritten."""

import sqlite3
from pathlib import Path

import pytest
from handmade_shop import FIRST, fill_shop, item, landed, landed_path, ledger, open_shop, rows

from pipeline.errors import AuditFailed
from pipeline.hours import HOUR, hours_between
from pipeline.line import run_stage, run_stage_of_hours
from pipeline.settings import Settings


def forget_catalog(settings: Settings) -> None:
    with sqlite3.connect(settings.shop_url.removeprefix("sqlite:///")) as shop:
        shop.execute("delete from catalog")


def test_an_hour_without_a_snapshot_uses_the_nearest_earlier_one_and_says_so(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, [item("a"), item("b")], [])
    run_stage("ingest_catalog", FIRST, settings)
    fill_shop(settings.shop_url, [item("c", updated_at="2026-01-05 11:30:00")], [])
    run_stage("ingest_catalog", FIRST + HOUR, settings)
    forget_catalog(settings)
    result = run_stage("ingest_catalog", FIRST + 4 * HOUR, settings)
    assert result.notes == ("the source has no usable catalog for this hour; using that of 2026-01-05T11",)
    assert [item_id for (item_id,) in rows(settings, "items", "item_id", hour=4)] == ["a", "b", "c"]
    assert ledger(settings, 4, "ingest_catalog")["delivered"] == 0


def test_without_any_snapshot_the_hour_is_refused(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, [], [])
    with pytest.raises(
        AuditFailed, match="2026-01-05T10: items: the source delivered an empty catalog and there is no"
    ):
        run_stage("ingest_catalog", FIRST, settings)


def test_a_snapshot_of_nothing_but_refused_rows_is_no_snapshot(tmp_path: Path) -> None:
    settings = open_shop(tmp_path / "alone", [item("a", price=-1)], [])
    with pytest.raises(AuditFailed, match="2026-01-05T10: items: "):
        run_stage("ingest_catalog", FIRST, settings)
    settings = open_shop(tmp_path / "after another", [item("a")], [])
    run_stage("ingest_catalog", FIRST, settings)
    fill_shop(settings.shop_url, [item("a", price=-1, updated_at="2026-01-05 11:30:00")], [])
    result = run_stage("ingest_catalog", FIRST + HOUR, settings)
    assert result.notes == ("the source has no usable catalog for this hour; using that of 2026-01-05T10",)
    assert rows(settings, "items", "price", hour=1) == [(9.99,)]
    assert ledger(settings, 1, "ingest_catalog")["by_rule"] == {"price_out_of_range": 1}


def test_a_later_snapshot_never_touches_an_earlier_one(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, [item("a", price=1)], [])
    run_stage("ingest_catalog", FIRST, settings)
    path, before = landed_path(settings, "items"), landed_path(settings, "items").read_bytes()
    fill_shop(settings.shop_url, [item("a", price=2, updated_at="2026-01-05 11:10:00")], [])
    run_stage("ingest_catalog", FIRST + HOUR, settings)
    forget_catalog(settings)
    run_stage("ingest_catalog", FIRST + 2 * HOUR, settings)
    assert path.read_bytes() == before
    assert [rows(settings, "items", "price", hour=hour) for hour in range(3)] == [[(1.0,)], [(2.0,)], [(2.0,)]]


def test_hours_together_hand_the_snapshot_on_among_themselves(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, [item("a", updated_at="2026-01-05 10:10:00")], [])
    hours = hours_between(FIRST - HOUR, FIRST)
    with pytest.raises(AuditFailed, match="2026-01-05T09: items: the source delivered an empty catalog"):
        list(run_stage_of_hours("ingest_catalog", hours, settings))
    run_stage("ingest_catalog", FIRST, settings)
    forget_catalog(settings)
    results = list(run_stage_of_hours("ingest_catalog", hours_between(FIRST, FIRST + 2 * HOUR), settings))
    assert [result.reused for result in results] == [True, False, False]
    assert results[2].notes == ("the source has no usable catalog for this hour; using that of 2026-01-05T11",)
    assert landed(settings, "items", 2).equals(landed(settings, "items", 0))


def test_items_without_titles_are_a_warning(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, [item(str(place), title=" ") for place in range(3)], [])
    assert run_stage("ingest_catalog", FIRST, settings).notes == (
        "warning: items: titles_missing: more than 5 % of the items have no title, 3 rows",
    )
