"""A bundle that breaks a rule is refused with one sentence that says which."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from arms_world import Rows, answer, at, cost, event, listed, make_bundle, make_log, run, seen
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.comparison import bundle
from pipeline.comparison.validate import check_bundle, check_log, find_breaches
from pipeline.errors import BadInput

EVENTS = [event(1, "u", "a"), event(3, "u", "b"), event(4, "w", "c")]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return make_log(tmp_path / "log", EVENTS, [(2, "u"), (5, "w")], items={"a": 0.0, "b": 0.0, "c": 3.5})


def good() -> dict[str, Rows]:
    return {
        "runs": [run(1), run(4)],
        "recommendations": [
            *listed("v1", None, "ab", 1.1, 4.1),
            *listed("v4", "w", "cb", 4.1),
            *listed("v4", None, "a", 4.1),
        ],
        "reads": [answer(2, "u", "v1"), answer(5, "w", "v4")],
        "event_visibility": [seen(EVENTS[0], 0.1), seen(EVENTS[1], 1.1), seen(EVENTS[2], None, fate="quarantined")],
        "faults": [{"fault": "disk full", "started": at(1), "detected": at(2), "recovered": at(3), "bad_rows": 0}],
        "costs": [cost()],
    }


def breaches(tmp_path: Path, log: Path, tables: dict[str, Rows], **more: Any) -> list[str]:
    return find_breaches(make_bundle(tmp_path / "bundle", log, tables, **more), log)


def test_a_good_bundle_has_no_breach(tmp_path: Path, log: Path) -> None:
    assert breaches(tmp_path, log, good()) == []
    assert check_bundle(tmp_path / "bundle", log)["arm"] == "hand"


def test_an_empty_bundle_is_valid(tmp_path: Path, log: Path) -> None:
    assert breaches(tmp_path, log, {}) == []


RULES: list[tuple[str, int, dict[str, Any], str]] = [
    (
        "runs",
        0,
        {"status": "done"},
        "status is something else, 1 times, first at row 1; expected is one of published, ",
    ),
    ("runs", 1, {"cpu_seconds": -1.0}, "cpu_seconds is out of bounds, 1 times, first at row 2; expected is 0 or more."),
    ("runs", 1, {"cpu_seconds": float("nan")}, "cpu_seconds is out of bounds"),
    ("runs", 1, {"run_id": "r1"}, "run_id stands in several rows"),
    ("runs", 0, {"interval_end": at(-1)}, "interval_end is before interval_start"),
    ("runs", 0, {"ended": at(0.5)}, "ended is before started"),
    ("runs", 0, {"published": at(0.5), "data_cutoff": at(0.5)}, "published is before started"),
    ("runs", 0, {"published": None}, "published is null"),
    (
        "runs",
        0,
        {"data_cutoff": at(2)},
        "data_cutoff is after the run was over, 1 times, first at row 1; expected is no data",
    ),
    ("recommendations", 0, {"rank": 0}, "rank is out of bounds"),
    ("recommendations", 1, {"rank": 3}, "ranks of a list are not 1 to n without gaps"),
    ("recommendations", 1, {"rank": 6}, "rank is past k"),
    ("recommendations", 1, {"item_id": "a"}, "an item stands twice in a list"),
    ("recommendations", 4, {"valid_to": at(4.1)}, "valid_to is not after valid_from"),
    ("recommendations", 1, {"valid_from": at(1.2)}, "valid_from or valid_to differ within a list"),
    ("recommendations", 1, {"valid_to": None}, "valid_from or valid_to differ within a list"),
    ("recommendations", 4, {"valid_from": at(4)}, "a list is valid while another one of the same user is"),
    ("reads", 0, {"version": "v9"}, "version is in no row of recommendations.parquet"),
    (
        "reads",
        0,
        {"version": "v4"},
        "version could not be read yet at t, 1 times, first at row 1; expected is t no earlier",
    ),
    ("reads", 0, {"version": None}, "a list was answered that could not be read"),
    ("reads", 0, {"items": 3}, "a list was answered that could not be read"),
    ("reads", 1, {"version": "v1"}, "a list was answered that could not be read"),
    ("reads", 0, {"status": 99}, "status is out of bounds, 1 times, first at row 1; expected is from 100 to 599."),
    ("reads", 1, {"t": at(49)}, "t is outside the replay"),
    ("reads", 1, {"t": at(2), "user_id": "u"}, "t and user_id are no read of the log, or more often than there"),
    ("reads", 1, {"user_id": "x"}, "t and user_id are no read of the log"),
    ("event_visibility", 0, {"fate": "kept"}, "fate is something else"),
    ("event_visibility", 0, {"first_visible": at(0.9)}, "first_visible is before landed"),
    ("event_visibility", 2, {"first_visible": at(5)}, "first_visible is filled though the event was refused or lost"),
    ("event_visibility", 0, {"event_id": "x"}, "event_id is in no row of the log's events"),
    ("event_visibility", 0, {"landed": at(0.9)}, "landed or first_visible is before the event was delivered"),
    ("recommendations", 0, {"item_id": "x"}, "item_id is recommended before the log knows it, or is not in the log"),
    ("recommendations", 0, {"item_id": "c"}, "item_id is recommended before the log knows it"),
    ("faults", 0, {"detected": at(0)}, "detected is before started"),
    ("faults", 0, {"recovered": at(0)}, "recovered is before started"),
    ("costs", 0, {"bytes_read": -1}, "bytes_read is out of bounds"),
]


@pytest.mark.parametrize(("table", "row", "change", "said"), RULES, ids=[f"{rule[0]}-{rule[3][:45]}" for rule in RULES])
def test_one_changed_row_is_one_breach_that_names_it(
    tmp_path: Path, log: Path, table: str, row: int, change: dict[str, Any], said: str
) -> None:
    tables = good()
    tables[table][row] |= change
    found = breaches(tmp_path, log, tables)
    assert [sentence for sentence in found if sentence.startswith(f"{bundle.file_of(table)}: {said}")], found


@pytest.mark.parametrize("change", [{"status": 404}, {"items": 0}])
def test_a_read_that_showed_nothing_needs_no_list(tmp_path: Path, log: Path, change: dict[str, Any]) -> None:
    tables = good()
    tables["reads"][0] |= {"version": None, **change}
    assert breaches(tmp_path, log, tables) == []


def test_a_list_of_somebody_else_is_no_answer(tmp_path: Path, log: Path) -> None:
    lists = [*listed("1", "w", "ab", 1), *listed("2", None, "ab", 1)]
    for version, count in (("1", 1), ("2", 0)):
        tables = {"recommendations": lists, "reads": [answer(2, "u", version)]}
        assert len(breaches(tmp_path, log, tables)) == count


def test_a_batch_names_the_run_of_every_version(tmp_path: Path, log: Path) -> None:
    assert breaches(tmp_path, log, good(), kind="batch") == []
    tables = good()
    del tables["runs"][1]
    assert breaches(tmp_path, log, tables) == []
    [sentence] = breaches(tmp_path, log, tables, kind="batch")
    assert sentence.startswith(
        "recommendations.parquet: version is in no row of runs.parquet, in a bundle of kind batch, 3"
    )


def test_lists_of_different_users_and_lists_one_after_the_other_do_not_overlap(tmp_path: Path, log: Path) -> None:
    tables = {"recommendations": [*listed("1", "u", "a", 1, 2), *listed("2", "u", "a", 2), *listed("3", "w", "a", 1)]}
    assert breaches(tmp_path, log, tables) == []


def test_a_list_within_a_long_one_overlaps_it_also_when_another_stands_between(tmp_path: Path, log: Path) -> None:
    rows = [*listed("1", "u", "a", 1, 9), *listed("2", "u", "a", 2, 3), *listed("3", "u", "a", 5, 6)]
    assert (
        "a list is valid while another one of the same user is, 2 times"
        in breaches(tmp_path, log, {"recommendations": rows})[0]
    )


def test_a_list_that_could_be_read_before_its_run_had_its_data_is_a_leak(tmp_path: Path, log: Path) -> None:
    tables = good()
    tables["runs"][0] |= {"ended": at(1.5), "published": at(1.5), "data_cutoff": at(1.2)}
    [sentence] = breaches(tmp_path, log, tables)
    assert "a list could be read before the data_cutoff of its version's run, 2 times" in sentence


def test_a_row_altered_after_the_seal_is_seen(tmp_path: Path, log: Path) -> None:
    folder = make_bundle(tmp_path / "bundle", log, good())
    tables = good()
    tables["reads"][0] |= {"latency_ms": 4.0}
    bundle.write_rows(folder, "reads", tables["reads"])
    [sentence] = find_breaches(folder, log)
    assert sentence.startswith("reads.parquet: its SHA-256 is ")
    assert sentence.endswith("the file was altered after it was sealed.")


def test_a_damaged_file_is_one_sentence_too(tmp_path: Path, log: Path) -> None:
    folder = make_bundle(tmp_path / "bundle", log, good())
    path = folder / "recommendations.parquet"
    whole = bytearray(path.read_bytes())
    whole[4:200] = bytes(196)
    path.write_bytes(whole)
    altered, damaged = find_breaches(folder, log)
    assert altered.startswith("recommendations.parquet: its SHA-256 is ")
    assert "a table cannot be read to its end" in damaged


def test_a_missing_file_is_named_with_its_columns(tmp_path: Path, log: Path) -> None:
    folder = make_bundle(tmp_path / "bundle", log, good())
    (folder / "faults.parquet").unlink()
    expected = "faults.parquet is missing; its columns are fault, started, detected, recovered, bad_rows."
    assert find_breaches(folder) == [expected]


def test_columns_and_types_are_exact(tmp_path: Path, log: Path) -> None:
    folder = make_bundle(tmp_path / "bundle", log, good())
    table = pq.read_table(folder / "costs.parquet")
    pq.write_table(table.drop_columns(["usd"]), folder / "costs.parquet")
    pq.write_table(
        bundle.read_table(folder, "faults").set_column(4, "bad_rows", pa.array([0], pa.int32())),
        folder / "faults.parquet",
    )
    first, second = find_breaches(folder)
    assert first == "faults.parquet: bad_rows is int32 and must be int64."
    assert second.startswith(
        "costs.parquet has the columns what, cpu_seconds, gb_seconds, bytes_read, bytes_written; expected"
    )


def test_text_may_be_kept_in_any_of_arrows_ways(tmp_path: Path, log: Path) -> None:
    folder = make_bundle(tmp_path / "bundle", log, good())
    costs = bundle.read_table(folder, "costs")
    for kind in (pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())):
        pq.write_table(costs.set_column(0, "what", costs.column("what").cast(kind)), folder / "costs.parquet")
        assert bundle.shape_breach(folder, "costs") is None
        assert bundle.read_table(folder, "costs") == costs


def test_a_null_that_must_not_be_is_counted(tmp_path: Path, log: Path) -> None:
    folder = make_bundle(tmp_path / "bundle", log, good())
    rows = bundle.read_table(folder, "reads").to_pylist()
    loose = pa.schema([field.with_nullable(True) for field in bundle.columns_of("reads")])
    pq.write_table(
        pa.Table.from_pylist([rows[0], {**rows[1], "user_id": None}], schema=loose), folder / "reads.parquet"
    )
    assert "reads.parquet: user_id is null, 1 times, first at row 2; expected is a value." in find_breaches(folder)


def test_a_bundle_of_another_log_is_refused_for_that_alone(tmp_path: Path, log: Path) -> None:
    other = make_log(tmp_path / "other", EVENTS[:1], [])
    [sentence] = find_breaches(make_bundle(tmp_path / "bundle", log, good()), other)
    assert "the arm ran on another log" in sentence


def test_a_log_altered_after_it_was_frozen_is_refused(tmp_path: Path, log: Path) -> None:
    bundle.write_rows(log, "log_reads", [])
    with pytest.raises(
        BadInput, match=r"reads\.parquet: its SHA-256 is .*; freeze the log again, or fetch it whole\.$"
    ):
        check_log(log)


def test_a_log_whose_hash_is_not_that_of_its_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="log_hash is not that of files"):
        check_log(make_log(tmp_path / "log", EVENTS, [], log_hash="0" * 64))


def test_a_field_of_arm_json_that_is_wrong_is_named(tmp_path: Path, log: Path) -> None:
    folder = make_bundle(tmp_path / "bundle", log, good())
    document = json.loads((folder / "arm.json").read_text())
    (folder / "arm.json").write_text(json.dumps(document | {"seed": "one"}))
    assert find_breaches(folder)[0].endswith("arm.json: seed: 'one' is not of type 'integer'.")


def test_moments_are_compared_as_moments_and_must_be_some(tmp_path: Path, log: Path) -> None:
    ended = {"started": "2026-01-01T00:00:00Z", "ended": "2026-01-01T00:00:00.5Z"}
    assert breaches(tmp_path, log, {}, **ended) == []
    turned = dict(zip(ended, reversed(ended.values()), strict=True))
    assert breaches(tmp_path, log, {}, **turned) == ["arm.json: ended is before started; expected is the start first."]
    path = tmp_path / "bundle" / "arm.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"ended": "2026-02-30T00:00:00Z"}))
    [sentence] = find_breaches(tmp_path / "bundle", log)
    assert sentence.endswith("arm.json: ended: '2026-02-30T00:00:00Z' is no date and time.")


def test_what_cannot_be_written_is_said_at_once(tmp_path: Path, log: Path) -> None:
    with pytest.raises(BadInput, match=r"costs\.parquet: usd missing; price not known; its columns are what, "):
        bundle.write_table(
            tmp_path, "costs", pa.table({"price": [1.0], **{n: [1] for n in bundle.columns_of("costs").names[:5]}})
        )
    with pytest.raises(BadInput, match=r"costs\.parquet: cpu_seconds is null in 1 rows and must be filled\."):
        bundle.write_rows(tmp_path, "costs", [cost(cpu_seconds=None)])
    with pytest.raises(BadInput, match=r"runs\.parquet, .* missing; write the tables before arm\.json"):
        bundle.write_arm(tmp_path / "nothing", {})
    with pytest.raises(BadInput, match="kind: 'bunch' is not one of"):
        make_bundle(tmp_path / "bundle", log, {}, kind="bunch")


def test_the_command_says_every_breach_and_ends_with_1(tmp_path: Path, log: Path) -> None:
    tables = good()
    tables["reads"][0] |= {"version": "v9"}
    tables["costs"][0] |= {"bytes_read": -1}
    folder = make_bundle(tmp_path / "bundle", log, tables)
    refused = CliRunner().invoke(app, ["arm", "validate", str(folder), "--log", str(log)])
    assert refused.exit_code == 1
    assert "reads.parquet: version is in no row" in refused.output
    assert "costs.parquet: bytes_read is out of bounds" in refused.output
    passed = CliRunner().invoke(app, ["arm", "validate", str(make_bundle(folder, log, good())), "--log", str(log)])
    assert (passed.exit_code, "is a valid bundle" in passed.output) == (0, True)
