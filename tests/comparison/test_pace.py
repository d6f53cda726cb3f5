"""The batch arm more often than every hour: its line sees the log in slow motion, and nothing else."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.comparison.batch import run_batch
from pipeline.comparison.bundle import read_document, read_table
from pipeline.comparison.feed import Feed
from pipeline.comparison.log import Log, record_shop
from pipeline.comparison.pace import LASTING, PLAIN, UNGATED, Pace
from pipeline.comparison.stream import run_stream
from pipeline.comparison.validate import find_breaches
from pipeline.errors import BadInput
from pipeline.hours import HOUR, parse_hour
from pipeline.settings import Settings, load_settings

FIRST = parse_hour("2026-01-05T10")
KNOBS: dict[str, Any] = {"factors": 8, "iterations": 2, "data_docs": False}
# Settings that last and stay as they are: they are about this machine's clock, or about nothing that a bundle says.
OTHERS = {"late_minutes", "stale_after_minutes", "freshness_objective_minutes", "source_connect_seconds"}
OTHERS |= {"source_timeout_seconds", "keep_days", "api_requests_per_second", "chain_hours"}


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Log]:
    folder = tmp_path_factory.mktemp("pace")
    shop = {"users": 60, "items": 80, "events_per_hour": 700, "dirt": 0.15, "drift": True}
    yield record_shop(folder / "log", FIRST, FIRST, seed=1, **shop)
    shutil.rmtree(folder)


def stretch(log: Log, times: int, folder: Path) -> Log:
    """A log that lasts so many times as long, made without the code that is tested."""

    def later(at: datetime) -> datetime:
        return FIRST + (at - FIRST) * times

    def retyped(text: str | None) -> str | None:
        try:
            at = datetime.fromisoformat(text or "").replace(tzinfo=UTC)
        except ValueError:
            return text
        return later(at).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    folder.mkdir()
    for table in ("events", "catalog", "reads"):
        rows = log.read(table)
        for place, field in enumerate(rows.schema):
            if pa.types.is_timestamp(field.type):
                rows = rows.set_column(place, field, pa.array(map(later, rows[place].to_pylist()), field.type))
            if field.name in ("occurred_at", "updated_at"):
                rows = rows.set_column(place, field, pa.array(map(retyped, rows[place].to_pylist()), pa.string()))
        pq.write_table(rows, folder / f"{table}.parquet")
    return replace(log, folder=folder, ended=later(log.ended))


@pytest.mark.parametrize("times", [4, 12])
def test_the_line_is_shown_byte_for_byte_what_a_log_that_lasts_as_much_longer_would_show_it(
    log: Log, times: int, tmp_path: Path
) -> None:
    slow = Feed(log, tmp_path / "slow", Pace(FIRST, times))
    long = Feed(stretch(log, times, tmp_path / "log"), tmp_path / "long")
    for hour in (FIRST + step * HOUR for step in range(times)):
        assert slow.deliver(hour) == long.deliver(hour) > 0
        for kind in ("events", "items"):
            assert pq.read_table(slow.path_of(kind, hour)).equals(pq.read_table(long.path_of(kind, hour))), kind
    texts = log.read("events")["occurred_at"].to_pylist()
    assert {"yesterday", "T12:30Z"} & set(texts), "of what cannot be read there is something"


def test_rows_keep_their_own_moments_and_come_in_the_hour_of_the_line_that_shows_them(log: Log, tmp_path: Path) -> None:
    feed = Feed(log, tmp_path, Pace(FIRST, 4))
    rows = pa.concat_tables([feed.events_of(FIRST + step * HOUR) for step in range(4)])
    assert rows.equals(log.read("events"))
    second = feed.events_of(FIRST + HOUR)["delivered_at"].to_pylist()
    assert min(second) >= FIRST + timedelta(minutes=15) and max(second) < FIRST + timedelta(minutes=30)


def test_the_catalog_of_an_hour_of_the_line_is_that_of_its_moment_in_the_log(log: Log, tmp_path: Path) -> None:
    feed = Feed(log, tmp_path, Pace(FIRST, 4))
    launched = FIRST + timedelta(minutes=20)
    moments = [launched if place == 0 else at for place, at in enumerate(feed.catalog["valid_from"].to_pylist())]
    place = feed.catalog.schema.get_field_index("valid_from")
    feed.catalog = feed.catalog.set_column(
        place, "valid_from", pa.array(moments, feed.catalog.schema[place].type)
    ).sort_by("valid_from")
    shown = []
    for hour in (FIRST, FIRST + HOUR):
        feed.deliver(hour)
        shown.append(pq.read_table(feed.path_of("items", hour)).num_rows)
    assert shown == [feed.catalog.num_rows - 1, feed.catalog.num_rows]


def test_every_setting_that_lasts_lasts_as_long_in_time_of_the_log_or_is_known_to_stay() -> None:
    units = ("_days", "_hours", "_minutes", "_seconds", "_second")
    assert {name for name in Settings.model_fields if name.endswith(units)} == LASTING | OTHERS
    settings = load_settings(half_life_days=10)
    slow = Pace(FIRST, 4).slow_settings(settings)
    assert (slow.half_life_days, slow.window_days, slow.lookback_hours, slow.link_minutes) == (40, 120, 24, 120)
    changed = {name for name in Settings.model_fields if getattr(slow, name) != getattr(settings, name)}
    assert changed == LASTING | set(UNGATED)
    assert PLAIN.slow_settings(settings) == settings


def test_a_log_in_slow_motion_makes_the_very_lists_of_one_that_lasts_as_much_longer(log: Log, tmp_path: Path) -> None:
    run_batch(log, tmp_path / "slow", cadence=HOUR / 2, **KNOBS)
    slow = Pace(FIRST, 2).slow_settings(load_settings())
    lasting = {name: getattr(slow, name) for name in (*LASTING, *UNGATED)}
    run_batch(stretch(log, 2, tmp_path / "log"), tmp_path / "long", cadence=HOUR, **KNOBS, **lasting)
    assert find_breaches(tmp_path / "slow", log.folder) == []
    ours, theirs = (read_table(tmp_path / name, "recommendations") for name in ("slow", "long"))
    assert ours.num_rows > 1000
    assert ours.drop_columns(["valid_from", "valid_to"]).equals(theirs.drop_columns(["valid_from", "valid_to"]))
    ours, theirs = (read_table(tmp_path / name, "event_visibility").to_pylist() for name in ("slow", "long"))
    assert [(row["event_id"], row["fate"]) for row in ours] == [(row["event_id"], row["fate"]) for row in theirs]
    assert {row["fate"] for row in ours} == {"accepted", "quarantined", "duplicate"}
    # Moments are those of the log, and what a run takes is measured as ever.
    runs = read_table(tmp_path / "slow", "runs").to_pylist()
    assert [(run["interval_start"] - FIRST, run["interval_end"] - FIRST) for run in runs] == [
        (timedelta(), HOUR / 2),
        (HOUR / 2, HOUR),
    ]
    assert all(run["interval_end"] == run["data_cutoff"] < run["published"] < run["data_cutoff"] + HOUR for run in runs)
    arm = read_document(tmp_path / "slow", "arm")
    assert (arm["arm"], arm["cadence_seconds"]) == ("batch 30m", 1800.0)
    assert "in slow motion, 30m of it as an hour" in arm["notes"]
    # Whoever folds users in against its models does so in time of the log.
    models = json.loads((tmp_path / "slow" / "models" / "models.json").read_text())
    assert models["settings"]["half_life_days"] == load_settings().half_life_days
    run_stream(log, tmp_path / "slow", tmp_path / "stream")
    assert find_breaches(tmp_path / "stream", log.folder) == []


def test_a_moment_goes_to_the_line_and_back() -> None:
    pace, at = Pace(FIRST, 12), FIRST + timedelta(minutes=7, microseconds=3)
    assert pace.to_line(at) == FIRST + timedelta(minutes=84, microseconds=36)
    assert pace.to_log(pace.to_line(at)) == at
    assert PLAIN.to_line(at) == PLAIN.to_log(at) == at


@pytest.mark.parametrize("minutes", [0, 1, 7, 45, 90])
def test_a_cadence_that_neither_hours_nor_slow_motion_give_is_refused(log: Log, minutes: int, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="takes in whole hours"):
        run_batch(log, tmp_path / "out", cadence=timedelta(minutes=minutes))
    assert not (tmp_path / "out").exists()
