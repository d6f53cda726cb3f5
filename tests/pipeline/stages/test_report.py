"""The stage `report`: whatever became of an hour stands in the serving database and on a page, and nothing personal does."""

import json
import re
from datetime import datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from handmade_shop import FIRST, event, ingest, is_conserved, item, ledger, open_shop
from sqlalchemy import select

from pipeline.errors import AuditFailed, TreasureHuntError, Unreachable
from pipeline.hours import HOUR
from pipeline.line import report_failure, run_stage, run_stage_of_hours, run_stages
from pipeline.manifests import hour_folder
from pipeline.report.files import INDEX_HOURS, page_path
from pipeline.serving import database
from pipeline.serving.schema import event_freshness, ingest_ledger, quality_results, quarantine_summary
from pipeline.settings import Settings

ITEMS = [item("a"), item("b"), item("c", price=-1)]
CANARY = "canary-5417"


def events(bad: int, good: int = 20) -> list[dict[str, Any]]:
    """Good clicks, then rows that a rule about what somebody typed or who they are refuses."""
    rows = [event("click", f"u{place}", "a") for place in range(good)]
    kinds = [
        event("search", f"{CANARY} user", f"{CANARY} query\0"),
        event("search", f"{CANARY} user" + "x" * 300, f"{CANARY} query"),
        event("search", f"{CANARY} user", f"{CANARY} query" * 90),
        event("click", f"{CANARY} user", None, session_id=f"{CANARY} session"),
    ]
    return rows + [kinds[place % 4] for place in range(bad)]


def database_rows(settings: Settings, *columns: Any) -> list[tuple[Any, ...]]:
    engine = database.connect(settings.serving)
    try:
        with database.reading(engine) as connection:
            return [tuple(row) for row in connection.execute(select(*columns).order_by(*columns))]
    finally:
        engine.dispose()


def page(settings: Settings, hour: int = 0) -> str:
    return page_path(settings.reports, FIRST + hour * HOUR).read_text(encoding="utf-8")


class Loads(HTMLParser):
    """Collects the addresses that a page makes a browser load, and those it links to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.linked: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name in {"src", "href", "srcset", "data", "action", "poster"} and value:
                (self.linked if tag == "a" else self.loaded).append(value)


@pytest.fixture
def whole(tmp_path: Path, serving_url: str) -> Settings:
    """An hour that ran whole, with some rows refused."""
    settings = open_shop(tmp_path / "var", ITEMS, events(4), serving_url=serving_url)
    list(
        run_stages(
            ["ingest_events", "ingest_catalog", "prepare", "train", "evaluate", "recommend", "publish"], FIRST, settings
        )
    )
    run_stage("report", FIRST, settings)
    return settings


def test_the_ledger_in_the_database_is_that_of_the_lake(whole: Settings) -> None:
    columns = ingest_ledger.c
    fates = (columns.delivered, columns.accepted, columns.quarantined, columns.excluded, columns.duplicate)
    expected = []
    for kind, stage in (("events", "ingest_events"), ("items", "ingest_catalog")):
        counted = ledger(whole, stage=stage)
        assert is_conserved(counted)
        expected.append((kind, "landed", counted["delivered"], counted["accepted"], counted["quarantined"], 0, 0))
    assert database_rows(whole, columns.kind, columns.outcome, *fates) == expected
    found = quarantine_summary.c
    decided = {
        (kind, rule): rows for kind, rule, rows in database_rows(whole, found.kind, found.rule, found.rows_decided)
    }
    for kind, stage in (("events", "ingest_events"), ("items", "ingest_catalog")):
        by_rule = ledger(whole, stage=stage)["by_rule"]
        assert {rule: rows for (of, rule), rows in decided.items() if of == kind and rows} == by_rule


def test_every_rule_of_every_suite_and_gate_has_a_row(whole: Settings) -> None:
    found = quality_results.c
    rows = database_rows(whole, found.stage, found.table_name, found.rule, found.passed, found.failed)
    asked = {"ingest_events", "ingest_catalog", "prepare", "evaluate", "recommend", "publish"}
    assert {stage for stage, *_ in rows} == asked
    refused = {(table, rule): failed for _, table, rule, passed, failed in rows if not passed}
    assert refused == {
        ("typed_events", "query_not_storable"): 2,
        ("typed_events", "user_id_not_storable"): 1,
        ("typed_events", "session_id_not_storable"): 1,
        ("typed_events", "item_missing"): 1,
        ("typed_items", "price_out_of_range"): 1,
        ("evaluation", "held_out_users_too_few"): None,
    }
    assert ("ingest_events", "events", "event_id_repeated", True, 0) in rows
    assert len(rows) > 100


def test_the_page_shows_every_rule_the_failed_ones_first_and_loads_nothing(whole: Settings) -> None:
    text = page(whole)
    assert Loads(text).loaded == ["data:,"]
    assert Loads(text).linked == ["../index.html"]
    assert text.index("query_not_storable") < text.index("event_id_repeated")
    for rule in {rule for (rule,) in database_rows(whole, quality_results.c.rule)}:
        assert rule in text
    assert "published" in text
    index = (whole.reports / "index.html").read_text(encoding="utf-8")
    assert Loads(index).loaded == ["data:,"]
    assert Loads(index).linked == ["2026-01-05/10.html"]
    assert "Malformed share (ingest events)" in index
    assert not re.search("https?://", text + index)


def test_no_query_and_no_user_stands_on_a_page_in_a_table_or_in_a_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rules about queries and users fail in an hour that passes and in one that is blocked."""
    for name, limit in (("passes", 1.0), ("blocked", 0.05)):
        settings = open_shop(tmp_path / name, ITEMS, events(40), gate_min_rows=10, malformed_limit=limit)
        try:
            list(run_stages(["ingest_events", "ingest_catalog", "prepare", "report"], FIRST, settings))
        except AuditFailed as error:
            assert CANARY not in str(error)
            assert name == "blocked"
        assert database_rows(settings, quality_results.c.rule)
        written = [path.read_bytes() for path in settings.reports.rglob("*") if path.is_file()]
        written += [path.read_bytes() for path in settings.home.glob("serving.db*")]
        written += [path.read_bytes() for path in settings.lake.rglob("*.json")]
        assert len(written) > 5
        assert not [data for data in written if CANARY.encode() in data]
    assert CANARY not in caplog.text + "".join(capsys.readouterr())


