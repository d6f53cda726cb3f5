"""Forgetting: what was typed is in no byte of an hour that is old enough, and nothing else changes."""

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from canary_shop import CANARY, ITEMS, QUERY, canary_settings, erase, found, found_in_files
from handmade_shop import FIRST, event, fill_shop, is_conserved, item, landed, ledger, rows
from sqlalchemy import select

from pipeline.actions import FOLDER
from pipeline.backfill import backfill_hours
from pipeline.errors import AuditFailed, BadInput, NotLanded
from pipeline.hours import HOUR
from pipeline.line import STAGES, run_stage
from pipeline.manifests import hour_folder, landed_hours, read_manifest
from pipeline.privacy import erase as erasing
from pipeline.privacy.forget import QUIET_HOURS, forget_all
from pipeline.privacy.serving import personal_tables
from pipeline.replay import replay
from pipeline.run import Run
from pipeline.serving import database
from pipeline.serving.schema import query_recommendations, user_recommendations, versions
from pipeline.settings import Settings, load_settings
from pipeline.verify import verify_hour

DAY, LIMIT = 24, 8 * 24  # the limits of these tests: a version's text a day, what was typed eight
RAN = (0, 1, 2, DAY, LIMIT - 1)


def events() -> Iterator[dict[str, Any]]:
    """Five users search and click in every hour that runs; the canary query is typed in the first hour only."""
    for hour in (*RAN, LIMIT, LIMIT + 1, LIMIT + DAY):
        for user in ("ann", "bob", "eve", "kim", "joe"):
            yield event("search", user, "red shoes" if hour else QUERY, hour=hour, minute=8)
            yield event("click", user, "i1", hour=hour, minute=9)
            yield event("add_to_cart", user, "i4", hour=hour, minute=10)
    yield event("veiw", "ann", "i2", minute=11, query=QUERY)
    yield event("search", None, QUERY, minute=12)
    yield event("search", "zoe", QUERY, minute=13)  # whose lists say why by what was typed


def settings_of(folder: Path, serving_url: str = "", **knobs: Any) -> Settings:
    limits = {
        "query_text_days": 8,
        "version_text_days": 1,
        "window_days": 7,
        "min_joined_share": 0.0,
        "data_docs": False,
        **knobs,
    }
    return canary_settings(folder / "var", folder / "source.db", serving_url).model_copy(update=limits)


def run(settings: Settings, hour: int, repull: bool = False) -> None:
    for stage in STAGES:
        run_stage(stage, FIRST + hour * HOUR, settings, repull=repull)


def contents(settings: Settings, *hours: int) -> dict[str, bytes]:
    """Every file of these hours but what reporting leaves."""
    paths = [
        path for hour in hours for path in hour_folder(settings.lake, FIRST + hour * HOUR).rglob("*") if path.is_file()
    ]
    return {str(path.relative_to(settings.lake)): path.read_bytes() for path in paths if path.name != "report.json"}


def hashes(settings: Settings, hour: int) -> dict[str, str]:
    run = Run(FIRST + hour * HOUR, settings)
    manifests = [read_manifest(run, stage) for stage in STAGES]
    return {name: entry["sha256"] for manifest in manifests if manifest for name, entry in manifest["tables"].items()}


def text_in(settings: Settings, hour: int, table: str = "events") -> bool:
    return any(row["query"] for row in landed(settings, table, hour).to_pylist())


