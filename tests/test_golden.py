"""The golden run: a fixed small shop gives the lists it always gave. What changes here is what people will be shown.

Renew the files on purpose with `GOLDEN=renew pytest tests/test_golden.py`; their difference is what
there is to review.
"""

import csv
import os
from pathlib import Path
from typing import Any

import pytest
from handmade_shop import rows

from pipeline.hours import HOUR, hours_between, parse_hour
from pipeline.line import run_stage, run_stage_of_hours
from pipeline.settings import PREFIX, Settings, load_settings
from pipeline.shop.simulate import simulate

GOLDEN = Path(__file__).parent / "golden"
LAST = parse_hour("2026-01-05T10")  # as in handmade_shop, so that hour=0 is this one
HOURS = 12
KNOBS: dict[str, Any] = {"factors": 16, "iterations": 6, "k": 10, "holdout_share": 0.2}
USERS, QUERIES = 12, 2
# table: (columns that must be equal, column that may differ by TOLERANCE)
SHAPES = {
    "user_recommendations": (("user_id", "rank", "item_id", "reason"), "score"),
    "query_recommendations": (("query", "rank", "item_id", "reason"), "score"),
    "evaluation": (("list", "metric", "k", "users"), "value"),
    "prequential": (("list", "slice", "k", "metric", "users", "age_hours"), "value"),
}
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def golden_run(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """HOURS of a shop ingested, and the last two run whole, as far as lists and what they were worth."""
    with pytest.MonkeyPatch.context() as patched:
        for name in [name for name in os.environ if name.upper().startswith(PREFIX)]:
            patched.delenv(name)
        settings = load_settings(home=tmp_path_factory.mktemp("golden"), **KNOBS)
    hours = hours_between(LAST - (HOURS - 1) * HOUR, LAST)
    simulate(settings.shop_url, hours[0], LAST, seed=0, users=120, items=150, events_per_hour=250)
    for stage in ("ingest_events", "ingest_catalog"):
        list(run_stage_of_hours(stage, hours, settings))
    for hour in (LAST - HOUR, LAST):
        for stage in ("prepare", "train", "evaluate", "recommend"):
            run_stage(stage, hour, settings)
    run_stage("review", LAST, settings)
    return settings


def chosen(settings: Settings, table: str) -> list[tuple[Any, ...]]:
    """The rows that are compared: all figures, and the lists of the first few who have one."""
    exact, close = SHAPES[table]
    found = rows(settings, table, *exact, close)
    if table in {"evaluation", "prequential"}:
        return sorted(found)
    kept = sorted({row[0] for row in found})[: USERS if table == "user_recommendations" else QUERIES]
    return [row for row in found if row[0] in kept]


@pytest.mark.parametrize("table", SHAPES)
def test_the_golden_run_gives_what_it_always_gave(golden_run: Settings, table: str) -> None:
    exact, close = SHAPES[table]
    path, found = GOLDEN / f"{table}.csv", chosen(golden_run, table)
    assert found
    if os.environ.get("GOLDEN") == "renew":
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([*exact, close])
            writer.writerows([*row[:-1], f"{row[-1]:.6f}"] for row in found)
    with path.open(encoding="utf-8", newline="") as file:
        expected = list(csv.reader(file))[1:]
    assert [[str(value) for value in row[:-1]] for row in found] == [row[:-1] for row in expected]
    differences = [abs(row[-1] - float(old[-1])) for row, old in zip(found, expected, strict=True)]
    assert max(differences) <= TOLERANCE
