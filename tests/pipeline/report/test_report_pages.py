"""What the pages and the account of an hour say: the figures of the tables, words for every rule, telling charts."""

import re
from pathlib import Path
from typing import Any

import pytest
from catalog_files import many_items, replace_catalog
from handmade_shop import FIRST, event, item, open_shop
from sqlalchemy import select

from pipeline.gates import GATES
from pipeline.hours import HOUR
from pipeline.line import run_stage
from pipeline.prices import dollars
from pipeline.privacy.tombstones import SENTENCE, raise_tombstone
from pipeline.report import charts
from pipeline.report.account import read_account
from pipeline.report.files import page_path
from pipeline.report.trends import is_telling
from pipeline.run import Run
from pipeline.serving import database
from pipeline.serving.schema import ingest_ledger
from pipeline.settings import Settings


@pytest.fixture
def told(tmp_path: Path) -> Settings:
    """An hour with three accepted rows, a malformed one and one of somebody erased, reported."""
    rows = [*(event("click", f"u{place}", "a") for place in range(3)), event("click", "m", None)]
    settings = open_shop(tmp_path, [item("a")], [*rows, event("click", "gone", "a")])
    raise_tombstone(settings, "gone")
    for stage in ("ingest_events", "ingest_catalog", "report"):
        run_stage(stage, FIRST, settings)
    return settings


def test_the_page_has_the_figures_of_the_tables(told: Settings) -> None:
    engine = database.connect(told.serving)
    with database.reading(engine) as connection:
        names = ("delivered", "accepted", "quarantined", "excluded", "duplicate")
        mine = select(*(ingest_ledger.c[name] for name in names)).where(ingest_ledger.c.kind == "events")
        row = tuple(connection.execute(mine).one())
    engine.dispose()
    assert row == (5, 3, 2, 1, 0)
    cells = "".join(f'<td class="right">{value}</td>' for value in row)
    assert cells in page_path(told.reports, FIRST).read_text()
    assert cells in (told.reports / "index.html").read_text()


def test_the_page_tells_what_the_hour_cost_by_the_price_sheet(told: Settings, tmp_path: Path) -> None:
    sheet = tmp_path / "prices.json"
    sheet.write_text('{"id": "own", "source": "made up", "per_cpu_hour": 3600, "per_gb_hour": 0}', encoding="utf-8")
    own = told.model_copy(update={"price_sheet": str(sheet)})
    account = read_account(Run(FIRST, own))
    seconds = [stage["cpu_seconds"] for stage in account["stages"]]
    assert [stage["usd"] for stage in account["stages"]] == pytest.approx(seconds)
    run_stage("report", FIRST, own)
    text, cost = page_path(told.reports, FIRST).read_text(), sum(stage["usd"] for stage in account["stages"])
    assert f"{dollars(cost)}, {dollars(720 * cost)} a month of such hours, by the price sheet own: 3600 USD" in text


def test_an_hour_is_told_of_without_its_cost_where_the_price_sheet_is_none(told: Settings) -> None:
    own = told.model_copy(update={"price_sheet": str(told.home / "absent.json")})
    run_stage("report", FIRST, own)
    text = page_path(told.reports, FIRST).read_text()
    assert "What it cost is not known: " in text and "absent.json is no price sheet" in text
    assert "a month of such hours" not in text


def test_the_page_names_its_hour_in_utc_and_a_command_that_shows_its_rows(told: Settings) -> None:
    text = page_path(told.reports, FIRST).read_text()
    assert "<title>2026-01-05T10 UTC · shop</title>" in text
    assert "<h1>2026-01-05 10:00 UTC</h1>" in text
    assert "<code>treasure-hunt quarantine show 2026-01-05T10</code>" in text


def test_rules_that_passed_are_folded_into_one_list_and_figures_of_zero_left_out(told: Settings) -> None:
    text = page_path(told.reports, FIRST).read_text()
    assert text.count("<details>") == 1
    assert "replayed 0" not in text and "mapped 0" not in text


def test_the_week_at_a_glance_stands_first_and_the_hours_before_the_charts(told: Settings) -> None:
    text = (told.reports / "index.html").read_text()
    places = [text.index(title) for title in ("The week at a glance", "Hours, newest first", "Events by hour")]
    assert places == sorted(places)


def test_rows_of_somebody_erased_are_explained_as_such(told: Settings) -> None:
    rules = read_account(Run(FIRST, told))["ledgers"]["events"]["rules"]
    assert rules["erased"]["sentence"] == SENTENCE
    assert all(counts["sentence"] for counts in rules.values())


def test_rows_of_a_catalog_refused_as_a_whole_are_explained_by_its_gate(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, many_items(40), [])
    run_stage("ingest_catalog", FIRST, settings)
    replace_catalog(settings, many_items(10))
    run_stage("ingest_catalog", FIRST + HOUR, settings)
    rules = read_account(Run(FIRST + HOUR, settings))["ledgers"]["items"]["rules"]
    expected = GATES["catalog_truncated"].sentence.format(**settings.facts())
    assert rules == {"catalog_truncated": {"rows_decided": 10, "rows_broken": 10, "sentence": expected}}


@pytest.mark.parametrize("value", [-0.0003, -7.0, 0.0, 0.5, 2.0])
def test_no_line_leaves_its_chart(value: float) -> None:
    drawn = charts.lines(["2026-01-05T10"], {"figure": [value]}, [4], {"critical": 0.5})
    heights = [float(high) for high in re.findall(r'cy="([^"]+)"', drawn)]
    assert heights and all(0 <= high <= charts.HEIGHT - charts.BOTTOM for high in heights)


def test_the_axis_of_nothing_but_zeros_ends_at_one() -> None:
    drawn: Any = charts.columns(["2026-01-05T10"], {"rows": [0]}, [1])
    assert re.findall(r">([\d.e-]+)</text>", drawn) == ["0", "0.5", "1"]


@pytest.mark.parametrize(
    ("values", "limits", "expected"),
    [
        ([], [0.1], False),
        ([0.0, 0.0], [0.1], False),
        ([0.0, 0.01], [], True),
        ([0.1], [0.1], True),
        ([-0.2], [0.1], True),
        ([0.09], [0.1], False),
    ],
)
def test_a_figure_has_a_chart_when_it_moved_or_reached_a_limit(
    values: list[float], limits: list[float], expected: bool
) -> None:
    assert is_telling(values, limits) is expected
