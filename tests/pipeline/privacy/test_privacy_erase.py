"""Erasing: the canary is in no byte of what this pipeline keeps, stays away, and nobody else's rows change."""

import json
import logging
import shutil
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from canary_shop import (
    CANARY,
    HOURS,
    QUERY,
    TRACES,
    canary_settings,
    erase,
    fill_source,
    found,
    found_in_files,
    others,
    run_hours,
)
from handmade_shop import FIRST, derive, event, is_conserved, landed, ledger, open_shop, rows
from sqlalchemy import exc, select, text, update

from pipeline.errors import BadInput, Overtaken
from pipeline.hours import HOUR
from pipeline.lake import open_stage
from pipeline.line import run_stage
from pipeline.manifests import hour_folder, read_manifest
from pipeline.privacy import erase as erasing
from pipeline.privacy.erase import erase_request
from pipeline.privacy.keys import key_file, name_user
from pipeline.privacy.requests import file_request, request_file
from pipeline.privacy.tombstones import raise_tombstone, tombstone_file
from pipeline.quarantine import summarize_rules
from pipeline.replay import replay
from pipeline.run import Run
from pipeline.serving import database
from pipeline.serving import publish as publishing
from pipeline.serving.pooled import connect_readers
from pipeline.serving.schema import erasures, versions
from pipeline.settings import Settings
from pipeline.stages.prepare import derive_tables
from pipeline.verify import verify_hour

LAST = FIRST + (HOURS - 1) * HOUR


def file_canary(settings: Settings) -> int:
    engine = database.connect(settings.serving)
    try:
        return file_request(engine, settings, CANARY)
    finally:
        engine.dispose()


def test_an_erased_user_is_in_no_byte_and_stays_away_when_all_hours_are_pulled_again(
    tmp_path: Path, serving_url: str
) -> None:
    fill_source(tmp_path / "source.db")
    shop = canary_settings(tmp_path / "var", tmp_path / "source.db", serving_url)
    run_hours(shop)
    assert {place.split(":")[0].split("/")[-1].split(".")[0] for place in found_in_files(shop)} > {
        *("events", "quarantined_events", "interactions", "query_items", "user_factors", "user_recommendations"),
        *("query_recommendations", "pulled", "typed_events"),
    }
    before = others(shop)
    places = erase(shop)
    assert found(shop) == []
    assert {"lake shop: events", "lake shop: failed drafts", "serving database: user_recommendations"} <= {
        place.split("_2026")[0] for place in places
    }
    after = others(shop)
    assert {name: kept for name, kept in after.items() if not name.startswith("quarantined")} == {
        name: kept for name, kept in before.items() if not name.startswith("quarantined")
    }
    run_hours(shop, repull=True)
    assert found(shop) == []
    for hour in range(HOURS):
        told = ledger(shop, hour)
        assert is_conserved(told)
        assert told["by_rule"] == {"erased": 7, "event_type_unknown": 1}
        assert told["every_failed_rule"] == {"event_type_unknown": 1}


@pytest.mark.parametrize("is_landed", [False, True])
def test_rows_that_wait_in_an_inbox_are_emptied_and_counted_as_erased(canary_shop: Settings, is_landed: bool) -> None:
    replay(canary_shop, FIRST, LAST, None, ["event_type:veiw=click"])
    if is_landed:
        run_stage("ingest_events", LAST + HOUR, canary_shop)
    erase(canary_shop)
    assert found(canary_shop) == []
    before = read_manifest(Run(LAST + HOUR, canary_shop), "ingest_events")
    run_stage("ingest_events", LAST + HOUR, canary_shop, repull=True)
    assert found(canary_shop) == []
    assert (ledger(canary_shop, HOURS)["replayed"], ledger(canary_shop, HOURS)["by_rule"]) == (6, {"erased": 3})
    after = read_manifest(Run(LAST + HOUR, canary_shop), "ingest_events")
    assert (after and before is None) or {name for name in before["inputs"] if "replays/" in name} == {
        name for name in after["inputs"] if "replays/" in name
    }


