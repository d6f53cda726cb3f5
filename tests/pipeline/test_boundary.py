"""The ingestion boundary: every row is accounted for, whatever it holds, and what is accepted can be published."""

import json
import sqlite3
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from handmade_shop import (
    FIRST,
    derive,
    event,
    ingest,
    is_conserved,
    item,
    lake_files,
    landed,
    ledger,
    open_shop,
    rows,
    without_remedy,
)
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from pipeline.delivery import unbroken
from pipeline.errors import AuditFailed, DataError
from pipeline.gates import GATES
from pipeline.hours import HOUR, hours_between, parse_hour
from pipeline.lake import Work
from pipeline.ledger import count_fates
from pipeline.line import run_stage, run_stage_of_hours
from pipeline.manifests import hour_folder, landed_hours
from pipeline.report.account import read_account
from pipeline.run import Run
from pipeline.serving import database
from pipeline.serving.read import read_query, read_user
from pipeline.settings import Settings, load_settings
from pipeline.shop.database import EVENTS
from pipeline.shop.simulate import simulate
from pipeline.tables import PRODUCERS

ITEMS = [item("a"), item("b", category="films"), item("c", is_available=False)]
GENERATOR = np.random.default_rng(3)
# 4 bytes each in UTF-8 and not to be compressed: the longest keys that a database may be given.
WIDE = [chr(0x20000 + int(place)) for place in GENERATOR.permutation(40_000)]
RTL = "‮مرحبا بالعالم‬ \u200f"
SQL = "'); drop table events; --"
HOSTILE = [
    event("search", "u", "a\0b"),
    event("search", "u", "x" * 1_000_000),
    event("search", "u", "x" * 512),
    event("search", "u", "".join(WIDE[:512])),
    event("search", "".join(WIDE[600:800]), "".join(WIDE[1000:1512]), session_id="s"),
    event("search", "u", RTL),
    event("search", RTL, "\t"),
    event("search", "u", "   "),
    event("search", "u", SQL),
    event("search", "u", '{"json": ["\\u0000", "\\ud800"]}'),
    event("search", "u", "$query :query %s %(query)s ?"),
    event("search", "u", "\ufeff\u200b\u00a0"),
    event("search", "u", "e\u0301" * 200),
    event("click", SQL, SQL),
    event("click", "u\0", "a"),
    event("click", "u" * 201, "a"),
    event("click", "", "a", session_id=""),
    event("click", None, "a", session_id=None),
    event("click", None, "a", session_id="  s "),
    event("click", "u", "a", quantity=2**63 - 1),
    event("click", "u", "a", quantity=-1),
    event("click", "u", "a", position=0),
    event("click", "u", "a", position=100_000),
    event("purchase", "u", "c", quantity=1_000_000),
    event("click", "NaN", "inf"),
    event("click", "null", "None"),
    event("click", "0012", "1e5"),
    event("CLICK ", "u", " a "),
    event("clíck", "u", "a"),
    event("click", "u", None),
    event("click", "u", "b", event_id="\0"),
    event("click", "u", "b", event_id=""),
    event("click", "u", "b", event_id=None),
    event("click", "u", "b", event_id="x" * 300),
    event("click", "u", "b", occurred_at="0001-01-01T00:00:00Z"),
    event("click", "u", "b", occurred_at="9999-12-31T23:59:59Z"),
    event("click", "u", "b", occurred_at="292277-01-01T00:00:00Z"),
    event("click", "u", "b", occurred_at="-infinity"),
    event("click", "u", "b", occurred_at="now"),
    event("click", "u", "b", occurred_at="2026-01-05T10:00:60Z"),
    event("click", "u", "b", occurred_at="2026-02-30T10:00:00Z"),
    event("click", "u", "b", occurred_at="2026-01-05T10:00:00.123456789Z"),
    event("click", "u", "b", occurred_at="2026-01-05T15:30:00+05:30"),
    event("click", "u", "b", occurred_at=None),
    event("click", "u", "b", occurred_at="x" * 100_000),
    *(event("click", f"spoilt {place}", "b") for place in range(4)),
]
HOSTILE_ITEMS = [
    item(SQL, title=SQL),
    item(RTL, title=RTL, category=RTL),
    item("".join(WIDE[2000:2200]), title="".join(WIDE[3000:4000]), category="".join(WIDE[4000:4200])),
    item("wide category", category="".join(WIDE[5000:6000])),
    item("nul\0", title="t"),
    item("t", title="nul\0"),
    item("free", price=0),
    item("negative", price=-1),
    item("dear", price=1e300),
    item("long title", title="x" * 1001),
    item("", title="no id"),
    item(" padded ", title=" padded "),
]


