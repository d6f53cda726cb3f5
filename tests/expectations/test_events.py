from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from broken_tables import broken_rules, write_rows
from sql_tables import SHAPES, numbered, rows_of, table_of

from pipeline.audit import find_refused

LIMITS: dict[str, Any] = {
    "event_types": ["search", "click"],
    "lookback_hours": 6,
    "skew_seconds": 300,
    "id_length": 200,
    "query_length": 512,
}
CLICK: dict[str, Any] = {
    "event_id": "e",
    "user_id": "u",
    "session_id": "s",
    "event_type": "click",
    "query": None,
    "item_id": "a",
    "quantity": 1,
    "position": 1,
    "occurred_at": datetime(2026, 1, 1, 11, 30, tzinfo=UTC),
    "lag_seconds": 1800,
}
SEARCH = {**CLICK, "event_type": "search", "query": "red", "item_id": None, "quantity": None, "position": None}
GOOD = [{**CLICK, "event_id": "1"}, {**SEARCH, "event_id": "2"}]

# What is still right, at the edge of each rule.
RIGHT: list[dict[str, Any]] = [
    CLICK,
    SEARCH,
    {**CLICK, "user_id": None},
    {**CLICK, "session_id": None},
    {**CLICK, "quantity": 1_000_000, "position": 100_000},
    {**CLICK, "quantity": None, "position": None},
    {**CLICK, "query": "red"},
    {**CLICK, "lag_seconds": 7 * 3600},
    {**CLICK, "lag_seconds": -300},
    {**CLICK, "item_id": "x" * 200},
    {**CLICK, "item_id": "\U0001f600" * 200},
    {**CLICK, "item_id": "9007199254740993"},
    {**SEARCH, "query": "\u6238" * 512},
    {**SEARCH, "query": "two\nlines\t"},
]
# What is wrong, and every rule that it breaks, the one that decides first.
WRONG: list[tuple[dict[str, Any], list[str]]] = [
    ({**CLICK, "occurred_at": None, "lag_seconds": None}, ["occurred_at_unreadable"]),
    ({**CLICK, "lag_seconds": 7 * 3600 + 1}, ["too_late"]),
    ({**CLICK, "lag_seconds": -301}, ["future"]),
    ({**CLICK, "event_type": None}, ["event_type_missing"]),
    ({**CLICK, "event_type": "veiw"}, ["event_type_unknown"]),
    ({**CLICK, "user_id": None, "session_id": None}, ["actor_missing"]),
    ({**SEARCH, "query": None}, ["query_missing"]),
    ({**CLICK, "item_id": None}, ["item_missing"]),
    ({**CLICK, "event_id": "x" * 201}, ["event_id_not_storable"]),
    ({**CLICK, "user_id": "u\x00"}, ["user_id_not_storable"]),
    ({**CLICK, "session_id": "\x00"}, ["session_id_not_storable"]),
    ({**CLICK, "item_id": "\U0001f600" * 201}, ["item_id_not_storable"]),
    ({**SEARCH, "query": "q" * 513}, ["query_not_storable"]),
    ({**SEARCH, "query": "q\x00q"}, ["query_not_storable"]),
    ({**CLICK, "quantity": 0}, ["quantity_out_of_range"]),
    ({**CLICK, "quantity": 1_000_001}, ["quantity_out_of_range"]),
    ({**CLICK, "quantity": -(2**63)}, ["quantity_out_of_range"]),
    ({**CLICK, "position": 0}, ["position_out_of_range"]),
    ({**CLICK, "position": 100_001}, ["position_out_of_range"]),
    ({**CLICK, "event_id": None}, ["event_id_missing"]),
    (
        {**CLICK, "event_type": "veiw", "lag_seconds": 10**9, "quantity": 0, "user_id": None, "session_id": None},
        ["too_late", "event_type_unknown", "actor_missing", "quantity_out_of_range"],
    ),
]


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> dict[int, list[tuple[str, bool]]]:
    """Rules broken and whether they decide, by row: first the right rows, then the wrong ones."""
    typed = table_of(numbered([*RIGHT, *(row for row, _ in WRONG)]), SHAPES["typed_events"])
    path = tmp_path_factory.mktemp("typed") / "typed_events.parquet"
    pq.write_table(typed, path)
    [table] = find_refused("events", [path], LIMITS)
    rules: dict[int, list[tuple[str, bool]]] = {}
    for row in table.to_pylist():
        assert row["sentence"]
        rules.setdefault(row["row"], []).append((row["rule"], row["is_primary"]))
    return rules


