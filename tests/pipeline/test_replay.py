"""Replaying: mended rows are delivered once into the next hour, every ledger balances, and landed hours stay as they are."""

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from handmade_shop import (
    FIRST,
    Row,
    event,
    is_conserved,
    item,
    lake_files,
    landed,
    landed_path,
    ledger,
    open_shop,
    rows,
)
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from pipeline import replay as replaying
from pipeline.errors import AuditFailed, BadInput, DataError, NotLanded, Overtaken, TreasureHuntError
from pipeline.hours import HOUR, format_hour
from pipeline.inbox import inbox_folder, read_inbox
from pipeline.line import run_stage
from pipeline.manifests import read_manifest, stage_facts
from pipeline.privacy.tombstones import raise_tombstone
from pipeline.quarantine import refused_rows, summarize_rules, write_csv
from pipeline.replay import Replay, describe_replay, replay
from pipeline.run import Run
from pipeline.settings import Settings, load_settings
from pipeline.stages import ingest_events
from pipeline.verify import verify_hour

LOOKBACK = 2
VEIW = "event_type:veiw=click"
LOGGED = [
    event("click", "u", "a"),  # e0
    event("veiw", "u", "a"),  # e1, delivered twice
    event("veiw", "u", "a", event_id="e1"),
    event("veiw", "u", "a", event_id=None),
    event("clik", "u", "a"),  # e4
    event("veiw", "u", None),  # e5: still wrong when mapped
    event("click", "u", "a", occurred_at="2026-01-04T10:00:00Z"),  # e6: too late
    event("click", "u", "a", occurred_at="2026-01-05T12:30:00Z"),  # e7: from the future
    event("veiw", "u", "a", event_id="e0"),  # counts already, from another row
    event("veiw", "u", "a", hour=1, event_id="e1"),  # and delivered again later
    event("veiw", "u", "a", hour=1, event_id="e10"),
    event("click", "u", "a", hour=1, event_id="e10"),  # the source itself mends it
    event("veiw", "u", "a", hour=2, event_id="e12"),
    event("click", "u", "a", hour=2, event_id="e4"),  # the source itself mends an hour's row later
]


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose first three hours have landed. Copy it, do not use it."""
    home = tmp_path_factory.mktemp("ingested")
    settings = open_shop(home, [item("a")], LOGGED, lookback_hours=LOOKBACK)
    for hour in range(3):
        run_stage("ingest_events", FIRST + hour * HOUR, settings)
    return home


def copy_of(home: Path, target: Path) -> Settings:
    return load_settings(home=shutil.copytree(home, target), lookback_hours=LOOKBACK)


@pytest.fixture
def shop(ingested: Path, tmp_path: Path) -> Settings:
    return copy_of(ingested, tmp_path / "var")


def run_hour(settings: Settings, hour: int, **how: Any) -> dict[str, Any]:
    run_stage("ingest_events", FIRST + hour * HOUR, settings, **how)
    return ledger(settings, hour)


def ids(settings: Settings, hour: int) -> list[str]:
    return [row[0] for row in rows(settings, "events", "event_id", hour=hour)]


# what is delivered ---------------------------------------------------------------------------------------------------


def test_mapped_rows_count_in_the_next_hour_and_its_ledger_balances(shop: Settings) -> None:
    done = replay(shop, FIRST, FIRST, mapping=[VEIW])
    assert done == Replay(
        into="2026-01-05T13", rows=8, delivered=3, untouched=3, counted=1, refused={"item_missing": 1}, file=done.file
    )
    after = run_hour(shop, 3)
    assert is_conserved(after)
    assert (after["delivered"], after["accepted"], after["duplicate"], after["replayed"]) == (3, 2, 1, 3)
    assert ids(shop, 3) == ["e1", "events/3"]  # an event without an id keeps the name that its row had
    assert set(rows(shop, "events", "event_type", "lag_seconds", hour=3)) == {("click", None)}


def test_the_hour_says_what_it_took_in_and_from_where(shop: Settings) -> None:
    done = replay(shop, FIRST, FIRST, mapping=[VEIW])
    result = run_stage("ingest_events", FIRST + 3 * HOUR, shop)
    assert "rows replayed from the quarantine of 2026-01-05T10: 3" in result.notes
    manifest = read_manifest(Run(FIRST + 3 * HOUR, shop), "ingest_events")
    (batch,) = read_inbox(shop.lake, FIRST + 3 * HOUR)
    assert manifest and manifest["inputs"][f"replays/{Path(done.file).name}"] == batch["sha256"]
    assert batch["of"] == {"2026-01-05T10": {"event_type_unknown": 3}}


def test_landed_hours_and_their_quarantine_stay_as_they_are(shop: Settings) -> None:
    before = lake_files(shop)
    replay(shop, FIRST, FIRST + 2 * HOUR, mapping=[VEIW])
    run_hour(shop, 3)
    after = lake_files(shop)
    assert {path: after[path] for path in before} == before


@pytest.mark.parametrize(("rule", "event_id"), [("too_late", "e6"), ("future", "e7")])
def test_a_row_that_was_refused_for_its_time_counts_as_it_is_when_asked_for(
    shop: Settings, rule: str, event_id: str
) -> None:
    replay(shop, FIRST, FIRST, rule=rule)
    assert run_hour(shop, 3)["accepted"] == 1
    assert ids(shop, 3) == [event_id]


def test_a_late_row_of_the_source_is_refused_beside_a_replayed_one(tmp_path: Path) -> None:
    late = [event("click", "u", "a", hour=hour, occurred_at="2026-01-01T00:00:00Z") for hour in (0, 1)]
    settings = open_shop(tmp_path, [item("a")], late, lookback_hours=LOOKBACK)
    run_hour(settings, 0)
    replay(settings, FIRST, FIRST)
    after = run_hour(settings, 1)
    assert (after["accepted"], after["by_rule"], ids(settings, 1)) == (1, {"too_late": 1}, ["e0"])


def test_a_range_of_hours_is_replayed_at_once_and_leaves_out_what_counts_already(shop: Settings) -> None:
    done = replay(shop, FIRST, FIRST + 2 * HOUR, mapping=[VEIW])
    # e10 was accepted from another row of its hour, e0 likewise
    assert (done.rows, done.delivered, done.counted) == (11, 5, 2)
    after = run_hour(shop, 3)
    assert is_conserved(after)
    assert ids(shop, 3) == ["e1", "e12", "events/3"]


def test_a_row_that_the_source_mended_later_does_not_count_again(shop: Settings) -> None:
    done = replay(shop, FIRST, FIRST, mapping=["event_type:clik=click"])
    assert (done.delivered, done.counted) == (0, 1)
    assert describe_replay(done)[-1] == "nothing was written"
    assert not (shop.lake / "replays" / "2026-01-05T13").exists()


def test_rows_of_an_edited_file_are_replayed_as_they_stand_there(shop: Settings, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    write_csv(refused_rows(shop, FIRST, "events", "event_type_unknown"), "events", file)
    header, *lines = file.read_text().splitlines()
    edited = [line.replace("veiw", "purchase") for line in lines if line.startswith(("events/1,", "events/3,"))]
    file.write_text("\n".join([header, *edited]) + "\n", encoding="utf-8-sig")  # as a spreadsheet saves it
    done = replay(shop, FIRST, FIRST, file=file)
    assert (done.delivered, done.untouched) == (2, 6)
    run_hour(shop, 3)
    assert rows(shop, "events", "event_id", "event_type", hour=3) == [("e1", "purchase"), ("events/3", "purchase")]


def test_a_file_may_hold_only_the_columns_that_were_edited(shop: Settings, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("locator,item_id,event_type\nevents/5,b,click\n")
    replay(shop, FIRST, FIRST, file=tmp_path / "rows.csv")
    run_hour(shop, 3)
    assert rows(shop, "events", "event_id", "user_id", "item_id", hour=3) == [("e5", "u", "b")]


def test_a_row_that_is_refused_again_can_be_replayed_from_there(shop: Settings) -> None:
    replay(shop, FIRST, FIRST, mapping=[VEIW])
    strict = shop.model_copy(update={"lookback_hours": LOOKBACK})
    batch = inbox_folder(shop.lake, FIRST + 3 * HOUR)
    assert batch.exists()
    with pytest.MonkeyPatch.context() as patch:  # a rule of tomorrow, which today's replay did not know
        patch.setattr("pipeline.stages.ingest_events.event_types", lambda: ["search", "purchase"])
        after = run_hour(strict, 3)
    assert (after["by_rule"], is_conserved(after)) == ({"event_type_unknown": 3}, True)
    locators = [row["locator"] for row in refused_rows(shop, FIRST + 3 * HOUR, "events")]
    assert locators[0] == "replay of 2026-01-05T10 events/1"
    done = replay(shop, FIRST + 3 * HOUR, FIRST + 3 * HOUR)
    assert done.delivered == 3
    assert run_hour(shop, 4)["accepted"] == 2
    assert ids(shop, 4) == ["e1", "events/3"]


# once ----------------------------------------------------------------------------------------------------------------


def test_replaying_twice_never_counts_an_event_twice_also_when_the_look_back_is_over(shop: Settings) -> None:
    replay(shop, FIRST, FIRST, mapping=[VEIW])
    again = replay(shop, FIRST, FIRST, mapping=[VEIW])
    assert (again.delivered, again.before, again.rows) == (0, 3, 8)
    for hour in range(3, 4 + 2 * LOOKBACK):
        run_hour(shop, hour)
    again = replay(shop, FIRST, FIRST, mapping=[VEIW])
    assert (again.delivered, again.before) == (0, 3)
    other_row = replay(shop, FIRST + HOUR, FIRST + HOUR, mapping=[VEIW])  # e1 once more, delivered an hour later
    assert (other_row.delivered, other_row.counted) == (0, 2)


def test_an_event_that_waits_in_an_inbox_is_not_put_into_another(shop: Settings) -> None:
    shutil.rmtree(shop.lake / "hours" / "2026-01-05" / "12")  # an hour that was left out
    run_hour(shop, 3)
    replay(shop, FIRST, FIRST, mapping=[VEIW], into=FIRST + 2 * HOUR)
    other_row = replay(shop, FIRST + HOUR, FIRST + HOUR, mapping=[VEIW])
    assert (other_row.into, other_row.delivered, other_row.counted) == ("2026-01-05T14", 0, 2)


def test_the_list_counts_what_was_replayed(shop: Settings) -> None:
    replay(shop, FIRST, FIRST, mapping=[VEIW])
    counts = {one.rule: (one.rows, one.replayed) for one in summarize_rules(shop, FIRST, FIRST + 2 * HOUR)}
    assert counts == {"event_type_unknown": (9, 3), "too_late": (1, 0), "future": (1, 0)}


REPLAYS = st.tuples(
    st.integers(0, 4),
    st.integers(0, 4),
    st.sampled_from([None, "event_type_unknown", "too_late", "future", "item_missing"]),
    st.sampled_from([(), (VEIW,), ("event_type:clik=click",), (VEIW, "item_id:=b")]),
)


@given(steps=st.lists(st.one_of(REPLAYS, st.just("run")), min_size=2, max_size=6))
@examples(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_replayed_in_whatever_order_ledgers_balance_and_each_event_counts_once(
    ingested: Path, steps: list[Any]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = copy_of(ingested, Path(folder) / "var")
        before, hours = lake_files(settings), 3
        for step in [*steps, "run"]:
            if step == "run":
                run_hour(settings, hours)
                hours += 1
                continue
            first, last, rule, mapping = step
            try:
                done = replay(settings, FIRST + min(first, last) * HOUR, FIRST + max(first, last) * HOUR, rule, mapping)
            except TreasureHuntError:
                continue
            assert done.rows == done.delivered + done.untouched + done.before + done.counted + sum(
                done.refused.values()
            )
        accepted = Counter(event_id for hour in range(hours) for event_id in ids(settings, hour))
        assert set(accepted.values()) == {1}
        assert all(is_conserved(ledger(settings, hour)) for hour in range(hours))
        replayed = Counter(
            locator
            for path in lake_files(settings)
            if path.startswith("replays")
            for locator in landed_locators(settings, path)
        )
        assert not replayed or max(replayed.values()) == 1
        after = lake_files(settings)
        assert {path: after[path] for path in before} == before


def landed_locators(settings: Settings, path: str) -> list[str]:
    return list(pq.read_table(settings.lake / path, columns=["locator"])["locator"].to_pylist())


# again ---------------------------------------------------------------------------------------------------------------


def test_an_hour_that_took_in_replays_is_byte_identical_when_computed_again(shop: Settings) -> None:
    replay(shop, FIRST, FIRST, mapping=[VEIW])
    replay(shop, FIRST, FIRST, rule="too_late")
    run_hour(shop, 3)
    results, _ = verify_hour(FIRST + 3 * HOUR, shop)
    assert [result.table for result in results] == ["events", "quarantined_events", "delivered_rows"]
    assert all(result.is_same for result in results)
    before = lake_files(shop)
    assert run_hour(shop, 3, repull=True)["replayed"] == 4
    assert lake_files(shop) == before


def test_an_hour_in_which_the_source_delivered_nothing_is_still_asked_for_again(shop: Settings) -> None:
    replay(shop, FIRST, FIRST, mapping=[VEIW])
    run_hour(shop, 3)
    assert run_stage("ingest_events", FIRST + 3 * HOUR, shop).reused is False
    assert ledger(shop, 3)["replayed"] == 3


def test_a_damaged_inbox_stops_the_hour(shop: Settings) -> None:
    done = replay(shop, FIRST, FIRST, mapping=[VEIW])
    Path(done.file).write_bytes(b"")
    with pytest.raises(NotLanded, match="is missing or damaged"):
        run_hour(shop, 3)
    (Path(done.file).parent / "manifest.json").write_text("{")
    with pytest.raises(NotLanded, match="is damaged"):
        run_hour(shop, 3)


def test_a_replay_that_read_before_and_writes_after_an_erasure_writes_nothing(
    shop: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at = replaying.leave_out_refused

    def overtaken(*arguments: Any) -> Any:
        raise_tombstone(shop, "somebody")
        return looked_at(*arguments)

    monkeypatch.setattr(replaying, "leave_out_refused", overtaken)
    with pytest.raises(Overtaken, match="somebody was erased while the replay was at work"):
        replay(shop, FIRST, FIRST, mapping=[VEIW])
    assert not list((shop.lake / "replays").iterdir())


def test_an_inbox_with_other_bytes_stops_the_hour(shop: Settings) -> None:
    done = replay(shop, FIRST, FIRST, mapping=[VEIW])
    table = pq.read_table(done.file)
    pq.write_table(table.set_column(1, "event_id", pa.array(["forged"] * table.num_rows)), done.file)
    with pytest.raises(NotLanded, match="is missing or damaged"):
        run_hour(shop, 3)


def test_replayed_rows_do_not_count_as_more_events_than_usual(tmp_path: Path) -> None:
    steady = [event("click", f"u{number}", "a", hour=24 * day) for day in range(4) for number in range(2)]
    wrong = [event("veiw", f"v{number}", "a", hour=1) for number in range(20)]
    settings = open_shop(tmp_path, [item("a")], [*steady, *wrong], lookback_hours=0, gate_min_rows=30)
    for hour in (0, 1, 24, 48, 71):
        run_hour(settings, hour)
    settings = settings.model_copy(update={"gate_min_rows": 1})
    assert replay(settings, FIRST + HOUR, FIRST + HOUR, mapping=[VEIW]).delivered == 20
    assert run_hour(settings, 72)["accepted"] == 22
    assert stage_facts(Run(FIRST + 72 * HOUR, settings), "ingest_events")["volume"] == {
        "events": 2,
        "usual": 2,
        "references": 3,
    }


# what cannot be ------------------------------------------------------------------------------------------------------


def refused(settings: Settings, **asked: Any) -> str:
    """The sentence of a replay that was refused and wrote nothing."""
    before = lake_files(settings)
    with pytest.raises(TreasureHuntError) as error:
        replay(settings, **{"first": FIRST, "last": FIRST, **asked})
    assert lake_files(settings) == before
    assert not list((settings.lake / "replays").rglob("*.json"))
    return str(error.value)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"mapping": ["event_type:nope=click"]}, "the mapping changes none of the 8 refused rows"),
        ({"mapping": ["event_type:veiw=veiw"]}, "the mapping changes none of the 8 refused rows"),
        ({"mapping": ["user_id:u=v"]}, "column user_id is not mapped"),
        ({"mapping": ["nope:a=b"]}, "there is no column 'nope' to map"),
        (
            {"rule": "nope"},
            "rule 'nope' refused no row of 2026-01-05T10; those that did are event_type_unknown, future",
        ),
        ({"rule": "excluded"}, "rows that the source excludes are replayed with a mapping or a file only"),
        ({"rule": "event_type_unknown"}, "none of these rows would pass: event_type_unknown"),
        ({"mapping": [VEIW], "into": FIRST + HOUR}, "2026-01-05T11 has landed and is never added to; the next hour is"),
        ({"mapping": [VEIW], "into": FIRST - HOUR}, "2026-01-05T09 is not after 2026-01-05T10"),
        ({"mapping": [VEIW], "into": FIRST + 9 * HOUR}, "2026-01-05T19 is too far ahead; the next hour to run is"),
        ({"first": FIRST + 9 * HOUR, "last": FIRST + 9 * HOUR}, "ingest_events of 2026-01-05T19 has not run"),
        ({"last": FIRST - HOUR}, "the range ends (2026-01-05T09) before it starts"),
        ({"mapping": [VEIW], "file": Path("rows.csv")}, "give a mapping or a file, not both."),
        ({"last": FIRST + HOUR, "file": Path("rows.csv")}, "a file holds rows of one hour; name that hour alone."),
    ],
)
def test_what_cannot_be_replayed_is_one_sentence_and_nothing_is_written(
    shop: Settings, asked: Row, sentence: str
) -> None:
    assert refused(shop, **asked).startswith(sentence)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("locator,event_type\nevents/99,click\n", "1 of 1 locators are not among the refused rows, first 'events/99'"),
        ("locator,typ\nevents/1,click\n", "column 'typ' is not known; the columns are locator, rule, event_id"),
        ("event_type\nclick\n", "it needs a column locator, and each column once"),
        ("locator,locator\nevents/1,events/1\n", "it needs a column locator, and each column once"),
        ("locator,event_type\nevents/1\n", "row 1 has 1 fields, the header has 2."),
        ("locator\nevents/1\nevents/1\n", "'events/1' stands there twice."),
        ("locator\n", "holds no rows"),
        ("", "it needs a column locator"),
        (
            "locator,delivered_at\nevents/1,2026-01-05\n",
            "delivered_at of 'events/1' is edited; name the hour with --into",
        ),
        (b"locator\nevents/\xff\n", "is not CSV in UTF-8"),
    ],
)
def test_a_file_that_is_not_of_the_hour_is_one_sentence(
    shop: Settings, tmp_path: Path, text: str | bytes, sentence: str
) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert sentence in refused(shop, file=file)


def test_rows_of_a_blocked_hour_are_not_replayed_but_it_is_said_how_they_are_mended(shop: Settings) -> None:
    strict = shop.model_copy(update={"gate_min_rows": 1})
    shutil.rmtree(shop.lake / "hours" / "2026-01-05" / "12")
    with pytest.raises(AuditFailed):
        run_hour(strict, 2)
    sentence = refused(shop, first=FIRST + 2 * HOUR, last=FIRST + 2 * HOUR, mapping=[VEIW])
    assert "blocked as a whole" in sentence and "--repull" in sentence and "sql/sources/shop/mapping.csv" in sentence


def test_nothing_can_be_replayed_before_anything_landed(tmp_path: Path) -> None:
    with pytest.raises(NotLanded, match="nothing has landed yet"):
        replay(load_settings(home=tmp_path), FIRST, FIRST)


def test_locators_that_do_not_tell_rows_apart_are_refused(shop: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.replay.refused_rows", lambda *asked: [*refused_rows(*asked)] * 2)
    with pytest.raises(DataError, match="8 locators stand on several refused rows"):
        replay(shop, FIRST, FIRST)


# excluded ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def with_excluded(shop: Settings) -> Settings:
    """The third hour's quarantine also holds rows that the source declared as not for us."""
    path = landed_path(shop, "quarantined_events", 2)
    raw = {**json.loads(landed(shop, "quarantined_events", 2)["raw_row"][0].as_py()), "event_type": "purchase"}
    added = [
        {
            "locator": f"log:{place}",
            "rule": "excluded",
            "sentence": reason,
            "raw_row": json.dumps({**raw, "event_id": f"x{place}", "excluded": reason}),
        }
        for place, reason in enumerate(("no customer", "cancellation"))
    ]
    table = pq.read_table(path)
    pq.write_table(pa.concat_tables([table, pa.Table.from_pylist(added, schema=table.schema)]), path)
    return shop


