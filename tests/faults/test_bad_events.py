"""A hundred thousand bad events: no crash, every one meets the fate that it must, and the ledger is exact.

`make test-faults` takes 100,000 (FAULTS=100000); the ordinary test run a tenth of it.
"""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from corruptions import ACCEPTED, CORRUPTIONS, DUPLICATE, bad_events
from handmade_shop import FIRST, is_conserved, ledger, open_shop, rows
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from pipeline.line import run_stage
from pipeline.settings import Settings

FAULTS = int(os.environ.get("FAULTS", "10000"))
BATCH = 10_000
LIMITS = {"malformed_limit": 1.0, "malformed_warn_limit": 1.0}


def take_in(home: Path, events: list[dict[str, Any]]) -> Settings:
    """The hour's events have landed, whatever share of them is bad."""
    settings = open_shop(home, [], events, **LIMITS)
    run_stage("ingest_events", FIRST, settings)
    return settings


@pytest.mark.parametrize("seed", range(-(-FAULTS // BATCH)))
def test_every_bad_event_meets_its_fate(tmp_path: Path, seed: int) -> None:
    delivered = list(bad_events(seed, min(BATCH, FAULTS), FIRST))
    settings = take_in(tmp_path, [row | {"row_id": place} for place, (row, _) in enumerate(delivered)])
    counted = ledger(settings)
    fates = Counter(fate for _, fate in delivered)
    assert is_conserved(counted)
    assert counted["delivered"] == len(delivered)
    assert (counted["accepted"], counted["duplicate"]) == (fates.pop(ACCEPTED), fates.pop(DUPLICATE))
    assert counted["by_rule"] == fates
    refused = dict(rows(settings, "quarantined_events", "locator", "rule"))
    for place, (row, fate) in enumerate(delivered):
        rule = refused.pop(f"events/{place}", None)
        assert rule == (None if fate in (ACCEPTED, DUPLICATE) else fate), row
    assert not refused


def test_the_corruptions_meet_every_refusing_rule_but_those_that_cannot_fail() -> None:
    from expectations.events import suite

    limits = {
        "event_types": ["search"],
        "lookback_hours": 6,
        "skew_seconds": 300,
        "id_length": 200,
        "query_length": 512,
    }
    rules = {expectation.meta["rule"] for expectation in suite(**limits) if expectation.meta["refuses"]}
    met = {fate for _, fate in bad_events(1, 4000, FIRST)}
    assert rules - met == {"event_id_missing"}  # without an id the locator is one
    assert len(CORRUPTIONS) >= 20


TEXT = st.one_of(
    st.none(), st.text(max_size=30), st.sampled_from(["", " ", "search", "click", "purchase", "\0", "1", "-1"])
)


@examples(max_examples=max(5, FAULTS // 2000), suppress_health_check=list(HealthCheck))
@given(
    events=st.lists(
        st.fixed_dictionaries(
            {
                "event_id": TEXT,
                "user_id": TEXT,
                "session_id": TEXT,
                "event_type": TEXT,
                "query": TEXT,
                "item_id": TEXT,
                "quantity": st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.text(max_size=10)),
                "position": st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.booleans()),
                "occurred_at": st.one_of(TEXT, st.datetimes().map(str), st.just("2026-01-05T10:01:00Z")),
                "ingested_at": st.just("2026-01-05 10:30:00"),
            }
        ),
        min_size=1,
        max_size=200,
    )
)
def test_whatever_is_delivered_is_accounted_for_and_kept_as_it_came(
    events: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings = take_in(tmp_path_factory.mktemp("any"), events)
    counted = ledger(settings)
    assert is_conserved(counted)
    assert counted["delivered"] == len(events)
    for locator, raw_row in rows(settings, "quarantined_events", "locator", "raw_row"):
        kept, came = json.loads(raw_row), events[int(locator.removeprefix("events/"))]
        for column in ("event_id", "user_id", "session_id", "event_type", "query", "item_id", "occurred_at"):
            assert kept[column] == came[column]
    for user, session, kind, query, item_id in rows(
        settings, "events", "user_id", "session_id", "event_type", "query", "item_id"
    ):
        assert user or session
        assert kind in {"search", "click", "add_to_cart", "purchase"}
        assert query if kind == "search" else item_id