def test_how_old_events_were_stands_in_the_database_and_on_the_page(whole: Settings) -> None:
    columns = event_freshness.c
    ages = database_rows(whole, columns.step, columns.events, columns.p50_seconds, columns.worst_seconds)
    assert [(step, count) for step, count, *_ in ages] == [("landed", 20), ("published", 20)]
    (_, _, landed, worst), (_, _, published, _) = ages
    manifest = json.loads((hour_folder(whole.lake, FIRST) / "ingest_events.json").read_text())
    since = datetime.fromisoformat(manifest["timings"]["landed_at"]) - FIRST - timedelta(minutes=1)
    assert landed == worst == pytest.approx(since.total_seconds())  # every event is of the first minute
    assert published > landed
    text = page(whole)
    assert "<h2>Freshness</h2>" in text and "Backfilled: published more than a day after its end" in text
    assert "The stages alone" in text  # what the way was made up of


def test_events_that_cannot_be_read_any_more_leave_the_report_without_their_ages(whole: Settings) -> None:
    for path in hour_folder(whole.lake, FIRST).glob("events.*.parquet"):
        path.write_bytes(b"damaged")
    result = run_stage("report", FIRST, whole)
    assert any("events of 2026-01-05T10 cannot be read" in note for note in result.notes)
    assert database_rows(whole, event_freshness.c.step) == []
    assert "<h2>Freshness</h2>" not in page(whole) and "Every delivered row" in page(whole)


def test_the_page_shows_lists_of_everybody_and_of_groups_and_nobody(whole: Settings) -> None:
    text = page(whole)
    assert "Everybody without a list of their own" in text and "Title of a" in text
    assert not re.search(r"\bu\d+\b", text)


def test_a_blocked_hour_is_told_and_an_hour_that_passes_at_last_replaces_it(tmp_path: Path, serving_url: str) -> None:
    settings = open_shop(tmp_path / "var", ITEMS, events(5), serving_url=serving_url, gate_min_rows=10)
    with pytest.raises(AuditFailed, match="5 of 25 rows are malformed"):
        list(run_stages(["ingest_events", "ingest_catalog", "report"], FIRST, settings))
    columns = ingest_ledger.c
    assert database_rows(settings, columns.kind, columns.outcome, columns.delivered, columns.quarantined) == [
        ("events", "blocked", 25, 5)
    ]
    found = quality_results.c
    gates = database_rows(settings, found.rule, found.passed, found.observed)
    assert ("malformed_share_too_high", False, 0.2) in gates
    text = page(settings)
    assert "ingest_events failed" in text
    assert "5 of 25 rows are malformed" in text
    assert "Nothing is live yet" in text

    allowed = settings.model_copy(update={"malformed_limit": 0.5})
    list(run_stages(["ingest_events", "ingest_catalog", "report"], FIRST, allowed))
    assert database_rows(settings, columns.kind, columns.outcome, columns.delivered, columns.quarantined) == [
        ("events", "landed", 25, 5),
        ("items", "landed", 3, 1),
    ]
    assert ("malformed_share_too_high", True, 0.2) in database_rows(settings, found.rule, found.passed, found.observed)
    assert "failed</h2>" not in page(settings)


def test_a_blocked_hour_says_what_keeps_serving_and_how_old_it_is(whole: Settings) -> None:
    spoilt = whole.model_copy(update={"malformed_limit": 0.0, "gate_min_rows": 1})
    with pytest.raises(AuditFailed):
        list(run_stages(["ingest_events", "report"], FIRST, spoilt, repull=True))
    assert re.search(r"The last good version keeps serving: 2026-01-05T10-[0-9a-f]{12}, .* old", page(whole))
    assert "blocked" in page(whole)


