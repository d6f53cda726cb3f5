"""Audits: what passed is remembered, what is critical blocks, and many hours together get the verdicts of one by one."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import great_expectations.expectations as gxe
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from expectations import bought, items
from expectations.rules import rule
from pipeline import drafts, lake
from pipeline.audit import Finding, audit_table, count_refused, describe_warnings, find_refused
from pipeline.errors import AuditFailed
from pipeline.hours import HOUR, parse_hour
from pipeline.lake import keep_together, open_stage, open_stages
from pipeline.manifests import hour_folder
from pipeline.run import Run
from pipeline.settings import Settings

FIRST = parse_hour("2026-01-05T10")
ITEM_LIMITS = {"id_length": 200, "text_length": 1000}
ITEM_TYPES = {"title": pa.string(), "category": pa.string(), "brand": pa.string(), "price": pa.float64()}


def bought_table(*pairs: tuple[str | None, str]) -> pa.Table:
    users, items = zip(*pairs, strict=True) if pairs else ((), ())
    return pa.table({"user_id": pa.array(users, pa.string()), "item_id": pa.array(items, pa.string())})


def items_table(*ids: str, title: str | None = "a title", price: float = 1.0) -> pa.Table:
    columns: dict[str, Any] = {
        "item_id": pa.array(ids, pa.string()),
        "title": pa.array([title] * len(ids), pa.string()),
        "category": pa.array(["games"] * len(ids), pa.string()),
        "brand": pa.array([None] * len(ids), pa.string()),
        "price": pa.array([price] * len(ids), pa.float64()),
        "currency": pa.array(["EUR"] * len(ids), pa.string()),
        "is_available": pa.array([True] * len(ids)),
    }
    return pa.table(columns)


def write(folder: Path, *tables: pa.Table) -> list[Path]:
    paths = [folder / f"{place}.parquet" for place in range(len(tables))]
    for path, table in zip(paths, tables, strict=True):
        pq.write_table(table, path)
    return paths


def verdict(table: str, paths: list[Path], limits: dict[str, Any]) -> bool:
    try:
        audit_table(table, paths, limits, "hour")
    except AuditFailed:
        return False
    return True


class Counter:
    """Counts the audits that were really made."""

    def __init__(self) -> None:
        self.audits = 0

    def __call__(self, *arguments: Any) -> list[list[Finding]]:
        self.audits += 1
        return audit_table(*arguments)


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter]:
    counter = Counter()
    monkeypatch.setattr(lake, "audit_table", counter)
    monkeypatch.setattr(lake, "PASSED", {})
    return counter


def keep(settings: Settings, table: pa.Table, hour: datetime = FIRST, name: str = "bought", **limits: Any) -> None:
    with open_stage(Run(hour, settings), "prepare" if name == "bought" else "ingest_catalog") as work:
        pq.write_table(table, work.draft(name))
        work.keep(name, **limits)


GOOD = bought_table(("a", "x"), ("a", "y"))


def test_the_same_bytes_are_audited_once_here_and_after_a_restart(counter: Counter, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    keep(settings, GOOD)
    keep(settings, GOOD)
    lake.PASSED.clear()  # as another process would
    keep(settings, GOOD)
    lake.PASSED.clear()
    keep(settings, GOOD, FIRST + HOUR)
    assert counter.audits == 1
    lake.PASSED.clear()
    keep(settings, GOOD, FIRST + 3 * HOUR)  # only the hour before is asked
    assert counter.audits == 2


def test_other_bytes_are_audited_again(counter: Counter, tmp_path: Path) -> None:
    keep(Settings(home=tmp_path), GOOD)
    keep(Settings(home=tmp_path), bought_table(("a", "x")))
    assert counter.audits == 2


def test_other_limits_are_audited_again(counter: Counter, tmp_path: Path) -> None:
    settings, table = Settings(home=tmp_path), items_table("a", "b")
    keep(settings, table, name="items", **ITEM_LIMITS)
    lake.PASSED.clear()
    with pytest.raises(AuditFailed, match="title_not_storable"):
        keep(settings, table, name="items", **(ITEM_LIMITS | {"text_length": 3}))
    assert counter.audits == 2


def test_other_code_audits_again(counter: Counter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(home=tmp_path)
    keep(settings, GOOD)
    lake.PASSED.clear()
    monkeypatch.setattr(lake, "code_version", lambda: "another code")
    keep(settings, GOOD)
    assert counter.audits == 2


def test_what_failed_is_not_remembered_as_passed(counter: Counter, tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(AuditFailed):
            keep(Settings(home=tmp_path), bought_table(("a", "x"), ("a", "x")))
    assert counter.audits == 2


def test_a_warning_does_not_block_and_is_told_again_when_remembered(counter: Counter, tmp_path: Path) -> None:
    for _ in range(2):
        with open_stage(Run(FIRST, Settings(home=tmp_path)), "ingest_catalog") as work:
            pq.write_table(items_table("a", "b", title=None), work.draft("items"))
            work.keep("items", **ITEM_LIMITS)
        assert work.notes == ["warning: items: titles_missing: more than 5 % of the items have no title, 2 rows"]
        lake.PASSED.clear()
    assert counter.audits == 1


def test_a_failed_audit_names_hour_table_rule_count_and_first_value_but_nothing_personal(tmp_path: Path) -> None:
    (path,) = write(tmp_path, items_table("a", "b", price=-3.5))
    with pytest.raises(AuditFailed) as error:
        audit_table("items", [path], ITEM_LIMITS, "2026-01-05T10")
    sentence = str(error.value)
    assert sentence.startswith("2026-01-05T10: items: price_out_of_range: the price is not a number above 0")
    assert "2 rows, first -3.5" in sentence
    (path,) = write(tmp_path, bought_table(("secret user", "x"), (None, "x"), ("secret user", "x")))
    with pytest.raises(AuditFailed, match="user_id_missing") as error:
        audit_table("bought", [path], {}, "2026-01-05T10")
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("severity", ["critical", "warning"])
def test_a_rule_that_cannot_be_checked_counts_as_broken_whatever_its_severity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, severity: str
) -> None:
    about = rule(gxe.ExpectColumnValuesToNotBeNull, "gone", "no such column", severity=severity, column="no_column")
    monkeypatch.setattr(bought, "suite", lambda: [about])
    with pytest.raises(AuditFailed, match="bought: gone could not be checked"):
        audit_table("bought", write(tmp_path, GOOD), {}, "hour")


def test_a_suite_without_expectations_checks_nothing_and_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bought, "suite", list)
    with pytest.raises(AuditFailed, match="its suite holds no expectation"):
        audit_table("bought", write(tmp_path, GOOD), {}, "hour")


def test_the_library_is_given_the_numbers_that_it_judges_quickly(tmp_path: Path) -> None:
    table = pa.table({"rank": pa.array([1, 2], pa.int32()), "score": pa.array([0.5, 1.0], pa.float32())})
    pq.write_table(table, tmp_path / "draft.parquet")
    (frame,) = drafts.read_slices([tmp_path / "draft.parquet"], {"rank", "score"})
    assert {str(kind) for kind in frame.dtypes} == {"float64", "int64"}
    assert frame["score"].tolist() == [0.5, 1.0]


def test_a_table_without_rows_passes_only_where_no_rule_asks_for_rows(tmp_path: Path) -> None:
    assert verdict("bought", write(tmp_path, bought_table()), {})
    assert not verdict("items", write(tmp_path, items_table()), ITEM_LIMITS)


TOGETHER = {
    "all good": [items_table("a", "b"), items_table("a", "b"), items_table("a")],
    "one repeats an item": [items_table("a", "b"), items_table("a", "a"), items_table("b")],
    "one is empty": [items_table("a", "b"), items_table(), items_table("b")],
    "the first is empty": [items_table(), items_table("b")],
    "the last is empty": [items_table("a"), items_table("b"), items_table()],
    "one has a wrong price": [items_table("a"), items_table("b", price=0)],
    "one has no titles": [items_table("a", "b"), items_table("a", "b", title=None)],
    "all are empty": [items_table(), items_table()],
}


@pytest.mark.parametrize("tables", TOGETHER.values(), ids=TOGETHER.keys())
def test_several_hours_together_get_the_verdict_of_one_by_one(tmp_path: Path, tables: list[pa.Table]) -> None:
    paths = write(tmp_path, *tables)
    each = [verdict("items", [path], ITEM_LIMITS) for path in paths]
    assert verdict("items", paths, ITEM_LIMITS) == all(each)


def test_several_hours_together_get_the_warnings_of_one_by_one(tmp_path: Path) -> None:
    """19 titled items would hide one without a title, were a share asked of all hours at once."""
    paths = write(tmp_path, items_table(*map(str, range(40))), items_table("a", title=None))
    titled, untitled = audit_table("items", paths, ITEM_LIMITS, "hours")
    assert describe_warnings(titled) == []
    assert describe_warnings(untitled) == ["items: titles_missing: more than 5 % of the items have no title, 1 rows"]
    assert [titled, untitled] == [audit_table("items", [path], ITEM_LIMITS, "hour")[0] for path in paths]


def test_the_same_item_in_two_hours_is_no_repetition_and_the_same_in_one_hour_is(tmp_path: Path) -> None:
    two = bought_table(("a", "x"), ("b", "x"))
    assert verdict("bought", write(tmp_path, two, two), {})
    assert not verdict("bought", write(tmp_path, two, bought_table(("a", "x"), ("b", "x"), ("a", "x"))), {})


def test_drafts_are_held_against_the_suite_in_slices_that_never_lose_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts, "SLICE_ROWS", 3)
    tables = [items_table("a", "b", "c", "d"), items_table("a"), items_table("a", "b", "c", price=-1)]
    paths = write(tmp_path, *tables)
    rows = [
        row for frame in drafts.read_slices(paths) for row in zip(frame[drafts.DRAFT], frame["item_id"], strict=True)
    ]
    assert rows == [(0, "a"), (0, "b"), (0, "c"), (0, "d"), (1, "a"), (2, "a"), (2, "b"), (2, "c")]
    assert not verdict("items", paths, ITEM_LIMITS)
    refused = find_refused("items", number(paths), ITEM_LIMITS)
    assert [found["row"].to_pylist() for found in refused] == [[], [], [1, 2, 3]]


def number(paths: list[Path]) -> list[Path]:
    """The drafts with the row numbers that typed tables have."""
    for path in paths:
        table = pq.read_table(path)
        pq.write_table(table.append_column("row", pa.array(range(1, len(table) + 1), pa.int64())), path)
    return paths


def test_refused_rows_are_the_same_together_and_one_by_one_and_the_first_rule_decides(tmp_path: Path) -> None:
    bad = pa.concat_tables([items_table("a"), items_table("x" * 300, title="\0", price=-1), items_table("b", price=0)])
    paths = number(write(tmp_path, bad, items_table("a"), items_table(), bad))
    together = find_refused("items", paths, ITEM_LIMITS)
    assert together == [find_refused("items", [path], ITEM_LIMITS)[0] for path in paths]
    found = together[3].to_pylist()
    assert [(row["row"], row["rule"]) for row in found if row["is_primary"]] == [
        (2, "item_id_not_storable"),
        (3, "price_out_of_range"),
    ]
    assert {row["rule"] for row in found if row["row"] == 2} == {
        "item_id_not_storable",
        "title_not_storable",
        "price_out_of_range",
    }


def test_kept_together_each_hour_lands_its_own_and_passes_are_remembered(counter: Counter, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    runs = [Run(FIRST + step * HOUR, settings) for step in range(3)]
    with open_stages(runs, "prepare") as works:
        for place, work in enumerate(works):
            pq.write_table(bought_table(("a", str(place))), work.draft("bought"))
        keep_together(works, "bought")
    assert counter.audits == 1
    assert [work.rows_out for work in works] == [1, 1, 1]


def test_a_moment_that_is_no_day_of_ours_does_not_break_an_audit(tmp_path: Path) -> None:
    """Times go to pandas as they are: microseconds from year 1 to 9999."""
    moments = [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)]
    table = items_table("a", "b").append_column("updated_at", pa.array(moments, pa.timestamp("us", "UTC")))
    assert verdict("items", write(tmp_path, table), ITEM_LIMITS)


def test_every_rule_of_a_suite_leaves_one_finding_with_the_rows_it_looked_at_and_those_that_broke_it(
    tmp_path: Path,
) -> None:
    (path,) = write(tmp_path, pa.concat_tables([items_table("a", "b", "c"), items_table("d", title=None)]))
    (findings,) = audit_table("items", [path], ITEM_LIMITS, "hour")
    assert [found["rule"] for found in findings] == [one.meta["rule"] for one in items.suite(**ITEM_LIMITS)]
    by_rule = {found["rule"]: found for found in findings}
    assert by_rule["titles_missing"] == {
        "table": "items",
        "rule": "titles_missing",
        "severity": "warning",
        "passed": False,
        "checked": 4,
        "failed": 1,
        "observed": None,
        "sentence": "more than 5 % of the items have no title",
    }
    assert (by_rule["catalog_empty"]["observed"], by_rule["catalog_empty"]["failed"]) == (
        4.0,
        None,
    )  # it counts no rows
    assert {rule for rule, found in by_rule.items() if not found["passed"]} == {"titles_missing"}


def test_a_failed_audit_carries_the_findings_of_every_rule(tmp_path: Path) -> None:
    (path,) = write(tmp_path, pa.concat_tables([items_table("a"), items_table("b", "c", price=-1)]))
    with pytest.raises(AuditFailed) as error:
        audit_table("items", [path], ITEM_LIMITS, "hour")
    broken = [(found["rule"], found["failed"]) for found in error.value.findings if not found["passed"]]
    assert broken == [("price_out_of_range", 2)]
    assert len(error.value.findings) == len(items.suite(**ITEM_LIMITS))


def test_counts_of_a_rule_are_summed_over_slices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafts, "SLICE_ROWS", 2)
    (path,) = write(tmp_path, items_table("a", "b", "c", "d", "e", price=-1))
    with pytest.raises(AuditFailed) as error:
        audit_table("items", [path], ITEM_LIMITS, "hour")
    (broken,) = [found for found in error.value.findings if not found["passed"]]
    assert (broken["checked"], broken["failed"]) == (5, 5)


def test_refusing_rules_count_every_row_that_broke_them_and_stop_nothing(tmp_path: Path) -> None:
    bad = pa.concat_tables([items_table("a"), items_table("x" * 300, title="\0", price=-1), items_table("b", price=0)])
    paths = number(write(tmp_path, bad))
    findings = count_refused("items", find_refused("items", paths, ITEM_LIMITS)[0], 3, ITEM_LIMITS)
    assert {found["table"] for found in findings} == {"typed_items"}
    assert {found["severity"] for found in findings} == {"refuses"}
    assert {found["rule"]: found["failed"] for found in findings if not found["passed"]} == {
        "item_id_not_storable": 1,
        "title_not_storable": 1,
        "price_out_of_range": 2,
    }
    assert all(found["checked"] == 3 for found in findings)


def findings_of(folder: Path) -> list[Finding]:
    return list(json.loads((folder / "prepare.json").read_text())["quality"])


def test_findings_stand_in_the_manifest_also_when_the_audit_was_passed_before(counter: Counter, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    for hour in (FIRST, FIRST + HOUR):
        keep(settings, GOOD, hour)
        lake.PASSED.clear()
    assert counter.audits == 1
    first, second = (findings_of(hour_folder(settings.lake, hour)) for hour in (FIRST, FIRST + HOUR))
    assert first == second
    assert [found["rule"] for found in first] == [one.meta["rule"] for one in bought.suite()]
    assert all(found["passed"] and found["checked"] == 2 for found in first)


def test_hours_kept_together_have_findings_of_their_own(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    runs = [Run(FIRST + step * HOUR, settings) for step in range(3)]
    with open_stages(runs, "prepare") as works:
        for place, work in enumerate(works):
            pq.write_table(bought_table(*((str(user), "x") for user in range(place))), work.draft("bought"))
        keep_together(works, "bought")
    assert [{found["checked"] for found in work.quality} for work in works] == [{0}, {1}, {2}]


def test_a_failed_audit_leaves_its_findings_as_evidence_and_none_of_its_values(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with pytest.raises(AuditFailed):
        keep(settings, bought_table(("secret user", "x"), (None, "x"), ("secret user", "x")))
    evidence = (hour_folder(settings.lake, FIRST) / "failed" / "prepare" / "manifest.json").read_text()
    broken = {found["rule"]: found["failed"] for found in json.loads(evidence)["quality"] if not found["passed"]}
    assert broken == {"user_id_missing": 1, "user_id_and_item_id_repeated": 2}
    assert "secret" not in evidence


def test_a_key_that_repeats_in_another_slice_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(drafts, "SLICE_ROWS", 2)
    table = bought_table(("a", "x"), ("b", "x"), ("c", "x"), ("a", "x"))
    with pytest.raises(AuditFailed, match="two rows with the same user_id and item_id, 2 rows"):
        audit_table("bought", write(tmp_path, table), {}, "hour")
    items = items_table("a", "b", "c", "d", "a")
    with pytest.raises(AuditFailed, match=r"item_repeated: .*, 2 rows, first 'a'"):
        audit_table("items", write(tmp_path, items), ITEM_LIMITS, "hour")


@pytest.mark.parametrize(
    ("pairs", "unique"),
    [
        ([("a", "x"), ("a", "y"), ("b", "x")], True),
        ([("a", "x"), ("b", "x"), ("a", "x")], False),
        ([(None, "x"), (None, "x")], False),
        ([], True),
    ],
)
def test_drafts_are_unique_whose_keys_stand_once_each(
    pairs: list[tuple[str | None, str]], unique: bool, tmp_path: Path
) -> None:
    paths = write(tmp_path, GOOD, bought_table(*pairs))
    assert drafts.are_unique(paths, ["user_id", "item_id"]) is unique
    assert not drafts.are_unique(paths, ["user_id", "no_such_column"])


def test_a_large_draft_is_not_looked_through_in_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(drafts, "SLICE_ROWS", 1)
    assert not drafts.are_unique(write(tmp_path, GOOD), ["user_id", "item_id"])


def test_a_key_may_stand_in_several_hours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(drafts, "SLICE_ROWS", 2)
    assert len(audit_table("bought", write(tmp_path, GOOD, GOOD, GOOD), {}, "hours")) == 3
