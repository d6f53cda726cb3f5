"""The command `quarantine`: what a person types to look, mend and replay, and what a person reads."""

from pathlib import Path

import pytest
from handmade_shop import FIRST, event, ingest, item, open_shop, rows
from typer.testing import CliRunner

from pipeline import cli
from pipeline.errors import BadInput, TreasureHuntError
from pipeline.hours import HOUR
from pipeline.line import run_stage
from pipeline.settings import Settings

LOGGED = [
    event("veiw", "u0", "a"),
    event("veiw", "u1", "a"),
    event("click", "u2", None),
    event("search", "u3", "x" * 600 + "\x1b[31m"),
    event("click", "u4", "a", occurred_at="\x1b]0;title\x07 yesterday\nor so"),
]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("TREASURE_HUNT_HOME", str(tmp_path / "var"))
    settings = open_shop(tmp_path / "var", [item("a"), item("b", price=-1)], LOGGED)
    ingest(settings)
    return settings


def call(*arguments: str) -> str:
    """What the command prints; raises what it raises."""
    done = CliRunner().invoke(cli.app, ["quarantine", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_list_names_every_rule_with_its_rows_its_sentence_and_what_to_do(shop: Settings) -> None:
    said = call("list")
    assert "Refused from 2026-01-04T11 to 2026-01-05T10, source shop" in said
    lines = [line.split() for line in said.splitlines()]
    assert ["events", "event_type_unknown", "1", "2", "2026-01-05T10"] in lines
    assert ["items", "price_out_of_range", "1", "1", "2026-01-05T10"] in lines
    assert "event_type_unknown: the event type is not one of search, click, add_to_cart, purchase: 'veiw' (2)" in said
    assert "`treasure-hunt quarantine replay 2026-01-05T10 --rule event_type_unknown --map event_type:veiw=NEW`" in said
    assert "mend the catalog at the source: the next snapshot brings it" in said


def test_list_takes_hours_and_a_kind(shop: Settings) -> None:
    assert "price_out_of_range" not in call("list", "--kind", "events")
    assert "no row was refused from 2026-01-05T11 to 2026-01-05T12" in call(
        "list", "--from", "2026-01-05T11", "--to", "2026-01-05T12"
    )
    with pytest.raises(BadInput, match="the range ends"):
        call("list", "--from", "2026-01-05T11", "--to", "2026-01-05T10")
    with pytest.raises(BadInput, match="'users' is not a kind of rows; the kinds are events, items"):
        call("list", "--kind", "users")


def test_show_prints_rows_as_they_came_without_what_a_terminal_would_obey(shop: Settings) -> None:
    said = call("show", "2026-01-05T10")
    assert "events/0  event_type_unknown: the event type is not one of search, click, add_to_cart, purchase" in said
    assert "event_id=e0  user_id=u0  session_id=session of u0  event_type=veiw  item_id=a" in said
    assert "\x1b" not in said and "\\x1b]0;title\\x07 yesterday\\nor so" in said
    assert "… (605 characters)" in said
    assert said.splitlines()[-1] == "5 of 5 refused events of 2026-01-05T10"


def test_show_is_capped_and_can_be_asked_for_a_rule_or_the_catalog(shop: Settings) -> None:
    assert call("show", "2026-01-05T10", "--rows", "1").splitlines()[-1] == "1 of 5 refused events of 2026-01-05T10"
    assert "item_missing" not in call("show", "2026-01-05T10", "--rule", "event_type_unknown")
    assert "item_id=b" in call("show", "2026-01-05T10", "--kind", "items")


def test_replaying_says_what_became_of_every_row_and_list_counts_it(shop: Settings) -> None:
    said = call("replay", "2026-01-05T10", "--map", "event_type:veiw=click")
    assert [line.split(maxsplit=1) for line in said.splitlines()[:3]] == [
        ["5", "refused rows"],
        ["2", "delivered into 2026-01-05T11, where they count once it has run"],
        ["3", "left alone, because nothing of them was mended"],
    ]
    assert ["events", "event_type_unknown", "1", "2", "2", "2026-01-05T10"] in [
        line.split() for line in call("list").splitlines()
    ]
    assert "2  replayed before" in call("replay", "2026-01-05T10", "--map", "event_type:veiw=click")


def test_a_csv_is_written_edited_and_replayed(shop: Settings, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    said = call("show", "2026-01-05T10", "--rule", "item_missing", "--csv", str(file))
    assert f"treasure-hunt quarantine replay 2026-01-05T10 --file {file}" in said
    header, row = file.read_text().splitlines()
    fields = dict(zip(header.split(","), row.split(","), strict=True)) | {"item_id": "a"}
    file.write_text(f"{header}\n{','.join(fields.values())}\n")
    assert "1  delivered into 2026-01-05T11" in call("replay", "2026-01-05T10", "--file", str(file))
    run_stage("ingest_events", FIRST + HOUR, shop)
    assert rows(shop, "events", "event_id", "item_id", hour=1) == [("e2", "a")]


def test_catalog_rows_are_not_replayed_because_a_snapshot_brings_them(shop: Settings) -> None:
    with pytest.raises(BadInput, match=r"catalog rows are not replayed: .* the next snapshot brings them"):
        call("replay", "2026-01-05T10", "--kind", "items")


@pytest.mark.parametrize("command", [["list"], ["show", "2026-01-05T10"], ["replay", "2026-01-05T10"]])
def test_before_anything_landed_it_is_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("TREASURE_HUNT_HOME", str(tmp_path))
    with pytest.raises(TreasureHuntError, match=r"nothing has landed yet|has not run"):
        call(*command)
