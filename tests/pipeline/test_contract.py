"""The contract of a source: what is missing stops the hour before anything is pulled, what is new or changed is said."""

import sqlite3
from pathlib import Path
from typing import Any

import psycopg
import pytest
from handmade_shop import FIRST, event, fill_shop, item, ledger, open_shop, without_remedy

from pipeline.errors import AuditFailed
from pipeline.line import run_stage
from pipeline.manifests import landed_hours, read_manifest
from pipeline.run import Run
from pipeline.settings import Settings, load_settings
from pipeline.sources.contract import Agreed, Difference, compare, read_contract, relations_of
from pipeline.sources.read import SOURCES, list_sources

CONTRACT = [
    Agreed("events", "events", "user_id", "text", True),
    Agreed("events", "events", "quantity", "integer", False),
]


def differ(found: dict[str, str] | None) -> Difference:
    difference = Difference()
    compare(CONTRACT, "events", "table events", found, difference)
    return difference


@pytest.mark.parametrize(
    ("found", "missing", "new", "changed"),
    [
        ({"user_id": "text", "quantity": "integer"}, [], [], []),
        ({"user_id": "text"}, [], [], []),
        ({"quantity": "integer"}, ["table events: column user_id is missing"], [], []),
        (
            {"uid": "text", "quantity": "integer"},
            ["table events: column user_id is missing, uid is new (renamed?)"],
            [],
            [],
        ),
        (
            {"user_id": "text", "quantity": "integer", "b": "", "a": ""},
            [],
            ["table events: b, a is new and ignored"],
            [],
        ),
        (
            {"user_id": "text", "count": "integer"},
            [],
            ["table events: count is new and ignored (quantity is missing: renamed?)"],
            [],
        ),
        (
            {"user_id": "integer", "quantity": "number"},
            [],
            [],
            [
                "table events: column user_id is integer, not text",
                "table events: column quantity is number, not integer",
            ],
        ),
        ({"user_id": "", "quantity": ""}, [], [], []),
        ({"u000012": "text", "2": "text"}, ["table events has none of the 2 columns user_id, quantity"], [], []),
        (None, ["table events is missing"], [], []),
    ],
)
def test_every_difference_is_named(found: Any, missing: list[str], new: list[str], changed: list[str]) -> None:
    assert differ(found) == Difference(missing, new, changed)


@pytest.mark.parametrize("name", list_sources())
def test_every_source_has_a_contract_of_agreed_words(name: str) -> None:
    for kind in ("events", "items"):
        contract = read_contract(SOURCES / name, kind)
        assert relations_of(contract)
        assert all(line.type in {"text", "integer", "number", "boolean", "moment"} for line in contract if line.column)


@pytest.fixture(params=["sqlite", "postgresql"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """A shop of one click in each kind of database."""
    if request.param == "sqlite":
        return open_shop(tmp_path, [item("a")], [event("click", "u", "a")])
    url = str(request.getfixturevalue("postgres_url")).replace("postgresql://", "postgresql+psycopg://")
    fill_shop(url, [item("a")], [event("click", "u", "a")])
    return load_settings(home=tmp_path, source_url=url)


def change(settings: Settings, statement: str) -> None:
    if settings.source_url:
        with psycopg.connect(settings.source_url.replace("+psycopg", "")) as connection:
            connection.execute(statement)  # type: ignore[call-overload]
    else:
        with sqlite3.connect(settings.shop_url.removeprefix("sqlite:///")) as connection:
            connection.execute(statement)


def test_a_shop_as_agreed_has_nothing_to_say(shop: Settings) -> None:
    for stage in ("ingest_events", "ingest_catalog"):
        assert run_stage(stage, FIRST, shop).notes == ()


def test_a_renamed_column_stops_the_hour_before_anything_is_pulled(shop: Settings) -> None:
    change(shop, "alter table events rename column user_id to uid")
    with pytest.raises(AuditFailed) as error:
        run_stage("ingest_events", FIRST, shop)
    assert str(error.value) == (
        "2026-01-05T10: contract of source shop: table events: column user_id is missing, uid is new (renamed?); to do: "
        "ask the source's owner; adapt `sql/sources/shop/`: the SELECT and `contract.csv`."
    )
    assert landed_hours(shop.lake, "ingest_events", FIRST, FIRST) == []
    assert not list(shop.lake.rglob("pulled.parquet"))


def test_a_missing_table_stops_the_hour(shop: Settings) -> None:
    change(shop, "drop table catalog")
    with pytest.raises(AuditFailed, match="contract of source shop: table catalog is missing"):
        run_stage("ingest_catalog", FIRST, shop)


def test_a_new_column_is_said_recorded_and_ignored(shop: Settings) -> None:
    change(shop, "alter table events add column colour text")
    result = run_stage("ingest_events", FIRST, shop)
    assert without_remedy(result.notes) == (
        "warning: contract of source shop: table events: colour is new and ignored",
    )
    assert ledger(shop)["accepted"] == 1
    manifest = read_manifest(Run(FIRST, shop), "ingest_events")
    assert manifest
    broken = [(found["table"], found["rule"]) for found in manifest["quality"] if not found["passed"]]
    assert broken == [("events", "contract_columns_new")]


def test_a_changed_type_is_said_and_values_stay_what_they_were(tmp_path: Path, postgres_url: str) -> None:
    url = postgres_url.replace("postgresql://", "postgresql+psycopg://")
    fill_shop(url, [item("a")], [event("click", str(2**53 + 1), "a", quantity=2)])
    settings = load_settings(home=tmp_path, source_url=url)
    change(settings, "alter table events alter column user_id type bigint using user_id::bigint")
    change(settings, "alter table events alter column quantity type text")
    result = run_stage("ingest_events", FIRST, settings)
    assert without_remedy(result.notes) == (
        "warning: contract of source shop: table events: column user_id is integer, not text; "
        "table events: column quantity is text, not integer",
    )
    assert ledger(settings)["accepted"] == 1
