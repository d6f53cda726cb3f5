"""Frozen logs of small shops."""

import json
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from small_shop import open_small_shop

from pipeline.comparison.bundle import hash_log
from pipeline.comparison.feed import catalog_at
from pipeline.comparison.log import Log, read_log, record_shop, record_source
from pipeline.comparison.validate import check_log
from pipeline.errors import BadInput
from pipeline.files import hash_file
from pipeline.hours import HOUR, parse_hour
from pipeline.privacy.tombstones import raise_tombstone
from pipeline.run import Run
from pipeline.settings import load_settings
from pipeline.sources.read import pull

FIRST = parse_hour("2026-01-05T10")
LAST = FIRST + 2 * HOUR
SHOP = {"users": 60, "items": 80, "events_per_hour": 200, "dirt": 0.1}
FILES = ("events.parquet", "catalog.parquet", "reads.parquet")


def record(folder: Path, seed: int = 1) -> Log:
    return record_shop(folder, FIRST, LAST, seed=seed, **SHOP)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return record(tmp_path / "log")


def test_the_same_seed_makes_the_same_bytes_and_another_one_does_not(log: Log, tmp_path: Path) -> None:
    again, other = record(tmp_path / "again"), record(tmp_path / "other", seed=2)
    for name in (*FILES, "log.json"):
        assert (log.folder / name).read_bytes() == (again.folder / name).read_bytes(), name
    assert other.log_hash != log.log_hash == again.log_hash


def test_a_shop_that_drifts_says_so_in_the_name_of_its_log_which_the_hash_pins(log: Log, tmp_path: Path) -> None:
    drifting = [record_shop(tmp_path / name, FIRST, LAST, seed=1, drift=True, **SHOP) for name in ("one", "two")]
    assert drifting[0].log_hash == drifting[1].log_hash != log.log_hash
    assert (log.name, drifting[0].name) == ("shop", "shop that drifts")
    document = json.loads((drifting[0].folder / "log.json").read_text())
    assert hash_log(document | {"name": "shop"}) != document["log_hash"]


def test_a_log_is_what_its_file_says(log: Log) -> None:
    assert log == read_log(log.folder)
    assert (log.started, log.ended, log.seed) == (FIRST, LAST + HOUR, 1)
    assert log.counts == {table: len(log.read(table)) for table in ("events", "catalog", "reads")}
    assert min(log.counts.values()) > 50
    document = json.loads((log.folder / "log.json").read_text())
    files = {name: hash_file(log.folder / name) for name in FILES}
    assert log.log_hash == hash_log(document | {"files": files})
    assert {path.name for path in log.folder.iterdir()} == {*FILES, "log.json"}


@pytest.mark.parametrize("name", FILES)
def test_an_altered_file_is_refused_in_one_sentence(log: Log, name: str) -> None:
    path = log.folder / name
    table = pq.read_table(path)
    pq.write_table(table.slice(1), path)
    with pytest.raises(BadInput, match=f"{name} is not what was recorded"):
        read_log(log.folder)
    path.unlink()
    with pytest.raises(BadInput, match=f"{name} is missing"):
        read_log(log.folder)


def test_a_file_that_was_altered_together_with_its_hash_is_refused(log: Log) -> None:
    path, document = log.folder / "events.parquet", json.loads((log.folder / "log.json").read_text())
    pq.write_table(pq.read_table(path).slice(1), path)
    document["files"]["events.parquet"] = hash_file(path)
    (log.folder / "log.json").write_text(json.dumps(document))
    with pytest.raises(BadInput, match="log_hash is not that of its files"):
        read_log(log.folder)