def spoil(settings: Settings, *statements: str) -> None:
    """Make the shop's database hold what no honest client could write: SQLite takes any type in any column."""
    with sqlite3.connect(settings.shop_url.removeprefix("sqlite:///")) as shop:
        for statement in statements:
            assert shop.execute(statement).rowcount != 0


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A shop of hostile rows and three users who behave, ingested and with lists."""
    searched = [
        *("".join(WIDE[start : start + 512]) for start in (0, 7000)),
        RTL,
        SQL,
        "\ufeff\u200b\u00a0",
        "e\u0301" * 200,
    ]
    good = [
        event(*what, hour=0, minute=20, session_id=f"hostile {place}")
        for place, query in enumerate(searched)
        for what in (("search", f"h{place}", query), ("click", f"h{place}", "b"))
    ]
    good += [event("search", user, "halo", minute=place + 2) for place, user in enumerate(("u", "v", "w"))]
    good += [event("click", user, "a", minute=place + 5) for place, user in enumerate(("u", "v", "w"))]
    settings = open_shop(
        tmp_path_factory.mktemp("hostile"), [*ITEMS, *HOSTILE_ITEMS], [*HOSTILE, *good], min_query_users=1
    )
    spoil(
        settings,
        "update events set quantity = 9223372036854775808 where user_id = 'spoilt 0'",
        "update events set quantity = 1.5 where user_id = 'spoilt 1'",
        "update events set position = x'00ff' where user_id = 'spoilt 2'",
        "update events set user_id = cast(x'eda080' as text) where user_id = 'spoilt 3'",
        "update catalog set price = 'NaN' where item_id = 'free'",
        "update catalog set is_available = 'perhaps' where item_id = 'long title'",
    )
    ingest(settings)
    derive(settings)
    return settings


def rules(settings: Settings, table: str = "quarantined_events") -> dict[str, str]:
    return dict(rows(settings, table, "locator", "rule"))


def test_every_hostile_row_is_accepted_quarantined_or_duplicate(hostile: Settings) -> None:
    for stage, delivered in (("ingest_events", len(HOSTILE) + 18), ("ingest_catalog", len(ITEMS) + len(HOSTILE_ITEMS))):
        counted = ledger(hostile, stage=stage)
        assert is_conserved(counted)
        assert counted["delivered"] == delivered


def test_hostile_rows_are_refused_by_the_rule_that_they_break(hostile: Settings) -> None:
    refused = {int(locator.removeprefix("events/")): rule for locator, rule in rules(hostile).items()}
    expected = {
        "query_not_storable": [0, 1],
        "query_missing": [6, 7],
        "user_id_not_storable": [14, 15],
        "actor_missing": [16, 17],
        "quantity_out_of_range": [19, 20, 45, 46],
        "position_out_of_range": [21, 47],
        "event_type_unknown": [28],
        "item_missing": [29],
        "event_id_not_storable": [30, 33],
        "too_late": [34],
        "future": [35],
        "occurred_at_unreadable": [36, 37, 38, 39, 40, 43, 44],
    }
    assert refused == {row: rule for rule, places in expected.items() for row in places}


def test_hostile_items_are_refused_by_the_rule_that_they_break(hostile: Settings) -> None:
    refused = {locator.split("/")[1]: rule for locator, rule in rules(hostile, "quarantined_items").items()}
    assert refused == {
        "wide category": "category_not_storable",
        "nul\0": "item_id_not_storable",
        "t": "title_not_storable",
        "free": "price_out_of_range",
        "negative": "price_out_of_range",
        "dear": "price_out_of_range",
        "long title": "title_not_storable",
        "": "item_id_missing",
    }


def test_a_refused_row_is_kept_as_it_came(hostile: Settings) -> None:
    raw = dict(rows(hostile, "quarantined_events", "locator", "raw_row"))
    assert json.loads(raw["events/0"])["query"] == "a\0b"
    assert json.loads(raw["events/1"])["query"] == "x" * 1_000_000
    assert json.loads(raw["events/38"])["occurred_at"] == "now"


def test_ids_stay_the_text_they_were(hostile: Settings) -> None:
    found = set(rows(hostile, "events", "user_id", "item_id"))
    assert {("NaN", "inf"), ("null", "None"), ("0012", "1e5"), (SQL, SQL)} <= found
    assert ("padded", "padded") in set(rows(hostile, "items", "item_id", "title"))


def test_an_event_without_an_id_is_known_by_its_locator(hostile: Settings) -> None:
    ids = {event_id for (event_id,) in rows(hostile, "events", "event_id")}
    assert {"events/31", "events/32"} <= ids


def test_everything_accepted_can_be_published_and_read(hostile: Settings, serving_url: str) -> None:
    served = hostile.model_copy(update={"serving_url": serving_url})
    assert run_stage("publish", FIRST, served).facts["outcome"] == "live"
    engine = database.connect(serving_url)
    try:
        listed = {user for (user,) in rows(hostile, "user_recommendations", "user_id")}
        assert {SQL, "u", "v", "w"} <= listed
        for user in listed:
            assert read_user(engine, "shop", "batch", user).served_reason in {"personal", "searches"}
        queries = {query for (query,) in rows(hostile, "query_recommendations", "query")}
        assert {"halo", "".join(WIDE[:512]), "".join(WIDE[7000:7512]), SQL, "é" * 200} <= queries
        for query in queries:
            assert read_query(engine, "shop", "batch", query).served_reason in {"query", "popular"}
    finally:
        engine.dispose()


TEXTS = st.none() | st.text(max_size=8) | st.sampled_from(["a", "b", "u", " ", "\0", "'", "search", "click", "1e3"])
ROWS = st.fixed_dictionaries(
    {
        **dict.fromkeys(("user_id", "session_id", "query", "item_id"), TEXTS),
        "event_id": TEXTS,
        "event_type": TEXTS | st.sampled_from(["search", "click", "add_to_cart", "purchase"]),
        "occurred_at": TEXTS | st.datetimes(FIRST.replace(tzinfo=None) - timedelta(hours=9)).map(lambda at: f"{at}Z"),
        "quantity": st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(-1, 3),
        "position": st.none() | st.integers(-1, 3),
    }
)


@examples(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ROWS, min_size=20, max_size=60))
def test_conservation_is_exact_for_any_rows(
    tmp_path_factory: pytest.TempPathFactory, logged: list[dict[str, Any]]
) -> None:
    # A surrogate is no text for any database; what SQLite can hold of it is tested with the sources.
    cleaned = [
        {
            name: value.encode(errors="replace").decode() if isinstance(value, str) else value
            for name, value in row.items()
        }
        for row in logged
    ]
    settings = open_shop(tmp_path_factory.mktemp("any"), ITEMS, [event("click", "u", "a") | row for row in cleaned])
    run_stage("ingest_events", FIRST, settings)
    counted = ledger(settings)
    assert is_conserved(counted)
    assert counted["delivered"] == len(logged)
    accepted, refused = landed(settings, "events"), landed(settings, "quarantined_events")
    assert (counted["accepted"], counted["quarantined"]) == (len(accepted), len(refused))
    ids = accepted["event_id"].to_pylist()
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(("dirt", "seed"), [(0.0, 1), (0.05, 2), (0.5, 3)])
def test_conservation_is_exact_on_dirty_shops(tmp_path: Path, dirt: float, seed: int) -> None:
    settings = load_settings(home=tmp_path, gate_min_rows=1_000_000)
    simulate(settings.shop_url, FIRST, FIRST + 3 * HOUR, users=40, items=50, events_per_hour=120, dirt=dirt, seed=seed)
    hours = hours_between(FIRST, FIRST + 3 * HOUR)
    list(run_stage_of_hours("ingest_events", hours, settings))
    engine = sa.create_engine(settings.shop_url)
    for step in range(4):
        start, end = (f"{FIRST + (step + more) * HOUR:%Y-%m-%d %H:%M:%S}" for more in (0, 1))
        with engine.connect() as connection:
            within = EVENTS.c.ingested_at.between(start, end) & (EVENTS.c.ingested_at < end)
            delivered = connection.scalar(sa.select(sa.func.count()).select_from(EVENTS).where(within))
        counted = ledger(settings, step)
        assert is_conserved(counted)
        assert counted["delivered"] == delivered
        assert bool(counted["quarantined"]) == (dirt > 0)
    engine.dispose()


def bad_and_good(bad: int, good: int) -> list[dict[str, Any]]:
    return [event("veiw", "u", "a")] * bad + [event("click", f"u{place}", "a") for place in range(good)]


def test_an_hour_blocks_past_the_limit_of_malformed_rows_and_not_at_it(tmp_path: Path) -> None:
    knobs = {"malformed_limit": 0.1, "gate_min_rows": 100}
    settings = open_shop(tmp_path / "at", ITEMS, bad_and_good(10, 90), **knobs)
    result = run_stage("ingest_events", FIRST, settings)
    assert without_remedy(result.notes) == (
        "warning: events: 10 of 100 rows are malformed (10.0%), most often event_type_unknown (10 rows)",
    )
    settings = open_shop(tmp_path / "past", ITEMS, bad_and_good(11, 89), **knobs)
    with pytest.raises(AuditFailed) as error:
        run_stage("ingest_events", FIRST, settings)
    assert str(error.value) == (
        "2026-01-05T10: events: 11 of 100 rows are malformed (11.0%), most often event_type_unknown (11 rows); "
        "the limit is 10.0%; to do: " + GATES["malformed_share_too_high"].remedy + "."
    )
    evidence = hour_folder(settings.lake, FIRST) / "failed" / "ingest_events"
    assert {path.name for path in evidence.glob("*events.parquet")} >= {"events.parquet", "quarantined_events.parquet"}


def test_the_gate_speaks_only_from_a_number_of_rows(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, ITEMS, bad_and_good(60, 39), gate_min_rows=100)
    (note,) = run_stage("ingest_events", FIRST, settings).notes  # said all the same
    assert note == (
        "events: 60 of 99 rows are malformed (60.6%), most often event_type_unknown (60 rows); "
        "`treasure-hunt quarantine list` says what to do"
    )
    with pytest.raises(AuditFailed, match="60 of 99 rows are malformed"):
        run_stage("ingest_events", FIRST, settings.model_copy(update={"gate_min_rows": 99}), repull=True)


def test_excluded_rows_are_neither_malformed_nor_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The source itself declares them; they are kept in quarantine, and the share is that of the rest."""
    from pipeline.sources import read

    folder = tmp_path / "sources" / "mine"
    folder.mkdir(parents=True)
    (folder / "events.sql").write_text(
        """
        select 'row/' || i as locator, null as event_id, 'u' as user_id, null as session_id,
            case when i < 5 then 'veiw' else 'click' end as event_type, null as query, 'a' as item_id, null as quantity,
            null as position, '2026-01-05T10:00:00Z' as occurred_at, null as ingested_at,
            case when i >= 50 then 'a cancellation' end as excluded, '2026-01-05T10:00:00Z' as delivered_at
        from range(100) as rows(i)
        """
    )
    monkeypatch.setattr(read, "SOURCES", tmp_path / "sources")
    settings = load_settings(home=tmp_path, source="mine", source_url=str(tmp_path), gate_min_rows=10)
    with pytest.raises(AuditFailed, match=r"5 of 50 rows are malformed \(10\.0%\)"):
        run_stage("ingest_events", FIRST, settings)
    allowed = settings.model_copy(update={"malformed_limit": 0.1})
    run_stage("ingest_events", FIRST, allowed)
    counted = ledger(allowed)
    assert is_conserved(counted)
    assert counted["by_rule"] == {"event_type_unknown": 5, "excluded": 50}
    assert counted["excluded_because"] == {"a cancellation": 50}
    told = read_account(Run(FIRST, allowed))["ledgers"]["events"]
    assert told["excluded"] == 50
    assert {rule: counts["rows_decided"] for rule, counts in told["rules"].items()} == {
        "excluded: a cancellation": 50,
        "event_type_unknown": 5,
    }
    assert counted["accepted"] == 45
    # Too few rows remain once the excluded are set aside.
    run_stage("ingest_events", FIRST, settings.model_copy(update={"gate_min_rows": 51}), repull=True)