def test_a_database_that_does_not_answer_fails_the_report_alone_and_the_page_is_there(tmp_path: Path) -> None:
    settings = open_shop(tmp_path / "var", ITEMS, events(1), serving_url="postgresql://me:secret@127.0.0.1:1/shop")
    ingest(settings)
    before = {path: path.read_bytes() for path in hour_folder(settings.lake, FIRST).iterdir() if path.is_file()}
    with pytest.raises(Unreachable, match="does not answer") as failure:
        run_stage("report", FIRST, settings)
    assert "secret" not in str(failure.value)
    assert "Every delivered row" in page(settings)
    assert "Not in the serving database" in page(settings)
    assert "secret" not in page(settings)
    after = {path: path.read_bytes() for path in hour_folder(settings.lake, FIRST).iterdir() if path.is_file()}
    assert after == before


def test_an_hour_of_which_nothing_has_run_has_nothing_to_report(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    result = run_stage("report", FIRST, settings)
    assert result.notes == ("nothing of this hour has run",)
    assert not settings.reports.exists()
    assert not (tmp_path / "serving.db").exists()


def test_hours_are_reported_together_as_one_by_one(tmp_path: Path) -> None:
    settings = open_shop(tmp_path / "var", ITEMS, [event("click", "u", "a", hour=hour) for hour in range(3)])
    ingest(settings, 3)
    hours = [FIRST + step * HOUR for step in range(4)]  # of the last one nothing has run
    results = list(run_stage_of_hours("report", hours, settings))
    assert [len(result.files) for result in results] == [1, 1, 1, 0]
    together = [page(settings, hour) for hour in range(3)], database_rows(settings, *quality_results.c)
    for hour in hours:
        run_stage("report", hour, settings)
    assert ([page(settings, hour) for hour in range(3)], database_rows(settings, *quality_results.c)) == together


def test_the_index_shows_a_week_of_hours_and_no_more(tmp_path: Path) -> None:
    settings = open_shop(tmp_path / "var", ITEMS, [event("click", "u", "a")])
    ingest(settings)
    run_stage("report", FIRST, settings)
    brief = page_path(settings.reports, FIRST).with_suffix(".json")
    told = json.loads(brief.read_text())
    for step in (1, INDEX_HOURS - 1, INDEX_HOURS, INDEX_HOURS + 30):
        hour = FIRST - step * HOUR
        path = page_path(settings.reports, hour).with_suffix(".json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(told | {"hour": f"{hour:%Y-%m-%dT%H}"}))
    run_stage("report", FIRST, settings)
    linked = Loads((settings.reports / "index.html").read_text()).linked
    assert linked == [f"{hour:%Y-%m-%d/%H}.html" for hour in (FIRST, FIRST - HOUR, FIRST - (INDEX_HOURS - 1) * HOUR)]


def test_what_a_source_calls_itself_or_an_item_is_never_html(tmp_path: Path) -> None:
    settings = open_shop(
        tmp_path / "var", ITEMS[:2], [event("click", "u", "<script>alert(1)</script>")], gate_min_rows=1
    )
    with pytest.raises(AuditFailed, match="script"):
        list(run_stages(["ingest_events", "ingest_catalog", "prepare", "report"], FIRST, settings))
    assert "&lt;script&gt;" in page(settings)
    assert "<script" not in page(settings) + (settings.reports / "index.html").read_text()


def test_what_goes_wrong_in_a_report_hides_no_earlier_error(tmp_path: Path) -> None:
    settings = open_shop(tmp_path / "var", [], [], serving_url="mysql://me:secret@host/shop")
    with pytest.raises(AuditFailed, match="empty catalog"):
        list(run_stages(["ingest_events", "ingest_catalog", "report"], FIRST, settings))
    report_failure(["ingest_events"], [FIRST], settings)  # not asked for
    with pytest.raises(TreasureHuntError):
        run_stage("report", FIRST, settings)


def test_data_docs_are_made_with_the_page_and_linked_from_it_where_the_library_is_in_memory(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, [item("a")], [event("click", "u", "a")], data_docs=True)
    ingest(settings)
    page = Path(run_stage("report", FIRST, settings).files["page"])
    link = re.search(r'href="([^"]*datadocs[^"]*)"', page.read_text(encoding="utf-8"))
    assert link and (page.parent / link[1]).resolve().is_file()
    without = settings.model_copy(
        update={"data_docs": False, "home": tmp_path / "without", "source_url": settings.shop_url}
    )
    ingest(without)
    page = Path(run_stage("report", FIRST, without).files["page"])
    assert "treasure-hunt datadocs 2026-01-05T10" in page.read_text(encoding="utf-8")
    assert not (without.reports / "datadocs").exists()
