"""Looking at what was refused: by rule, row by row, in landed hours and in blocked ones."""

import csv
from pathlib import Path

import pytest
from handmade_shop import FIRST, event, ingest, item, open_shop

from pipeline.errors import AuditFailed, BadInput, NotLanded
from pipeline.hours import HOUR
from pipeline.line import run_stage
from pipeline.quarantine import RuleSummary, choose_hours, find_refusals, refused_rows, summarize_rules, write_csv
from pipeline.settings import Settings, load_settings
from pipeline.sources.columns import COLUMNS

LOGGED = [
    event("veiw", "u0", "a"),
    event("clik", "u1", "a"),
    event("click", "u2", None),
    event("search", "u3", 'a "query", with=signs\nand lines'),
    event("search", "u4", ""),
    event("veiw", "u5", "a", hour=1),
]
ITEMS = [item("a"), item("free", price=0)]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Two hours with refused rows of both kinds; look, do not touch."""
    settings = open_shop(tmp_path_factory.mktemp("refused"), ITEMS, LOGGED)
    ingest(settings, hours=2)
    return settings


@pytest.fixture
def blocked(tmp_path: Path) -> Settings:
    """An hour that landed and one that was blocked."""
    settings = open_shop(tmp_path, ITEMS, LOGGED)
    ingest(settings)
    strict = settings.model_copy(update={"gate_min_rows": 1})
    with pytest.raises(AuditFailed):
        run_stage("ingest_events", FIRST + HOUR, strict)
    return settings


def test_rules_are_summed_over_hours_most_rows_first(shop: Settings) -> None:
    found = summarize_rules(shop, FIRST, FIRST + HOUR)
    assert [(one.kind, one.rule, one.hours, one.rows, one.replayed) for one in found] == [
        ("events", "event_type_unknown", 2, 3, 0),
        ("events", "item_missing", 1, 1, 0),
        ("events", "query_missing", 1, 1, 0),
        ("items", "price_out_of_range", 2, 2, 0),
    ]
    assert not any(one.is_blocked for one in found)
    assert found[0].newest.hour == FIRST + HOUR


def test_a_summary_says_what_is_wrong_and_what_to_do(shop: Settings) -> None:
    unknown, missing, _, price = summarize_rules(shop, FIRST, FIRST + HOUR)
    assert unknown.sentence() == "the event type is not one of search, click, add_to_cart, purchase: 'veiw' (1)"
    assert "replay 2026-01-05T11 --rule event_type_unknown --map event_type:veiw=NEW" in unknown.remedy("shop")
    assert "show 2026-01-05T10 --rule item_missing --csv FILE" in missing.remedy("shop")
    assert (
        RuleSummary("events", "event_id_reused", False, newest=missing.newest)
        .remedy("shop")
        .startswith("give each an id of its own; edit the rows: `treasure-hunt quarantine show 2026-01-05T10")
    )
    assert '--map "excluded:REASON="' in RuleSummary("events", "excluded", False, newest=missing.newest).remedy("shop")
    assert price.remedy("shop") == "mend the catalog at the source: the next snapshot brings it"


def test_one_kind_and_some_hours_can_be_asked_for(shop: Settings) -> None:
    assert [one.rule for one in summarize_rules(shop, FIRST, FIRST + HOUR, ["items"])] == ["price_out_of_range"]
    assert [one.rows for one in summarize_rules(shop, FIRST + HOUR, FIRST + HOUR, ["events"])] == [1]
    assert choose_hours(shop, 24) == (FIRST - 22 * HOUR, FIRST + HOUR)


def test_blocked_hours_are_told_apart_and_say_that_nothing_landed(blocked: Settings) -> None:
    *_, last = summarize_rules(blocked, FIRST, FIRST + HOUR, ["events"])
    assert (last.rule, last.rows, last.is_blocked) == ("event_type_unknown", 1, True)
    assert last.sentence().startswith("the event type is not one of")
    assert last.remedy("shop").endswith("then `treasure-hunt run 2026-01-05T11 --repull`")
    assert [row["raw"]["user_id"] for row in refused_rows(blocked, FIRST + HOUR, "events")] == ["u5"]


def test_a_landed_hour_that_is_blocked_when_pulled_again_shows_what_landed(blocked: Settings) -> None:
    with pytest.raises(AuditFailed):
        run_stage("ingest_events", FIRST, blocked.model_copy(update={"gate_min_rows": 1}), repull=True)
    assert [one.is_blocked for one in find_refusals(blocked, FIRST, "events")] == [False, True]
    assert len(refused_rows(blocked, FIRST, "events")) == 4


def test_rows_come_as_they_were_delivered(shop: Settings) -> None:
    rows = refused_rows(shop, FIRST, "events")
    assert [(row["locator"], row["rule"]) for row in rows] == [
        ("events/0", "event_type_unknown"),
        ("events/1", "event_type_unknown"),
        ("events/2", "item_missing"),
        ("events/4", "query_missing"),
    ]
    assert rows[0]["raw"] | {"event_type": "veiw", "user_id": "u0", "item_id": "a"} == rows[0]["raw"]
    assert [row["locator"] for row in refused_rows(shop, FIRST, "events", "item_missing")] == ["events/2"]


def test_an_unknown_hour_or_rule_is_one_sentence(shop: Settings, tmp_path: Path) -> None:
    with pytest.raises(NotLanded, match="ingest_events of 2026-01-05T19 has not run for source shop"):
        refused_rows(shop, FIRST + 9 * HOUR, "events")
    with pytest.raises(
        BadInput, match="rule 'typo' refused no row of 2026-01-05T11; those that did are event_type_unknown"
    ):
        refused_rows(shop, FIRST + HOUR, "events", "typo")
    with pytest.raises(NotLanded, match="nothing has landed yet"):
        choose_hours(load_settings(home=tmp_path), 24)


def test_a_csv_holds_every_text_and_is_never_overwritten(shop: Settings, tmp_path: Path) -> None:
    rows = refused_rows(shop, FIRST, "events")
    rows[0]["raw"]["query"] = LOGGED[3]["query"]
    write_csv(rows, "events", tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open(newline="", encoding="utf-8") as file:
        read = list(csv.DictReader(file))
    assert list(read[0]) == ["locator", "rule", *COLUMNS["events"][1:]]
    assert read[0]["query"] == LOGGED[3]["query"]
    for row, texts in zip(rows, read, strict=True):
        assert (texts["locator"], texts["rule"]) == (row["locator"], row["rule"])
        assert all(texts[column] == (row["raw"][column] or "") for column in COLUMNS["events"][1:])
    with pytest.raises(BadInput, match="is there already"):
        write_csv(rows, "events", tmp_path / "rows.csv")
