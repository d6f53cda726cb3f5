"""Stage `ingest_catalog`: a snapshot of every hour, never a bad one while there is a good one, never overwritten."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from catalog_files import deliver, many_items, open_folder, replace_catalog
from handmade_shop import (
    FIRST,
    fill_shop,
    is_conserved,
    item,
    landed,
    landed_path,
    ledger,
    open_shop,
    rows,
    without_remedy,
)

from pipeline.errors import AuditFailed
from pipeline.gates import GATES
from pipeline.hours import HOUR, hours_between
from pipeline.line import run_stage, run_stage_of_hours
from pipeline.manifests import hour_folder, read_manifest, stage_facts
from pipeline.run import Run, StageResult
from pipeline.settings import Settings
from pipeline.verify import verify_hour

END = FIRST + HOUR


def ingest(settings: Settings, hour: int = 0, repull: bool = False) -> StageResult:
    return run_stage("ingest_catalog", FIRST + hour * HOUR, settings, repull)


def in_use(settings: Settings, hour: int = 0) -> dict[str, Any]:
    return dict(stage_facts(Run(FIRST + hour * HOUR, settings), "ingest_catalog")["catalog"])


def failed_gates(settings: Settings, hour: int = 0) -> list[str]:
    manifest = read_manifest(Run(FIRST + hour * HOUR, settings), "ingest_catalog") or {}
    return [one["rule"] for one in manifest["quality"] if one["rule"] in GATES and not one["passed"]]


def ids(settings: Settings, hour: int = 0) -> list[str]:
    return [item_id for (item_id,) in rows(settings, "items", "item_id", hour=hour)]


def taken(count: int, hours_before_end: float, **other: Any) -> list[dict[str, Any]]:
    """Items of a snapshot that the source took so long before the end of the first hour."""
    moment = END - timedelta(hours=hours_before_end)
    return [{**one, "snapshot_at": f"{moment:%Y-%m-%d %H:%M:%S.%f}"} for one in many_items(count, **other)]


def test_an_hour_without_a_snapshot_uses_the_nearest_earlier_one_and_says_so(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, [item("a"), item("b")], [])
    ingest(settings)
    fill_shop(settings.shop_url, [item("c", updated_at="2026-01-05 11:30:00")], [])
    ingest(settings, 1)
    replace_catalog(settings)
    result = ingest(settings, 3)
    assert without_remedy(result.notes) == (
        "warning: items: the source delivered an empty catalog",
        "using the catalog of 2026-01-05T11, 2.0 h old at the hour's end",
    )
    assert ids(settings, 3) == ["a", "b", "c"]
    assert ledger(settings, 3, "ingest_catalog")["delivered"] == 0
    assert in_use(settings, 3) == {
        "snapshot_hour": "2026-01-05T11",
        "is_captured": False,
        "reason": "catalog_empty_delivered",
        "age_hours": 2.0,
        "snapshot_at": None,
        "items_vanished": None,
    }
    assert ingest(settings, 4).notes[-1] == "using the catalog of 2026-01-05T11, 3.0 h old at the hour's end"


def test_without_any_snapshot_the_hour_is_refused(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, [], [])
    said = "2026-01-05T10: items: the source delivered an empty catalog; no earlier one within 30 days has landed"
    with pytest.raises(AuditFailed, match=said):
        ingest(settings)


def test_a_snapshot_of_nothing_but_refused_rows_is_no_snapshot(tmp_path: Path) -> None:
    settings = open_shop(tmp_path / "alone", [item("a", price=-1)], [])
    with pytest.raises(AuditFailed, match="2026-01-05T10: items: none of 1 delivered rows can be used; no earlier one"):
        ingest(settings)
    settings = open_shop(tmp_path / "after another", [item("a")], [])
    ingest(settings)
    fill_shop(settings.shop_url, [item("a", price=-1, updated_at="2026-01-05 11:30:00")], [])
    assert without_remedy(ingest(settings, 1).notes)[0] == "warning: items: none of 1 delivered rows can be used"
    assert rows(settings, "items", "price", hour=1) == [(9.99,)]
    assert ledger(settings, 1, "ingest_catalog")["by_rule"] == {"price_out_of_range": 1}


@pytest.mark.parametrize(
    ("before", "after", "is_refused"),
    [(100, 81, False), (100, 80, False), (100, 79, True), (20, 16, False), (20, 15, True), (19, 1, False)],
)
def test_a_snapshot_that_lost_more_than_the_limit_is_refused_from_20_items_up(
    tmp_path: Path, before: int, after: int, is_refused: bool
) -> None:
    settings = open_shop(tmp_path, many_items(before), [])
    ingest(settings)
    replace_catalog(settings, many_items(after))
    result = ingest(settings, 1)
    assert len(ids(settings, 1)) == (before if is_refused else after)
    assert ("catalog_truncated" in failed_gates(settings, 1)) == is_refused
    if is_refused:
        assert without_remedy(result.notes)[0] == (
            f"warning: items: {after} items after {before} in 2026-01-05T10, {1 - after / before:.1%} fewer; the limit is "
            "20.0%"
        )
        assert in_use(settings, 1)["reason"] == "catalog_truncated"
    else:
        assert in_use(settings, 1)["items_vanished"] == before - after
        assert result.notes == (f"{before - after} of {before} items of 2026-01-05T10 are no longer in the catalog",)


def test_every_row_of_a_refused_snapshot_stands_in_quarantine_under_the_gate_or_its_own_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = open_folder(tmp_path, monkeypatch)
    deliver(settings, many_items(40))
    ingest(settings)
    deliver(settings, [*many_items(10), item("i000", title="again"), item("bad", price=-1)])
    ingest(settings, 1)
    counts = ledger(settings, 1, "ingest_catalog")
    assert is_conserved(counts)
    assert {fate: counts[fate] for fate in ("delivered", "accepted", "quarantined", "duplicate")} == {
        "delivered": 12,
        "accepted": 0,
        "quarantined": 12,
        "duplicate": 0,
    }
    assert counts["by_rule"] == counts["every_failed_rule"] == {"catalog_truncated": 11, "price_out_of_range": 1}
    quarantined = rows(settings, "quarantined_items", "locator", "rule", hour=1)
    assert quarantined == [
        *((f"row {place}", "catalog_truncated") for place in range(11)),
        ("row 11", "price_out_of_range"),
    ]


def test_a_real_clearance_is_taken_with_a_raised_limit_and_a_second_pull(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, many_items(40), [])
    ingest(settings)
    replace_catalog(settings, many_items(10))
    ingest(settings, 1)
    settings = settings.model_copy(update={"catalog_drop_limit": 0.75})
    assert ingest(settings, 1).reused
    assert len(ids(settings, 1)) == 40
    ingest(settings, 1, repull=True)
    assert in_use(settings, 1)["is_captured"]
    assert len(ids(settings, 1)) == 10


@pytest.mark.parametrize(
    ("bad", "count", "is_refused"), [(6, 100, True), (5, 100, False), (2, 20, True), (18, 19, False)]
)
def test_too_many_malformed_items_refuse_the_snapshot_and_not_the_hour_from_20_items_up(
    tmp_path: Path, bad: int, count: int, is_refused: bool
) -> None:
    settings = open_shop(tmp_path, many_items(count), [], catalog_drop_limit=1)
    ingest(settings)
    replace_catalog(settings, [*many_items(count - bad), *(item(f"bad {place}", price=-1) for place in range(bad))])
    result = ingest(settings, 1)
    assert in_use(settings, 1)["is_captured"] != is_refused
    if is_refused:
        assert without_remedy(result.notes)[0] == (
            f"warning: items: {bad} of {count} items are malformed ({bad / count:.1%}), most often price_out_of_range "
            f"({bad} items); the limit is 5.0%"
        )
        assert in_use(settings, 1)["reason"] == "catalog_malformed"
        counts = ledger(settings, 1, "ingest_catalog")["by_rule"]
        assert counts == {"catalog_malformed": count - bad, "price_out_of_range": bad}
    else:
        assert failed_gates(settings, 1) == (["malformed_share_high"] if count >= 20 else [])


def test_an_item_that_was_delivered_and_refused_is_not_called_gone(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, many_items(10), [])
    ingest(settings)
    replace_catalog(settings, [*many_items(7), item("i007", price=-1)])
    result = ingest(settings, 1)
    assert "2 of 10 items of 2026-01-05T10 are no longer in the catalog" in result.notes
    assert in_use(settings, 1)["items_vanished"] == 2


def test_a_file_that_is_missing_or_broken_leaves_the_earlier_snapshot_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = open_folder(tmp_path, monkeypatch, "parquet")
    with pytest.raises(AuditFailed, match=r"T10: items: source files: cannot read .*; no earlier one"):
        ingest(settings)
    path = deliver(settings, many_items(3))
    ingest(settings)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "catalog.parquet" in ingest(settings, 1).notes[0]
    assert in_use(settings, 1)["reason"] == "catalog_unreadable"
    path.unlink()
    assert ingest(settings, 2).notes[0].startswith("warning: items: source files: cannot read ")
    assert ids(settings, 1) == ids(settings, 2) == ["i000", "i001", "i002"]
    path.write_bytes(whole)  # an hour in which nothing could be read is asked again
    ingest(settings, 2)
    assert in_use(settings, 2)["is_captured"]


@pytest.mark.parametrize(("hours_old", "is_stale"), [(0, False), (2, False), (2.001, True)])
def test_a_snapshot_that_is_older_than_the_limit_when_the_hour_ends_is_used_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hours_old: float, is_stale: bool
) -> None:
    settings = open_folder(tmp_path, monkeypatch)
    deliver(settings, taken(3, hours_old))
    said = "warning: items: the catalog in use is as of 2026-01-05 08:59 UTC, 2.0 h before the hour's end; the limit is 2 h"
    assert without_remedy(ingest(settings).notes) == ((said,) if is_stale else ())
    assert in_use(settings)["age_hours"] == hours_old
    assert in_use(settings)["is_captured"]


def test_an_earlier_snapshot_is_as_old_as_the_source_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = open_folder(tmp_path, monkeypatch)
    path = deliver(settings, taken(3, 1.5))
    ingest(settings)
    path.unlink()
    ingest(settings, 1)
    assert in_use(settings, 1)["age_hours"] == 2.5
    assert in_use(settings, 1)["snapshot_at"] == "2026-01-05T09:30:00+00:00"
    assert failed_gates(settings, 1) == ["catalog_unreadable", "catalog_stale"]


@pytest.mark.parametrize(("hours_before_end", "is_refused"), [(-1.0, False), (-1.001, True)])
def test_a_snapshot_taken_after_the_hour_gives_way_to_an_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hours_before_end: float, is_refused: bool
) -> None:
    settings = open_folder(tmp_path, monkeypatch)
    deliver(settings, taken(3, 0, title="of then"))
    ingest(settings)
    deliver(settings, taken(3, hours_before_end, title="of today"))
    ingest(settings, 1)
    assert ("catalog_from_the_future" in failed_gates(settings, 1)) == is_refused
    assert rows(settings, "items", "title", hour=1)[0] == ("of then" if is_refused else "of today",)
    if is_refused:
        assert ledger(settings, 1, "ingest_catalog")["by_rule"] == {"catalog_from_the_future": 3}


def test_a_source_that_only_knows_todays_catalog_serves_where_there_is_no_earlier_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = open_folder(tmp_path, monkeypatch)
    deliver(settings, taken(3, -100))
    said = (
        "warning: items: the source took this snapshot {} h after the hour's end; it is used all the same, because there "
        "is no earlier one"
    )
    assert without_remedy(ingest(settings).notes) == (said.format("100.0"),)
    assert without_remedy(ingest(settings, 1).notes) == (said.format("99.0"),)  # the earlier one is no better
    assert in_use(settings, 1) == {
        "snapshot_hour": "2026-01-05T11",
        "is_captured": True,
        "reason": None,
        "age_hours": 0.0,
        "snapshot_at": "2026-01-09T15:00:00+00:00",
        "items_vanished": 0,
    }


def test_a_captured_snapshot_is_kept_by_a_second_pull_and_the_note_says_so(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, many_items(3), [])
    ingest(settings)
    before = landed_path(settings, "items").read_bytes()
    replace_catalog(settings, many_items(3, price=1))
    result = ingest(settings, repull=True)
    assert result.reused
    assert result.notes == ("the snapshot that this hour captured is kept: it is never overwritten",)
    assert landed_path(settings, "items").read_bytes() == before
    results = list(run_stage_of_hours("ingest_catalog", hours_between(FIRST, FIRST + HOUR), settings, repull=True))
    assert [result.reused for result in results] == [True, False]
    assert landed_path(settings, "items").read_bytes() == before


def test_a_second_pull_asks_again_where_the_hour_used_an_earlier_snapshot_or_its_own_is_damaged(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, many_items(30), [])
    ingest(settings)
    replace_catalog(settings, many_items(3))
    ingest(settings, 1)
    replace_catalog(settings, many_items(29))
    ingest(settings, 1, repull=True)
    assert in_use(settings, 1)["is_captured"]
    path = landed_path(settings, "items")
    path.write_bytes(b"PAR1" + path.read_bytes()[4:-1] + b"?")
    assert not ingest(settings, repull=True).reused
    assert len(ids(settings)) == 29


def test_a_second_pull_asks_again_for_a_snapshot_from_the_future(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = open_folder(tmp_path, monkeypatch)
    deliver(settings, taken(3, -5))
    ingest(settings)
    deliver(settings, taken(2, 0))
    ingest(settings, repull=True)
    assert len(ids(settings)) == 2


def test_a_damaged_earlier_snapshot_is_passed_over_by_name(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, many_items(3), [])
    ingest(settings)
    ingest(settings, 1)
    path = landed_path(settings, "items", 1)
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    replace_catalog(settings)
    result = ingest(settings, 2)
    assert result.notes[0] == (
        f"warning: {path} is missing or damaged and is passed over; run ingest_catalog of 2026-01-05T11 again with --repull"
    )
    assert in_use(settings, 2)["snapshot_hour"] == "2026-01-05T10"


def test_prices_that_jump_are_a_warning_with_their_count(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, many_items(4, price=10), [])
    ingest(settings)
    changed = [item("i000", price=1000), item("i001", price=1000.01), item("i002", price=0.1), item("i003", price=0.09)]
    replace_catalog(settings, changed)
    assert without_remedy(ingest(settings, 1).notes) == (
        "warning: items: the prices of 2 items are more than 100 times, or less than 1/100 of, what they were in "
        "2026-01-05T10, first 'i001'",
    )
    assert [price for (price,) in rows(settings, "items", "price", hour=1)] == [1000, 1000.01, 0.1, 0.09]


def test_a_later_snapshot_never_touches_an_earlier_one(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, [item("a", price=1)], [])
    ingest(settings)
    path, before = landed_path(settings, "items"), landed_path(settings, "items").read_bytes()
    fill_shop(settings.shop_url, [item("a", price=2, updated_at="2026-01-05 11:10:00")], [])
    ingest(settings, 1)
    replace_catalog(settings)
    ingest(settings, 2)
    assert path.read_bytes() == before
    assert [rows(settings, "items", "price", hour=hour) for hour in range(3)] == [[(1.0,)], [(2.0,)], [(2.0,)]]


def test_hours_together_hand_the_snapshot_on_among_themselves(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, [item("a", updated_at="2026-01-05 10:10:00")], [])
    hours = hours_between(FIRST - HOUR, FIRST)
    with pytest.raises(AuditFailed, match="2026-01-05T09: items: the source delivered an empty catalog"):
        list(run_stage_of_hours("ingest_catalog", hours, settings))
    ingest(settings)
    replace_catalog(settings)
    results = list(run_stage_of_hours("ingest_catalog", hours_between(FIRST, FIRST + 2 * HOUR), settings))
    assert [result.reused for result in results] == [True, False, False]
    assert results[2].notes[-1] == "using the catalog of 2026-01-05T10, 2.0 h old at the hour's end"
    assert landed(settings, "items", 2).equals(landed(settings, "items", 0))


def test_hours_together_are_the_same_as_one_by_one(tmp_path: Path) -> None:
    appearing = [item(f"i{place:02}", updated_at="2026-01-05 10:30:00") for place in range(30)]
    spoilt = [
        item(f"i{place:02}", price=-1, updated_at="2026-01-05 11:30:00") for place in range(20)
    ]  # 10 of 30 are left in the second hour
    together, single = (
        open_shop(tmp_path / name, [*appearing, *spoilt], [], malformed_limit=1) for name in ("together", "single")
    )
    list(run_stage_of_hours("ingest_catalog", hours_between(FIRST, FIRST + 2 * HOUR), together))
    for hour in range(3):
        ingest(single, hour)
        assert in_use(together, hour) == in_use(single, hour)
        assert ledger(together, hour, "ingest_catalog") == ledger(single, hour, "ingest_catalog")
        for table in ("items", "quarantined_items"):
            assert landed_path(together, table, hour).read_bytes() == landed_path(single, table, hour).read_bytes()
    assert in_use(single, 2)["reason"] == "catalog_truncated"


def test_an_hour_that_used_an_earlier_snapshot_verifies_to_the_same_bytes(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, many_items(30), [])
    ingest(settings)
    replace_catalog(settings, many_items(3))
    ingest(settings, 1)
    results, _ = verify_hour(FIRST + HOUR, settings)
    assert [result.is_same for result in results] == [True, True]


def test_a_blocked_hour_keeps_what_every_gate_found(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, [], [])
    with pytest.raises(AuditFailed):
        ingest(settings)
    evidence = (hour_folder(settings.lake, FIRST) / "failed" / "ingest_catalog" / "manifest.json").read_text()
    assert '"catalog_missing"' in evidence
    assert '"catalog_empty_delivered"' in evidence


def test_items_without_titles_are_a_warning(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, [item(str(place), title=" ") for place in range(3)], [])
    assert without_remedy(ingest(settings).notes) == (
        "warning: items: titles_missing: more than 5 % of the items have no title, 3 rows",
    )
