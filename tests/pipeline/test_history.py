"""Looking back: what users searched for, and how the hours went."""

from contextlib import suppress
from pathlib import Path

import pytest
from handmade_shop import FIRST, event, ingest, is_conserved, item, open_shop

from pipeline.errors import AuditFailed, TreasureHuntError
from pipeline.history import hour_states, newest_hour, recent_searches
from pipeline.hours import HOUR
from pipeline.lake import open_stage
from pipeline.line import run_stage
from pipeline.run import Run
from pipeline.settings import Settings, load_settings
from pipeline.tables import LANDING


def test_the_newest_hour_is_that_of_the_latest_manifest_or_failure(ran: Settings) -> None:
    assert newest_hour(ran) == FIRST + 6 * HOUR
    assert newest_hour(ran, "prepare") == FIRST + 6 * HOUR
    with pytest.raises(AuditFailed), open_stage(Run(FIRST + 9 * HOUR, ran), "ingest_events"):
        raise AuditFailed("refused")
    assert newest_hour(ran) == FIRST + 9 * HOUR


def test_an_hour_in_which_only_the_catalog_ran_or_failed_is_the_newest(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, [item("a")], [])
    ingest(settings)
    run_stage("ingest_catalog", FIRST + HOUR, settings)
    assert newest_hour(settings) == FIRST + HOUR
    assert newest_hour(settings, "ingest_events", with_failed=False) == FIRST
    with pytest.raises(AuditFailed), open_stage(Run(FIRST + 2 * HOUR, settings), "ingest_catalog"):
        raise AuditFailed("refused")
    assert newest_hour(settings) == FIRST + 2 * HOUR
    assert hour_states(settings, FIRST + 2 * HOUR, 1)[0]["failures"] == ["ingest_catalog: refused"]


def test_before_the_first_hour_there_is_none(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path)
    assert newest_hour(settings) is None
    assert hour_states(settings, FIRST, 5) == []
    assert recent_searches(settings, FIRST, 3) == {}


def test_hours_are_told_newest_first_with_ledger_stages_version_and_failures(ran: Settings) -> None:
    with pytest.raises(AuditFailed), open_stage(Run(FIRST + 7 * HOUR, ran), "ingest_events"):
        raise AuditFailed("the reason")
    states = hour_states(ran, FIRST + 8 * HOUR, 20)
    assert [state["hour"][-2:] for state in states] == ["17", "16", "15", "14", "13", "12", "11", "10"]
    failed, whole, *_, first = states
    assert failed["failures"] == ["ingest_events: the reason"]
    assert failed["ledger"] is None
    by_rule = {rule: counts["rows_decided"] for rule, counts in whole["ledger"]["rules"].items()}
    assert is_conserved(whole["ledger"] | {"by_rule": by_rule})
    assert whole["rules"]["failed"] == 0
    assert whole["rules"]["refused"] >= len([rule for rule in by_rule if not rule.startswith("excluded")])
    assert len(whole["stages"]) == len(LANDING)
    assert whole["version"].startswith("2026-01-05T16-")
    assert whole["seconds"] > 0
    assert first["stages"] == ["ingest_events", "ingest_catalog"]
    assert first["version"] is None


def test_recent_searches_are_the_last_different_ones_of_who_searched_most(tmp_path: Path) -> None:
    events = [
        event("search", "u", query, minute=at) for at, query in enumerate(["Halo", "gears", "HALO", "zelda", "mario"])
    ]
    events += [event("search", "v", "pong", hour=1), event("search", None, "anonymous", session_id="s")]
    events += [event("click", "w", "a")]
    settings = open_shop(tmp_path, [item("a")], events)
    ingest(settings, 2)
    assert recent_searches(settings, FIRST + HOUR, users=5) == {"u": ["mario", "zelda", "halo"], "v": ["pong"]}
    assert recent_searches(settings, FIRST, users=1, searches=1) == {"u": ["mario"]}


def test_a_failed_hour_tells_its_ledger_its_warnings_and_a_report_that_failed(tmp_path: Path) -> None:
    bad, good = [event("veiw", "u", "a")] * 3, [event("click", f"u{place}", "a") for place in range(7)]
    settings = open_shop(tmp_path, [item("a", title="")], bad + good, gate_min_rows=10, serving_url="mysql://u@h/x")
    for stage in ("ingest_events", "ingest_catalog", "report"):
        with suppress(TreasureHuntError):
            run_stage(stage, FIRST, settings)
    (state,) = hour_states(settings, FIRST, 1)
    assert (state["ledger"]["delivered"], state["ledger"]["quarantined"]) == (10, 3)
    assert (state["rules"]["failed"], state["rules"]["warned"]) == (1, 1)
    assert state["stages"] == ["ingest_catalog"]
    assert [failure.split(":")[0] for failure in state["failures"]] == ["ingest_events", "report"]
    assert state["warnings"] == ["items: titles_missing: more than 5 % of the items have no title"]
