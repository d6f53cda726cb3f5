"""After an erasure the ledger in the serving database and the pages of rewritten hours count what is there."""

from typing import Any

import pytest
from canary_shop import CANARY, HOURS, erase, found
from handmade_shop import FIRST, ledger
from sqlalchemy import select
from typer.testing import CliRunner

from pipeline import cli
from pipeline.hours import HOUR
from pipeline.report.files import page_path
from pipeline.retelling import NOBODY, retell_hours
from pipeline.serving import database
from pipeline.serving.schema import ingest_ledger
from pipeline.settings import Settings

FATES = ("delivered", "accepted", "quarantined", "duplicate")


def told_in_database(settings: Settings) -> list[dict[str, Any]]:
    """The ledger of each hour's events in the serving database, oldest first."""
    engine = database.connect(settings.serving)
    columns = ingest_ledger.c
    wanted = select(*(columns[fate] for fate in FATES)).where(columns.kind == "events").order_by(columns.interval_start)
    with database.reading(engine) as connection:
        rows = [dict(row) for row in connection.execute(wanted).mappings()]
    engine.dispose()
    return rows


def told_in_lake(settings: Settings) -> list[dict[str, Any]]:
    return [{fate: ledger(settings, hour)[fate] for fate in FATES} for hour in range(HOURS - 1)]


def test_ledger_and_pages_of_rewritten_hours_agree_with_the_lake_again(canary_shop: Settings) -> None:
    erase(canary_shop)
    assert told_in_database(canary_shop)[: HOURS - 1] != told_in_lake(canary_shop)
    assert retell_hours(canary_shop, 1) == (HOURS, [])
    assert told_in_database(canary_shop)[: HOURS - 1] == told_in_lake(canary_shop)
    assert "the person asked to be forgotten" in page_path(canary_shop.reports, FIRST + HOUR).read_text()
    assert found(canary_shop) == []


def test_hours_that_cannot_be_reported_are_named_with_the_command_that_does(canary_shop: Settings) -> None:
    erase(canary_shop)
    away = canary_shop.model_copy(update={"serving_url": "postgresql://me:secret@127.0.0.1:1/shop"})
    count, (trouble,) = retell_hours(away, 1)
    assert count == 0 and "secret" not in trouble
    assert trouble.startswith(
        f"source shop: the ledger and pages of {HOURS} rewritten hours still count the erased rows"
    )
    assert "treasure-hunt backfill 2026-01-05T10 2026-01-05T12 --only report" in trouble


def test_whoever_carries_a_request_out_again_has_its_hours_reported_that_were_not(
    canary_shop: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process ended between the receipt and the pages."""
    places = erase(canary_shop)
    monkeypatch.setattr(cli, "load_settings", lambda: canary_shop)
    said = " ".join(CliRunner().invoke(cli.app, ["erase", "--number", "1"]).output.split())
    assert f"request 1 is done: {sum(places.values())} rows" in said and "3 hours are reported again" in said
    assert told_in_database(canary_shop)[: HOURS - 1] == told_in_lake(canary_shop)


@pytest.mark.parametrize(("user", "is_known"), [(CANARY, True), ("never there", False)])
def test_the_command_says_when_nobody_was_found(
    canary_shop: Settings, monkeypatch: pytest.MonkeyPatch, user: str, is_known: bool
) -> None:
    monkeypatch.setattr(cli, "load_settings", lambda: canary_shop)
    said = " ".join(CliRunner().invoke(cli.app, ["erase", user]).output.split())
    assert (NOBODY in said) != is_known
    assert ("3 hours are reported again" in said) == is_known