def test_what_is_left_of_an_erased_row_is_not_replayed(canary_shop: Settings) -> None:
    erase(canary_shop)
    with pytest.raises(BadInput, match="these people asked to be forgotten"):
        replay(canary_shop, FIRST, LAST, "erased")
    assert replay(canary_shop, FIRST, LAST, None, ["event_type:veiw=click"]).delivered == HOURS
    summary = [one for one in summarize_rules(canary_shop, FIRST, LAST) if one.rule == "erased"]
    assert all(one.sentence() == "the person asked to be forgotten" for one in summary)
    assert {one.is_blocked for one in summary} == {True, False}


def test_what_an_erasure_leaves_of_a_refused_row_is_its_place(canary_shop: Settings) -> None:
    locators = [row["locator"] for row in landed(canary_shop, "quarantined_events").to_pylist()]
    erase(canary_shop)
    rows = landed(canary_shop, "quarantined_events").to_pylist()
    assert [row["locator"] for row in rows] == locators
    assert sorted((row["rule"], row["raw_row"]) for row in rows)[0] == ("erased", "{}")


def test_the_ledger_of_an_erased_hour_counts_what_is_there(canary_shop: Settings) -> None:
    before = ledger(canary_shop)
    erase(canary_shop)
    told = ledger(canary_shop)
    assert is_conserved(told)
    assert told["accepted"] == landed(canary_shop, "events").num_rows
    assert told["delivered"] + told["erased"] == before["delivered"]
    assert told["by_rule"] == dict(Counter(landed(canary_shop, "quarantined_events")["rule"].to_pylist()))


def test_manifests_name_the_erasure_the_new_hashes_and_the_present_inputs(canary_shop: Settings) -> None:
    old = {stage: read_manifest(Run(LAST, canary_shop), stage) for stage in ("ingest_events", "prepare", "train")}
    erase(canary_shop)
    for stage, was in old.items():
        now = read_manifest(Run(LAST, canary_shop), stage)
        assert now and was
        (erasure,) = now["erasures"]
        assert erasure["request"] == "1"
        for table, told in erasure["tables"].items():
            assert told["was"] == was["tables"][table]["sha256"] != now["tables"][table]["sha256"]
            assert not (hour_folder(canary_shop.lake, LAST) / was["tables"][table]["file"]).exists()
        for name, sha in now["inputs"].items():
            table, _, hour = name.partition("@")
            maker = read_manifest(Run(LAST, canary_shop), "ingest_events") if table == "events" and not hour else None
            assert maker is None or maker["tables"][table]["sha256"] == sha
    earlier = read_manifest(Run(FIRST, canary_shop), "ingest_events")
    prepared = read_manifest(Run(LAST, canary_shop), "prepare")
    assert earlier and prepared
    assert prepared["inputs"]["events@2026-01-05T10"] == earlier["tables"]["events"]["sha256"]


def test_an_erased_hour_goes_on_from_any_stage_and_verifies_as_rewritten(canary_shop: Settings) -> None:
    assert not any(result.is_rewritten for result in verify_hour(LAST, canary_shop)[0])
    erase(canary_shop)
    results, _ = verify_hour(LAST, canary_shop)
    assert not [result.table for result in results if result.is_broken]
    assert {result.table for result in results if not result.is_same} >= {"events", "interactions", "user_factors"}
    assert {"items", "quarantined_items"} <= {result.table for result in results if not result.is_rewritten}
    run_stage("recommend", LAST, canary_shop)
    run_stage("publish", LAST, canary_shop)
    assert found(canary_shop) == []


def test_an_altered_table_is_still_broken_where_nobody_was_erased(canary_shop: Settings) -> None:
    manifest = hour_folder(canary_shop.lake, LAST) / "ingest_catalog.json"
    told = json.loads(manifest.read_text())
    told["tables"]["items"]["sha256"] = "0" * 64
    manifest.write_text(json.dumps(told))
    assert [result.table for result in verify_hour(LAST, canary_shop)[0] if result.is_broken][:1] == ["items"]