@pytest.mark.parametrize("place", range(len(RIGHT)))
def test_what_is_right_is_not_refused(refused: dict[int, list[tuple[str, bool]]], place: int) -> None:
    assert place + 1 not in refused


@pytest.mark.parametrize("place", range(len(WRONG)), ids=["+".join(rules) for _, rules in WRONG])
def test_what_is_wrong_is_refused_by_its_rule_and_the_first_of_several_decides(
    refused: dict[int, list[tuple[str, bool]]], place: int
) -> None:
    rules = WRONG[place][1]
    assert refused[len(RIGHT) + place + 1] == [(rule, number == 0) for number, rule in enumerate(rules)]


def test_every_refusing_rule_is_broken_here() -> None:
    from expectations.events import suite

    refusing = {rule.meta["rule"] for rule in suite(**LIMITS) if rule.meta["refuses"]}
    assert refusing == {rule for _, rules in WRONG for rule in rules}


def test_dates_at_the_ends_of_time_are_refused_and_break_nothing(tmp_path: Path) -> None:
    moments = ["0000-01-01 00:00:00", "0001-01-01 00:00:00", "9999-12-31 23:59:59", "9999-12-31T23:59:59-14:00"]
    delivered = numbered(
        {"locator": "l", "event_type": "click", "item_id": "a", "user_id": "u", "occurred_at": moment}
        for moment in [*moments, "2026-01-01T11:30:00Z"]
    )
    # Through a file, as in the stage: Python's own dates do not reach that far.
    import duckdb

    from pipeline.duck import read_sql

    path = tmp_path / "typed_events.parquet"
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(read_sql("macros"))
        connection.register("delivered", table_of(delivered, SHAPES["delivered"]))
        connection.register("replayed_events", table_of([], SHAPES["replayed_events"]))
        end = "timestamptz '2026-01-01 12:00:00+00'"
        connection.execute(f"copy ({read_sql('typed_events').replace('$hour_end', end)}) to '{path}' (format parquet)")
    [table] = find_refused("events", [path], LIMITS)
    assert dict(zip(table["row"].to_pylist(), table["rule"].to_pylist(), strict=True)) == {
        1: "too_late",
        2: "too_late",
        3: "future",
        4: "future",
    }


def test_rows_of_several_hours_are_refused_under_their_own_numbers(tmp_path: Path) -> None:
    bad = {**CLICK, "quantity": 0}
    hours = [[CLICK, bad], [], [bad, CLICK, bad]]
    paths = []
    for number, rows in enumerate(hours):
        paths.append(tmp_path / f"{number}.parquet")
        pq.write_table(table_of(numbered(rows), SHAPES["typed_events"]), paths[-1])
    tables = find_refused("events", paths, LIMITS)
    assert [table["row"].to_pylist() for table in tables] == [[2], [], [1, 3]]


def test_a_good_table_passes_and_so_does_an_hour_without_events(tmp_path: Path) -> None:
    assert broken_rules("events", GOOD, GOOD, tmp_path, LIMITS) == ([], [])
    assert broken_rules("events", [], GOOD, tmp_path, LIMITS) == ([], [])


@pytest.mark.parametrize(("row", "rules"), WRONG[:-1:4])
def test_what_refuses_a_row_also_gates_the_accepted_table(
    tmp_path: Path, row: dict[str, Any], rules: list[str]
) -> None:
    critical, warnings = broken_rules("events", [*GOOD, row], GOOD, tmp_path, LIMITS)
    assert (critical, warnings) == (rules, [])


def test_an_event_id_that_stands_there_twice_is_critical(tmp_path: Path) -> None:
    assert broken_rules("events", [*GOOD, GOOD[0]], GOOD, tmp_path, LIMITS) == (["event_id_repeated"], [])


def test_the_events_that_the_sql_accepts_pass(tmp_path: Path) -> None:
    typed = numbered({**row, "event_id": str(place), "locator": "l"} for place, row in enumerate(RIGHT))
    accepted = rows_of("events", typed_events=typed, refused=[], repeated_events=[])
    path = write_rows(tmp_path / "accepted.parquet", accepted, accepted)
    assert pa.parquet.read_metadata(path).num_rows == len(RIGHT)
    assert broken_rules("events", accepted, accepted, tmp_path, LIMITS) == ([], [])