def test_more_duplicates_than_the_limit_are_a_warning_and_as_many_are_none(tmp_path: Path) -> None:
    knobs = {"duplicate_warn_limit": 0.2, "gate_min_rows": 10}
    for name, repeats, notes in (
        ("at", 2, ()),
        ("past", 3, ("warning: events: 3 of 10 rows are duplicates (30.0%); the limit is 20.0%",)),
    ):
        once = [event("click", f"u{place}", "a", event_id=f"e{place}") for place in range(10 - repeats)]
        settings = open_shop(tmp_path / name, ITEMS, once + once[:repeats], **knobs)
        assert without_remedy(run_stage("ingest_events", FIRST, settings).notes) == notes
        assert ledger(settings)["duplicate"] == repeats
    few = settings.model_copy(update={"gate_min_rows": 11})
    assert run_stage("ingest_events", FIRST, few, repull=True).notes == ()


def test_what_a_source_excludes_is_counted_by_its_reason_unless_there_are_too_many(tmp_path: Path) -> None:
    for count, expected in ((20, 20), (21, 0)):
        path = tmp_path / f"{count}.parquet"
        sentences = [f"reason {place}" for place in range(count)] * 2
        pq.write_table(pa.table({"rule": ["excluded"] * len(sentences), "sentence": sentences}), path)
        by_rule, reasons = count_fates(path)
        assert by_rule == {"excluded": 2 * count}
        assert len(reasons) == expected and set(reasons.values()) <= {2}


