"""The probe: fresh, stale or cannot tell, from the serving database alone, by a clock that the test holds."""

import json
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from serving_world import describe, small_version, write_tables

from pipeline import cli_probe
from pipeline.errors import Unreachable
from pipeline.probe import Verdict, ask_in_time, judge, probe
from pipeline.serving.database import connect, create_schema
from pipeline.serving.publish import publish_version
from pipeline.settings import Settings, load_settings

CUTOFF = datetime(2026, 1, 1, 14, tzinfo=UTC)  # the end of the hour of `describe()`
MINUTE = timedelta(minutes=1)
LIMIT = Settings.model_fields["stale_after_minutes"].default


def row(cutoff: datetime, source: str = "shop", arm: str = "batch") -> dict[str, Any]:
    return {"source": source, "arm": arm, "version": "v", "data_cutoff": cutoff}


def at(now: datetime, cutoff: datetime = CUTOFF) -> Verdict:
    return judge([row(cutoff)], "shop", "batch", LIMIT, now)


@pytest.fixture
def served(serving_url: str, tmp_path: Path) -> Settings:
    """A serving database, on SQLite and on PostgreSQL, with one version whose data end at CUTOFF."""
    engine = connect(serving_url)
    publish_version(engine, describe(), write_tables(tmp_path / "draft", small_version()))
    engine.dispose()
    return load_settings(home=tmp_path, serving_url=serving_url)


def test_the_live_version_is_fresh_up_to_the_limit_and_stale_past_it(served: Settings) -> None:
    limit = CUTOFF + LIMIT * MINUTE
    fresh = probe(served, limit)
    assert (fresh.state, fresh.code, fresh.age_seconds) == ("fresh", 0, LIMIT * 60)
    stale = probe(served, limit + timedelta(seconds=1))
    assert (stale.state, stale.code, stale.stale_since) == ("stale", 1, limit)
    assert stale.version and stale.version.startswith("2026-01-01T13-")
    assert stale.sentence == (
        f"stale: shop/batch serves {stale.version}, whose data end 2026-01-01 14:00 UTC, 90 min ago; "
        "past the limit of 90 min since 2026-01-01 15:30 UTC."
    )


def test_a_clock_that_was_set_back_makes_nothing_younger_than_0(served: Settings) -> None:
    verdict = probe(served, CUTOFF - timedelta(minutes=10))
    assert (verdict.state, verdict.age_seconds) == ("fresh", 0.0)


def test_another_source_or_arm_does_not_count(served: Settings) -> None:
    for other in ({"source": "bestbuy"}, {"arm": "stream"}):
        verdict = probe(served.model_copy(update=other), CUTOFF)
        assert (verdict.state, verdict.code) == ("unknown", 2)
        assert "nothing of" in verdict.sentence


def test_an_empty_database_and_none_at_all_cannot_tell(serving_url: str, tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path, serving_url=serving_url)
    assert probe(settings, CUTOFF).code == 2
    assert not (tmp_path / "serving.db").exists()  # asking makes no database
    engine = connect(serving_url)
    create_schema(engine)
    engine.dispose()
    verdict = probe(settings, CUTOFF)
    assert (verdict.code, verdict.sentence) == (2, "cannot tell: nothing of shop/batch is published.")


def test_a_database_that_does_not_answer_cannot_tell_and_its_password_is_not_said(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path, serving_url="postgresql://me:secret@127.0.0.1:1/shop")
    verdict = probe(settings, CUTOFF)
    assert verdict.code == 2
    assert "does not answer" in verdict.sentence and "secret" not in verdict.sentence
    assert "\n" not in verdict.sentence


def test_a_database_that_takes_the_call_and_says_nothing_is_given_up_in_time(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"postgresql://me:secret@127.0.0.1:{mute.getsockname()[1]}/shop"
        begun = time.monotonic()
        verdict = probe(load_settings(home=tmp_path, serving_url=url), CUTOFF, patience_seconds=0.5)
        assert time.monotonic() - begun < 5
    assert (verdict.code, "within 0.5 seconds" in verdict.sentence) == (2, True)


def test_what_goes_wrong_in_asking_is_raised_and_not_waited_for() -> None:
    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        ask_in_time(fail, 5)
    never = threading.Event()
    with pytest.raises(Unreachable, match=r"within 0\.1 seconds"):
        ask_in_time(lambda: never.wait(60), 0.1)
    never.set()


@given(st.lists(st.floats(0, 29.9), min_size=2, max_size=30))
def test_an_hourly_line_whose_runs_take_up_to_half_an_hour_never_alarms(runs: list[float]) -> None:
    """Just before a version goes live the one before it is at its oldest."""
    for place, took in enumerate(runs):
        end = CUTOFF + place * timedelta(hours=1)
        assert at(end + timedelta(hours=1, minutes=took), cutoff=end).state == "fresh"


@given(st.integers(0, 59))
def test_a_missed_hour_alarms_within_five_minutes_of_the_breach(first_call: int) -> None:
    """The probe runs each minute, at any second of it, after the last hour that was published."""
    calls = [CUTOFF + timedelta(seconds=first_call) + minute * MINUTE for minute in range(200)]
    alarmed = next(call for call in calls if at(call).state == "stale")
    breach = CUTOFF + LIMIT * MINUTE
    assert breach < alarmed <= breach + 5 * MINUTE
    assert at(alarmed).stale_since == breach


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_an_age_is_never_negative_and_a_stale_version_is_past_the_limit(now: datetime) -> None:
    verdict = at(now)
    assert verdict.age_seconds is not None and verdict.age_seconds >= 0
    assert (verdict.state == "stale") == (verdict.age_seconds > LIMIT * 60)


def test_the_command_ends_with_the_code_and_says_one_line(
    served: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TREASURE_HUNT_SERVING_URL", served.serving)
    with pytest.raises(SystemExit) as ended:
        cli_probe.probe_command()
    said = capsys.readouterr().out
    assert (ended.value.code, said.count("\n"), said.startswith("stale: shop/batch serves")) == (1, 1, True)
    monkeypatch.setenv("TREASURE_HUNT_STALE_AFTER_MINUTES", "1e9")
    with pytest.raises(SystemExit) as ended:
        cli_probe.probe_command(as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert (ended.value.code, told["state"], told["data_cutoff"]) == (0, "fresh", CUTOFF.isoformat())
    assert told["stale_since"] is None and told["age_seconds"] > 0


def test_a_wrong_setting_cannot_tell_rather_than_call_it_stale(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TREASURE_HUNT_STALE_AFTER_MINUTES", "soon")
    with pytest.raises(SystemExit) as ended:
        cli_probe.probe_command()
    assert ended.value.code == 2
    assert capsys.readouterr().out.startswith("cannot tell: TREASURE_HUNT_STALE_AFTER_MINUTES='soon'")