def test_a_stage_that_read_before_and_lands_after_an_erasure_lands_nothing(canary_shop: Settings) -> None:
    with (
        pytest.raises(Overtaken, match="somebody was erased while prepare of 2026-01-05T12 was at work"),
        open_stage(Run(LAST, canary_shop), "prepare") as work,
    ):
        derive_tables(work)
        for table in ("bought", "holdout", "query_items"):
            work.keep(table)
        kept = shutil.copytree(work.folder, canary_shop.home.parent / "kept")
        erase(canary_shop)  # takes the drafts away: whoever wrote them can land no more
        shutil.copytree(kept, work.folder, dirs_exist_ok=True)
    assert found(canary_shop) == []
    derive(canary_shop, HOURS - 1)
    assert found(canary_shop) == []


def test_a_stage_that_fails_after_an_erasure_keeps_no_evidence_of_before(canary_shop: Settings) -> None:
    with (
        pytest.raises(Overtaken, match="somebody was erased while prepare"),
        open_stage(Run(LAST, canary_shop), "prepare") as work,
    ):
        derive_tables(work)
        raise_tombstone(canary_shop, CANARY)
        raise ZeroDivisionError
    assert not (hour_folder(canary_shop.lake, LAST) / "failed" / "prepare").exists()


def test_a_version_that_was_loaded_while_somebody_was_erased_is_not_published(
    canary_shop: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    derive(canary_shop.model_copy(update={"k": 3}), HOURS - 1)
    load = publishing._load

    def load_and_be_overtaken(*arguments: object) -> list[str]:
        problems = load(*arguments)  # type: ignore[arg-type]
        raise_tombstone(canary_shop, CANARY)
        return problems

    monkeypatch.setattr(publishing, "_load", load_and_be_overtaken)
    with pytest.raises(Overtaken):
        run_stage("publish", LAST, canary_shop.model_copy(update={"k": 3}))
    monkeypatch.undo()
    engine = database.connect(canary_shop.serving)
    with database.reading(engine) as connection:
        assert Counter(connection.scalars(select(versions.c.status))) == {"published": HOURS, "loading": 1}
    engine.dispose()
    erase(canary_shop)
    assert found(canary_shop) == []


@pytest.mark.parametrize("step", ["sweep_lakes", "erase_rows", "name_inputs_everywhere", "vacuum", "close_request"])
def test_a_killed_erasure_is_carried_on_by_its_number(
    canary_shop: Settings, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    number, done = file_canary(canary_shop), getattr(erasing, step)

    def die(*arguments: object, **options: object) -> None:
        if step != "close_request":
            done(*arguments, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(erasing, step, die)
    with pytest.raises(KeyboardInterrupt):
        erase_request(canary_shop, number)
    monkeypatch.undo()
    assert file_canary(canary_shop) == number
    erase_request(canary_shop, number)
    assert found(canary_shop) == []
    assert not list(request_file(canary_shop, number).parent.iterdir())


def test_the_receipt_says_what_was_done_and_not_to_whom(canary_shop: Settings) -> None:
    number = file_canary(canary_shop)
    assert request_file(canary_shop, number).stat().st_mode & 0o777 == 0o600
    places = erase_request(canary_shop, number)
    engine = database.connect(canary_shop.serving)
    with database.reading(engine) as connection:
        (receipt,) = connection.execute(select(erasures)).all()
        hours = connection.scalars(select(versions.c.version)).all()
    engine.dispose()
    assert (receipt.request, receipt.rows, json.loads(receipt.places)) == (1, sum(places.values()), places)
    assert receipt.erased_at >= receipt.requested_at
    assert len(hours) == HOURS
    assert erase_request(canary_shop, 1) == places, "whoever tries again hears what was done"
    with pytest.raises(BadInput, match="there is no request 2; open are: none"):
        erase_request(canary_shop, 2)


def test_a_request_outlives_the_database_that_numbered_it(canary_shop: Settings) -> None:
    """The database is put back, and gives a number out again under which somebody else waits."""
    waiting = file_canary(canary_shop)
    for path in canary_shop.home.glob("serving.db*"):
        path.unlink()
    assert erase(canary_shop, "bob") == erase_request(canary_shop, waiting + 1)
    left = {user for hour in range(HOURS) for (user,) in rows(canary_shop, "events", "user_id", hour=hour)}
    assert "bob" not in left and CANARY in left
    assert file_canary(canary_shop) == waiting
    erase_request(canary_shop, waiting)
    assert found(canary_shop) == []
    assert not list(request_file(canary_shop, waiting).parent.iterdir())


def test_all_requests_of_a_user_are_done_with_one_and_no_file_names_them(canary_shop: Settings) -> None:
    """The database is put back, and gives the user who files again another number than the one that waits."""
    erase(canary_shop, "bob")
    waiting = file_canary(canary_shop)
    for path in canary_shop.home.glob("serving.db*"):
        path.unlink()
    number = file_canary(canary_shop)
    assert (waiting, number) == (2, 1)
    erase_request(canary_shop, number)
    assert not list(request_file(canary_shop, number).parent.iterdir())
    with pytest.raises(BadInput, match="there is no request 2; open are: none"):
        erase_request(canary_shop, waiting)


def test_a_receipt_of_another_home_is_no_erasure_of_this_one(canary_shop: Settings, tmp_path: Path) -> None:
    """Two homes publish into one database, or this one was put back from a backup that is older than the erasure."""
    number = file_canary(canary_shop)
    before = shutil.copytree(canary_shop.home, tmp_path / "other", ignore=shutil.ignore_patterns("serving.db*"))
    erase_request(canary_shop, number)
    other = canary_shop.model_copy(update={"home": before, "serving_url": canary_shop.serving})
    for _ in range(2):  # also of a home in which the user never asked
        with pytest.raises(BadInput, match=r"request 1 was carried out at .* UTC, but not here: .*; file it again"):
            erase_request(other, number)
        request_file(other, number).unlink(missing_ok=True)
    erase(other)
    assert found_in_files(other) == []


def test_what_a_killed_process_of_an_earlier_release_left_at_home_goes_too(canary_shop: Settings) -> None:
    left = canary_shop.home / "verify-k2j3h4"
    left.mkdir()
    (left / "events.parquet").write_text(CANARY)
    erase(canary_shop)
    assert not left.exists()


def test_a_request_is_of_one_user_in_the_database_and_in_its_file(canary_shop: Settings) -> None:
    number = file_canary(canary_shop)
    engine = database.connect(canary_shop.serving)
    with database.writing(engine) as connection:
        connection.execute(update(erasures).values(user_hash="of somebody else"))
    with pytest.raises(
        BadInput, match="request 1 is somebody's in the serving database and somebody else's in "
    ) as error:
        erase_request(canary_shop, number)
    assert CANARY not in str(error.value)
    with database.writing(engine) as connection:  # a receipt is not taken for that of whom the file names
        connection.execute(update(erasures).values(erased_at=datetime.now(UTC), places="{}", rows=0))
    with pytest.raises(BadInput, match="file the request again"):
        erase_request(canary_shop, number)
    engine.dispose()
    assert found(canary_shop) != []


@pytest.mark.parametrize("kind", ["text", "integer"])
def test_tables_of_others_in_the_same_database_are_left_alone(serving_url: str, tmp_path: Path, kind: str) -> None:
    fill_source(tmp_path / "source.db")
    shop = canary_settings(tmp_path / "var", tmp_path / "source.db", serving_url)
    engine = database.connect(shop.serving)
    database.create_schema(engine)
    value = CANARY if kind == "text" else "7"
    with database.writing(engine) as connection:
        connection.exec_driver_sql(f"create table orders (user_id {kind}, query text)")
        connection.exec_driver_sql(f"insert into orders values ('{value}', '{QUERY}')")
    erase(shop)
    with database.reading(engine) as connection:
        assert connection.exec_driver_sql("select count(*) from orders").scalar() == 1
    engine.dispose()


def test_an_error_of_the_database_names_nobody(serving_url: str, tmp_path: Path) -> None:
    url = canary_settings(tmp_path, tmp_path / "source.db", serving_url).serving
    statement = text("select no_such_column from erasures where user_hash = :user")
    owner = database.connect(url)
    database.create_schema(owner)
    for engine in (owner, connect_readers(url, 1, 1000)):
        with pytest.raises(exc.SQLAlchemyError) as error, engine.connect() as connection:
            connection.execute(statement, {"user": CANARY})
        engine.dispose()
        assert "no_such_column" in str(error.value) and CANARY not in str(error.value)


def test_somebody_who_was_never_there_is_forgotten_all_the_same(canary_shop: Settings) -> None:
    assert erase(canary_shop, "never there") == {}
    assert found(canary_shop) != []


def test_an_erasure_says_its_number_and_a_keyed_hash_and_never_whom(
    canary_shop: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        erase(canary_shop)
    assert f"request 1: erasing {name_user(canary_shop, CANARY)}" in caplog.messages
    assert not [text for text in caplog.messages if any(trace in text for trace in TRACES)]


def test_tombstones_hold_under_their_own_key_only(canary_shop: Settings) -> None:
    assert not key_file(canary_shop).exists()
    erase(canary_shop)
    assert key_file(canary_shop).stat().st_mode & 0o777 == 0o600
    told = tombstone_file(canary_shop).read_text()
    assert len(json.loads(told)["users"]) == 1 and CANARY not in told
    with pytest.raises(BadInput, match="was written with another key"):
        run_stage("ingest_events", LAST, canary_shop.model_copy(update={"hash_key": "other"}), repull=True)


def test_the_key_is_no_part_of_a_manifest(canary_shop: Settings) -> None:
    run_stage("ingest_events", LAST, canary_shop.model_copy(update={"hash_key": "the secret key"}), repull=True)
    assert "secret key" not in (hour_folder(canary_shop.lake, LAST) / "ingest_events.json").read_text()


def test_who_shares_a_session_with_an_erased_user_keeps_all_rows(tmp_path: Path) -> None:
    events = [
        event("click", "ann", "i1", session_id="kiosk"),
        event("click", None, "i2", session_id="kiosk"),
        event("click", "bob", "i3", session_id="kiosk"),
        event("click", None, "i4", session_id="other"),
    ]
    settings = open_shop(tmp_path / "var", [], events)
    run_stage("ingest_events", FIRST, settings)
    erase(settings, "ann")
    assert sorted(landed(settings, "events")["item_id"].to_pylist()) == ["i3", "i4"]
    run_stage("ingest_events", FIRST, settings, repull=True)
    assert sorted(landed(settings, "events")["item_id"].to_pylist()) == ["i3", "i4"]


def test_an_erased_user_who_comes_back_brings_no_new_session(tmp_path: Path) -> None:
    events = [
        event("click", "ann", "i1"),
        event("click", None, "i2", hour=1, session_id="new"),
        event("click", "ann", "i3", hour=1, session_id="new"),
        event("click", "bob", "i4", hour=1),
    ]
    settings = open_shop(tmp_path / "var", [], events)
    run_stage("ingest_events", FIRST, settings)
    erase(settings, "ann")
    run_stage("ingest_events", FIRST + HOUR, settings)
    assert landed(settings, "events", 1)["item_id"].to_pylist() == ["i4"]
    refused = landed(settings, "quarantined_events", 1).to_pylist()
    assert [row["rule"] for row in refused] == ["erased", "erased"]
    assert all(json.loads(row["raw_row"])["item_id"] is None for row in refused)