def test_a_repeated_id_is_a_duplicate_within_the_hour_and_the_look_back_and_not_after_it(tmp_path: Path) -> None:
    moment = event("click", "u", "a", hour=1)["occurred_at"]  # a clock one minute ahead, so that it is never too late
    events = [
        event("click", "u", "a", event_id="x", occurred_at=moment),
        *(event("click", "u", "a", hour=hour, event_id="x", occurred_at=moment) for hour in (0, 1, 2, 3)),
        event("veiw", "refused", "a", event_id="y", minute=3),
        event("click", "not refused", "a", event_id="y", minute=4),
    ]
    settings = open_shop(tmp_path, ITEMS, events, lookback_hours=2)
    for hour in range(4):
        run_stage("ingest_events", FIRST + hour * HOUR, settings)
    assert [ledger(settings, hour)["duplicate"] for hour in range(4)] == [1, 1, 1, 0]
    assert sorted(user for (user,) in rows(settings, "events", "user_id")) == ["not refused", "u"]
    # Hour 3 looks back on hours 1 and 2, which hold no x: it was a duplicate there.
    assert rows(settings, "events", "user_id", hour=3) == [("u",)]


def test_a_repeated_id_with_another_body_is_refused_and_the_first_delivery_counts(tmp_path: Path) -> None:
    events = [
        event("click", "second", "a", event_id="x", minute=9),
        event("click", "first", "a", event_id="x", minute=5),
        event("click", "third", "a", event_id="x", hour=1),
    ]
    settings = open_shop(tmp_path, ITEMS, events)
    ingest(settings, 2)
    assert rows(settings, "events", "user_id") == [("first",)]
    assert rows(settings, "events", "user_id", hour=1) == []
    for hour, user in enumerate(("second", "third")):
        assert ledger(settings, hour)["by_rule"] == {"event_id_reused": 1}
        [(raw_row,)] = rows(settings, "quarantined_events", "raw_row", hour=hour)
        assert json.loads(raw_row)["user_id"] == user