@pytest.fixture(scope="session")
def old_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `source.db` and a home in which the hours RAN ran, so that the first is as old as it may be."""
    folder = tmp_path_factory.mktemp("forget")
    numbered = [row | {"event_id": f"e{place}"} for place, row in enumerate(events())]
    fill_shop(f"sqlite:///{folder / 'source.db'}", [item(name) for name in ITEMS], numbered)
    settings = settings_of(folder)
    run(settings, 0)
    with pytest.raises(AuditFailed):  # so that there is evidence of a failed attempt
        run_stage("ingest_events", FIRST, settings.model_copy(update={"malformed_limit": 0.0}), repull=True)
    for hour in RAN[1:]:
        run(settings, hour)
    return folder


@pytest.fixture
def shop(old_home: Path, tmp_path: Path) -> Settings:
    shutil.copytree(old_home, tmp_path / "shop")
    return settings_of(tmp_path / "shop")


def test_what_was_typed_goes_exactly_at_the_limit_and_younger_hours_keep_every_byte(shop: Settings) -> None:
    assert text_in(shop, 0) and found(shop) != []
    before = contents(shop, 1, 2, DAY)
    run(shop, LIMIT)
    assert not text_in(shop, 0) and text_in(shop, 1)
    assert found_in_files(shop.model_copy(update={"home": hour_folder(shop.lake, FIRST)})) == []
    after = contents(shop, 1, 2, DAY)
    assert before == after
    run(shop, LIMIT + 1)
    assert not text_in(shop, 1) and text_in(shop, 2)


def test_a_forgotten_query_is_in_no_byte_of_lake_and_database(old_home: Path, tmp_path: Path, serving_url: str) -> None:
    shutil.copy(old_home / "source.db", tmp_path / "source.db")
    shop = settings_of(tmp_path, serving_url, data_docs=True)
    run(shop, 0)
    run(shop, 1)
    engine = database.connect(shop.serving)
    with database.writing(engine) as connection:
        for name, _ in list(personal_tables(connection)):
            connection.exec_driver_sql(f'analyze "{name}"')  # what the database knows about a table holds values of it
    engine.dispose()
    assert {place.split(": ")[0].split("/")[-1].split("_2026")[0].split(".")[0] for place in found(shop)} >= {
        *("events", "quarantined_events", "query_items", "query_recommendations", "user_recommendations"),
    }
    run(shop, LIMIT)
    run(shop, LIMIT + DAY)
    assert found(shop) == []
    run(shop, 0, repull=True)  # it is old as soon as it lands
    assert found(shop) == []


def test_a_version_that_is_no_longer_live_keeps_its_lists_but_for_queries(
    old_home: Path, tmp_path: Path, serving_url: str
) -> None:
    shutil.copy(old_home / "source.db", tmp_path / "source.db")
    shop = settings_of(tmp_path, serving_url)
    engine = database.connect(shop.serving)
    lists: list[Any] = []
    try:
        for hour in (0, 1, DAY):
            run(shop, hour)
            with database.reading(engine) as connection:
                table, told = user_recommendations.c, query_recommendations.c
                lists.append(
                    (
                        connection.execute(select(table.version, table.user_id, table.rank, table.item_id)).all(),
                        {row.reason for row in connection.execute(select(table.version, table.reason))},
                        sorted({version[:13] for version in connection.scalars(select(told.version))}),
                    )
                )
    finally:
        engine.dispose()
    assert set(lists[1][0]) < set(lists[2][0])
    assert any("canary" in reason for reason in lists[1][1])
    assert lists[1][2] == ["2026-01-05T10", "2026-01-05T11"] and lists[2][2] == ["2026-01-05T11", "2026-01-06T10"]
    assert text_in(shop, 0) and not text_in(shop, 0, "interactions")
    assert landed(shop, "query_items", 0).num_rows == landed(shop, "query_recommendations", 0).num_rows == 0


def test_the_line_makes_the_same_bytes_as_where_nothing_was_forgotten(shop: Settings, tmp_path: Path) -> None:
    shutil.copytree(shop.home.parent, tmp_path / "keeps")
    keeps = settings_of(tmp_path / "keeps", query_text_days=3650, version_text_days=3650)
    for hour in (LIMIT, LIMIT + 1):
        run(shop, hour)
        run(keeps, hour)
        assert hashes(shop, hour) == hashes(keeps, hour)
    run(shop, LIMIT + 1)  # again, now that the hours before it are forgotten
    assert hashes(shop, LIMIT + 1) == hashes(keeps, LIMIT + 1)
    assert not text_in(shop, 1) and text_in(keeps, 0)


def test_a_forgotten_hour_names_what_it_had_counts_what_it_did_and_verifies_as_rewritten(shop: Settings) -> None:
    before, told = read_manifest(Run(FIRST, shop), "ingest_events"), ledger(shop)
    rows = landed(shop, "events").drop_columns(["query"])
    run(shop, LIMIT)
    after = read_manifest(Run(FIRST, shop), "ingest_events")
    assert before and after and after["forgotten"] == after["erasures"][-1]["moment"]
    assert after["erasures"][-1]["request"] == "forget"
    was = {table: one["was"] for table, one in after["erasures"][-1]["tables"].items()}
    assert was == {table: before["tables"][table]["sha256"] for table in ("events", "quarantined_events")}
    assert landed(shop, "events").drop_columns(["query"]).equals(rows)
    assert ledger(shop) == told and is_conserved(told)
    raw = json.loads(landed(shop, "quarantined_events")["raw_row"][0].as_py())
    assert (raw["query"], raw["event_type"], raw["user_id"]) == (None, "veiw", "ann")
    for hour in (0, LIMIT):
        results, _ = verify_hour(FIRST + hour * HOUR, shop)
        assert not [result.table for result in results if result.is_broken]


def test_an_hour_that_is_forgotten_is_not_written_again(shop: Settings) -> None:
    run(shop, LIMIT)
    before = contents(shop, 0, 1, 2)
    times = {path: path.stat().st_mtime_ns for path in hour_folder(shop.lake, FIRST).rglob("*")}
    run_stage("report", FIRST + LIMIT * HOUR, shop)
    assert contents(shop, 0, 1, 2) == before
    assert {path: path.stat().st_mtime_ns for path in hour_folder(shop.lake, FIRST).rglob("*")} == times


def test_hours_that_crossed_the_limit_while_nothing_ran_are_found(shop: Settings) -> None:
    run(shop, LIMIT + DAY)
    assert [hour for hour in RAN if text_in(shop, hour)] == [LIMIT - 1]
    assert LIMIT - 1 > QUIET_HOURS  # so that the walk back went on from hour to hour that had text


@pytest.mark.parametrize("hour", [0, 1])
def test_text_that_a_pull_brings_back_alone_goes_with_the_next_hour(shop: Settings, hour: int) -> None:
    run(shop, LIMIT + 1)
    run_stage("ingest_events", FIRST + hour * HOUR, shop, repull=True)
    assert text_in(shop, hour)
    run_stage("report", FIRST + (LIMIT + 1) * HOUR, shop)
    assert not text_in(shop, hour)


def test_a_backfill_of_an_old_hour_leaves_no_text_there(shop: Settings) -> None:
    run(shop, LIMIT + 1)
    backfill_hours(shop, [FIRST], list(STAGES), repull=True)
    assert found_in_files(shop.model_copy(update={"home": hour_folder(shop.lake, FIRST)})) == []
    assert not text_in(shop, 0) and not text_in(shop, 0, "interactions")


def test_the_hour_that_is_live_keeps_its_lists_however_old_it_is(shop: Settings) -> None:
    newest = FIRST + (LIMIT - 1) * HOUR
    run_stage("report", newest + 3 * DAY * HOUR, shop)
    assert text_in(shop, LIMIT - 1, "interactions") and not text_in(shop, DAY, "interactions")
    run(shop, LIMIT + DAY)
    assert not text_in(shop, LIMIT - 1, "interactions")


def test_without_the_database_what_was_typed_goes_and_versions_wait_with_a_warning(shop: Settings) -> None:
    gone = shop.model_copy(update={"serving_url": "postgresql://nobody@127.0.0.1:1/nothing"})
    notes = forget_all(gone, FIRST + (LIMIT + DAY) * HOUR)
    assert notes[0].startswith("warning: queries in old versions are not forgotten: the serving database")
    assert not text_in(shop, 0) and text_in(shop, LIMIT - 1, "interactions")


@pytest.mark.parametrize("damaged", ["rows", "manifest"])
def test_a_damaged_inbox_is_a_warning_of_each_hour_and_keeps_an_erasure_open(shop: Settings, damaged: str) -> None:
    replay(shop, FIRST, FIRST, mapping=["event_type:veiw=click"], into=FIRST + LIMIT * HOUR)
    (inbox,) = (shop.lake / "replays").iterdir()
    run(shop, LIMIT)
    (file,) = inbox.glob("*.parquet" if damaged == "rows" else "manifest.json")
    file.write_bytes(file.read_bytes()[:40])
    settings = shop.model_copy(update={"query_text_days": 0})  # which makes that hour an old one
    result = run_stage("report", FIRST + LIMIT * HOUR, settings)
    assert any(
        f"are not forgotten: {'the inbox ' * (damaged != 'rows')}{file} is damaged" in note for note in result.notes
    )
    with pytest.raises(NotLanded, match=f"{file} is damaged"):
        erase(shop)


def test_a_failure_whose_manifest_is_damaged_keeps_no_hour_from_being_forgotten(shop: Settings) -> None:
    failure = hour_folder(shop.lake, FIRST) / "failed" / "ingest_events" / "manifest.json"
    failure.write_text("{")
    run(shop, LIMIT)
    assert not failure.exists()
    assert found_in_files(shop.model_copy(update={"home": hour_folder(shop.lake, FIRST)})) == []


def test_a_query_of_one_person_goes_with_an_erasure_when_no_row_says_any_more_whose_it_is(tmp_path: Path) -> None:
    """What was typed is forgotten, what was made of it not yet."""
    others = [
        event("click", user, "i0", hour=day * DAY, minute=9) for day in (0, 6, 9) for user in ("ann", "bob", "eve")
    ]
    typed = [event("search", CANARY, QUERY, minute=1), event("click", CANARY, "i3", minute=2)]
    common = [event("search", user, "red shoes", minute=3) for user in (CANARY, "ann")]
    numbered = [row | {"event_id": f"e{place}"} for place, row in enumerate([*others, *typed, *common])]
    fill_shop(f"sqlite:///{tmp_path / 'source.db'}", [item(name) for name in ITEMS], numbered)
    settings = settings_of(tmp_path, version_text_days=7, min_model_users=0)
    for day in (0, 6, 9):
        run(settings, day * DAY)
    assert not text_in(settings, 0) and text_in(settings, 6 * DAY, "queries")
    erase(settings)
    assert found(settings) == []
    assert rows(settings, "queries", "query", hour=6 * DAY) == [("red shoes",)]


def typed_by(
    tmp_path: Path, query: str, typists: dict[str, int], known: Sequence[int], hours: Sequence[int]
) -> Settings:
    """A home in which these users typed the query in these hours, and that forgets what was typed after eight days."""
    clicks = [event("click", user, "i0", hour=hour, minute=9) for hour in known for user in ("ann", "bob", "eve")]
    typed = [event("search", user, query, hour=hour, minute=1) for user, hour in typists.items()]
    numbered = [row | {"event_id": f"e{place}"} for place, row in enumerate([*clicks, *typed])]
    fill_shop(f"sqlite:///{tmp_path / 'source.db'}", [item(name) for name in ITEMS], numbered)
    settings = settings_of(tmp_path, version_text_days=7, min_model_users=0)
    for hour in hours:
        run(settings, hour)
    return settings


def test_a_query_of_many_stays_though_a_window_that_slid_on_saw_the_last_of_them_alone(tmp_path: Path) -> None:
    typists = {"ann": 0, "bob": 0, "eve": DAY}
    hours = [0, DAY, 6 * DAY, 7 * DAY + 1, 10 * DAY]
    settings = typed_by(tmp_path, "christmas tree", typists, hours, hours)
    told = [rows(settings, "queries", "query", "searchers", hour=hour) for hour in hours[2:4]]
    assert told == [[("christmas tree", 3)], [("christmas tree", 1)]]
    assert not text_in(settings, 0) and not text_in(settings, DAY)
    erase(settings, "nobody at all")
    assert [rows(settings, "queries", "query", "searchers", hour=hour) for hour in hours[2:4]] == told


def test_a_query_that_lands_while_somebody_is_erased_is_not_taken_for_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = typed_by(tmp_path, "red shoes", {"bob": 1}, [0, 1], [0])
    last = erasing.read_lonely

    def lands(settings: Settings) -> set[str]:
        run(settings, 1)
        return last(settings)

    monkeypatch.setattr(erasing, "read_lonely", lands)
    erase(settings, "ann")
    assert rows(settings, "queries", "query", hour=1) == [("red shoes",)]
    assert ("bob", "red shoes") in rows(settings, "events", "user_id", "query", hour=1)


def test_rows_that_were_replayed_are_forgotten_in_their_inbox_too(shop: Settings) -> None:
    replay(shop, FIRST, FIRST, None, ["event_type:veiw=click"])
    (inbox,) = (shop.lake / "replays").iterdir()
    taken = LIMIT  # the hour after the newest
    run(shop, taken)
    assert found_in_files(shop.model_copy(update={"home": inbox})) != []
    run(shop, LIMIT + DAY)
    assert found_in_files(shop.model_copy(update={"home": inbox})) != []
    run_stage("report", FIRST + (taken + LIMIT) * HOUR, shop)
    assert found_in_files(shop.model_copy(update={"home": inbox})) == []


def test_by_hand_every_old_hour_is_forgotten_however_far_back(shop: Settings) -> None:
    run(shop, LIMIT + 1)
    run_stage("ingest_events", FIRST, shop, repull=True)
    assert forget_all(shop, FIRST + 4 * LIMIT * HOUR) != []
    hours = landed_hours(shop.lake, "ingest_events", FIRST, FIRST + 2 * LIMIT * HOUR)
    assert not any(text_in(shop, (hour - FIRST) // HOUR) for hour in hours)
    assert forget_all(shop, FIRST + 4 * LIMIT * HOUR) == []


def test_by_hand_hours_before_one_are_forgotten_however_new(shop: Settings) -> None:
    forget_all(shop, FIRST + (LIMIT - 1) * HOUR, before=FIRST + 2 * HOUR)
    assert [hour for hour in RAN if not text_in(shop, hour)] == [0, 1]


def test_sums_of_a_forgotten_hour_go_with_its_text(shop: Settings) -> None:
    day, last = (
        shop.lake / FOLDER / f"{FIRST + hour * HOUR:%Y-%m-%d}" / f"{FIRST + hour * HOUR:%H}"
        for hour in (DAY, LIMIT - 1)
    )
    assert [*day.parent.glob(f"{day.name}.*")] and [*last.parent.glob(f"{last.name}.*")]
    forget_all(shop, FIRST + (LIMIT - 1) * HOUR, before=FIRST + (DAY + 1) * HOUR)
    assert not [*day.parent.glob(f"{day.name}.*")] and [*last.parent.glob(f"{last.name}.*")]


def test_a_window_longer_than_text_is_kept_is_refused() -> None:
    assert load_settings(window_days=30, query_text_days=31).window_days == 30
    with pytest.raises(
        BadInput, match="WINDOW_DAYS=30: a model learns from the queries of its whole window and the 6 "
    ):
        load_settings(window_days=30, query_text_days=30)
    with pytest.raises(BadInput, match="TREASURE_HUNT_QUERY_TEXT_DAYS=7"):
        load_settings(window_days=1, query_text_days=7)


def test_how_long_text_is_kept_is_no_part_of_what_comes_out(shop: Settings) -> None:
    assert not {"query_text_days", "version_text_days"} & shop.facts().keys()
    engine = database.connect(shop.serving)
    with database.reading(engine) as connection:
        assert len(connection.scalars(select(versions.c.version)).all()) == len(RAN)
    engine.dispose()
