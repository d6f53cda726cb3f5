"""Seed files: SQL and suites read the same event types."""

from pathlib import Path

from pipeline.duck import connect, fetch_table
from pipeline.seeds import EVENT_TYPES, event_types
from pipeline.settings import load_settings


def test_sql_and_suites_read_the_same_event_types(tmp_path: Path) -> None:
    with connect(load_settings(), tmp_path) as connection:
        table = fetch_table(connection, "event_types", seed=EVENT_TYPES)
    assert sorted(event_types()) == table["event_type"].to_pylist() == ["add_to_cart", "click", "purchase", "search"]


def test_more_commitment_is_worth_more(tmp_path: Path) -> None:
    with connect(load_settings(), tmp_path) as connection:
        table = fetch_table(connection, "event_types", seed=EVENT_TYPES)
    worth = dict(zip(table["event_type"].to_pylist(), table["weight"].to_pylist(), strict=True))
    assert 0 < worth["search"] < worth["click"] < worth["add_to_cart"] < worth["purchase"]