@pytest.mark.parametrize(
    ("field", "altered"),
    [("name", "mine"), ("seed", 2), ("started", "2026-01-05T09:00:00Z"), ("ended", "2026-01-05T14:00:00Z")],
)
def test_a_log_that_is_said_to_be_another_is_refused(log: Log, field: str, altered: object) -> None:
    document = json.loads((log.folder / "log.json").read_text())
    (log.folder / "log.json").write_text(json.dumps(document | {field: altered}))
    with pytest.raises(BadInput, match="log_hash is not that of its files, name, seed, started and ended"):
        read_log(log.folder)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"ended": "2026-01-05T10:00:00Z"}, "is not before ended"),
        ({"ended": "2026-01-05T12:30:00Z"}, "are not both whole hours"),
        ({"ended": "2026-13-05T12:00:00Z"}, "is no date and time"),
        ({"counts": {"events": 1}}, r"counts has 1 events and events\.parquet has [0-9,]+ rows"),
    ],
)
def test_a_log_whose_span_or_counts_cannot_be_is_refused_also_with_its_hash(
    log: Log, changed: dict[str, object], said: str
) -> None:
    document = json.loads((log.folder / "log.json").read_text()) | changed
    (log.folder / "log.json").write_text(json.dumps(document | {"log_hash": hash_log(document)}))
    for read in (read_log, check_log):
        with pytest.raises(BadInput, match=said):
            read(log.folder)


def test_a_folder_without_a_log_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"holds no log\.json; record a log"):
        read_log(tmp_path)


def test_nothing_is_recorded_over_something(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(BadInput, match="holds something already"):
        record(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_every_row_of_the_source_is_in_the_log_and_the_catalog_is_the_sources_at_every_hours_end(
    tmp_path: Path,
) -> None:
    settings = open_small_shop(tmp_path / "home", FIRST, 3)
    log = record_source(settings, FIRST, LAST, tmp_path / "log", name="shop")
    events, catalog = log.read("events"), log.read("catalog")
    rows = 0
    for hour in (FIRST + step * HOUR for step in range(3)):
        rows += pull(Run(hour, settings), "events", tmp_path / "events.parquet")
        pull(Run(hour, settings), "items", tmp_path / "items.parquet")
        shown = pq.read_table(tmp_path / "items.parquet")
        wanted = shown.select(catalog_at(catalog, hour + HOUR).column_names).sort_by("item_id")
        # A change at the very end of the hour is the next hour's at the source, and can be read at that moment.
        before = catalog_at(catalog, hour + HOUR - timedelta(microseconds=1))
        assert before.to_pylist() == wanted.to_pylist()
    assert len(events) == rows > 1000
    assert pc.all(pc.greater_equal(events["delivered_at"], pa.scalar(FIRST))).as_py()
    assert pc.all(pc.less(events["delivered_at"], pa.scalar(LAST + HOUR))).as_py()
    assert log.seed is None


def test_who_was_erased_is_in_no_log(tmp_path: Path) -> None:
    settings = open_small_shop(tmp_path / "home", FIRST, 1)
    before = record_source(settings, FIRST, FIRST, tmp_path / "before", name="shop")
    user = before.read("reads")["user_id"][0].as_py()
    raise_tombstone(settings, user)
    after = record_source(settings, FIRST, FIRST, tmp_path / "after", name="shop")
    assert user not in after.read("events")["user_id"].to_pylist() + after.read("reads")["user_id"].to_pylist()
    assert 0 < before.counts["events"] - after.counts["events"] < 50


def test_hours_in_which_nothing_was_delivered_make_no_log(tmp_path: Path) -> None:
    settings = open_small_shop(tmp_path / "home", FIRST, 1)
    with pytest.raises(BadInput, match="delivered nothing in the 2 hours"):
        record_source(settings, FIRST + 24 * HOUR, FIRST + 25 * HOUR, tmp_path / "log", name="shop")
    assert not (tmp_path / "log" / "log.json").exists()


def test_a_source_without_a_catalog_makes_no_log(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    settings = load_settings(home=tmp_path / "home", source="csv_folder", source_url=str(tmp_path / "source"))
    with pytest.raises(BadInput, match="csv_folder has no catalog for any of the 2 hours"):
        record_source(settings, FIRST, FIRST + HOUR, tmp_path / "log", name="mine")