def test_what_the_source_excludes_is_left_out_unless_it_is_asked_for(with_excluded: Settings) -> None:
    hour = FIRST + 2 * HOUR
    assert replay(with_excluded, hour, hour, mapping=[VEIW]).rows == 1
    done = replay(with_excluded, hour, hour, rule="excluded", mapping=["excluded:no customer="])
    assert (done.delivered, done.untouched) == (1, 1)
    after = run_hour(with_excluded, 3)
    assert (after["accepted"], after["by_rule"]) == (2, {})
    assert ids(with_excluded, 3) == ["e12", "x0"]


def test_excluded_rows_of_a_file_must_be_asked_for_too(with_excluded: Settings, tmp_path: Path) -> None:
    hour, file = FIRST + 2 * HOUR, tmp_path / "rows.csv"
    write_csv(refused_rows(with_excluded, hour, "events", "excluded"), "events", file)
    with pytest.raises(BadInput, match="are not among the refused rows"):
        replay(with_excluded, hour, hour, file=file)
    assert replay(with_excluded, hour, hour, rule="excluded", file=file).delivered == 2


# at the same time ----------------------------------------------------------------------------------------------------


def test_nothing_is_put_into_the_inbox_of_an_hour_that_is_being_ingested(
    shop: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The replay waits until the hour has landed, sees that, and takes the next one."""
    began, go_on = Event(), Event()
    take_in: Callable[..., None] = ingest_events.take_in

    def take_in_slowly(*what: Any) -> None:
        began.set()
        assert go_on.wait(60)
        take_in(*what)

    monkeypatch.setattr(ingest_events, "take_in", take_in_slowly)
    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(run_hour, shop, 3)
        assert began.wait(60)
        replaying = pool.submit(replay, shop, FIRST, FIRST, mapping=[VEIW])
        with pytest.raises(TimeoutError):
            replaying.result(0.5)
        go_on.set()
        assert running.result(60)["replayed"] == 0
        assert replaying.result(60).into == format_hour(FIRST + 4 * HOUR)