def test_without_a_look_back_only_the_hour_itself_is_looked_at(tmp_path: Path) -> None:
    events = [event("click", "u", "a", hour=hour, event_id="x") for hour in (0, 1)]
    settings = open_shop(tmp_path, ITEMS, events, lookback_hours=0)
    ingest(settings, 2)
    assert [ledger(settings, hour)["duplicate"] for hour in (0, 1)] == [0, 0]


@pytest.mark.parametrize("zone", ["America/Chicago", "Pacific/Chatham"])
def test_where_the_machine_stands_changes_no_byte(tmp_path: Path, zone: str) -> None:
    """Hours before, in and after both changes of the clock of 2026, each with an event at its edge and one inside."""
    hours = [
        parse_hour(name)
        for name in ("2026-03-08T07", "2026-03-08T08", "2026-04-04T14", "2026-11-01T06", "2026-11-01T07")
    ]
    steps = [(hour - FIRST) // HOUR for hour in hours]
    events = [event("click", "u", "a", hour=step, minute=minute) for step in steps for minute in (0, 59)]
    bytes_of = []
    for name in ("UTC", zone):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TZ", name)
            time.tzset()
            settings = open_shop(tmp_path / name.replace("/", "-"), ITEMS, events)
            for hour in hours:
                assert run_stage("ingest_events", hour, settings).facts["ledger"]["accepted"] == 2
            bytes_of.append(lake_files(settings))
        time.tzset()
    assert bytes_of[0] == bytes_of[1]


def test_hours_together_give_the_very_files_of_one_hour_at_a_time(traded: Settings, tmp_path: Path) -> None:
    hours = hours_between(FIRST, FIRST + 2 * HOUR)
    apart = traded.model_copy(update={"home": tmp_path / "apart", "source_url": traded.shop_url})
    stages = ("ingest_events", "ingest_catalog", "prepare")
    for stage in stages:
        list(run_stage_of_hours(stage, hours, traded))
        for hour in hours:
            run_stage(stage, hour, apart)
    assert lake_files(traded) == lake_files(apart)
    tables = sum(stage in stages for stage in PRODUCERS.values())
    assert len(lake_files(traded)) == len(hours) * (tables + 1)  # and the sums of each hour


def test_hours_with_gaps_and_hours_that_landed_before_go_together_all_the_same(traded: Settings) -> None:
    run_stage("ingest_events", FIRST + 2 * HOUR, traded)
    results = list(run_stage_of_hours("ingest_events", hours_between(FIRST, FIRST + 4 * HOUR), traded))
    assert [result.hour[-2:] for result in results] == ["10", "11", "12", "13", "14"]
    assert [result.reused for result in results] == [False, False, True, False, False]
    assert all(is_conserved(ledger(traded, step)) for step in range(5))


def test_unbroken_hours_are_pulled_at_once() -> None:
    works = [Work(Run(FIRST + step * HOUR, Settings()), "ingest_events") for step in (0, 1, 3, 4, 5, 9)]
    assert [[work.run.hour.hour for work in stretch] for stretch in unbroken(works)] == [[10, 11], [13, 14, 15], [19]]


def test_of_hours_that_go_together_those_before_a_refused_one_land_and_the_error_names_it(tmp_path: Path) -> None:
    events = [event("click", f"u{hour}", "a", hour=hour) for hour in range(4)] + [event("veiw", "u", "a", hour=2)] * 5
    settings = open_shop(tmp_path, ITEMS, events, gate_min_rows=5)
    with pytest.raises(AuditFailed, match="2026-01-05T12: events: 5 of 6 rows are malformed"):
        list(run_stage_of_hours("ingest_events", hours_between(FIRST, FIRST + 3 * HOUR), settings))
    assert landed_hours(settings.lake, "ingest_events", FIRST, FIRST + 9 * HOUR) == [FIRST, FIRST + HOUR]
    assert (hour_folder(settings.lake, FIRST + 2 * HOUR) / "failed/ingest_events/manifest.json").exists()
    assert not list((settings.lake / ".staging").iterdir())


def test_rows_that_are_lost_on_the_way_are_a_defect_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline import boundary

    settings = open_shop(tmp_path, ITEMS, [event("click", "u", "a"), event("veiw", "u", "a")])
    write = boundary.write_table

    def write_refused_rows_too(connection: Any, name: str, target: Path, **values: Any) -> None:
        write(connection, "typed_events" if name == "events" else name, target, **{"hour_end": FIRST + HOUR, **values})

    monkeypatch.setattr(boundary, "write_table", write_refused_rows_too)
    with pytest.raises(DataError, match="2 rows delivered, but 2 accepted and 1 quarantined"):
        run_stage("ingest_events", FIRST, settings)
