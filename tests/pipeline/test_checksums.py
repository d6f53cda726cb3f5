"""Damaged catalog files: a flipped byte or a cut end is refused by the file's name, and never read by half."""

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from catalog_files import deliver, many_items, open_folder
from handmade_shop import FIRST, landed_path, open_shop, rows, without_remedy

from pipeline.catalog import find_landed, is_undamaged
from pipeline.checksums import check_files
from pipeline.errors import BadInput, DataError, NotLanded, Unreadable
from pipeline.hours import HOUR
from pipeline.item_history import read_item_history
from pipeline.lake import Work
from pipeline.line import run_stage
from pipeline.run import Run
from pipeline.settings import Settings, load_settings
from pipeline.sources.columns import COLUMNS

FLIPS, CUTS = 200, 50


def damages(whole: bytes, flips: int = FLIPS, cuts: int = CUTS) -> Iterator[bytes]:
    """The bytes with one bit changed in seeded places, and cut off at so many places."""
    dice = random.Random(7)
    for _ in range(flips):
        damaged = bytearray(whole)
        damaged[dice.randrange(len(whole))] ^= 1 << dice.randrange(8)
        yield bytes(damaged)
    for place in range(cuts):
        yield whole[: len(whole) * place // cuts]


def write_sums(path: Path) -> None:
    """A SHA256SUMS beside the file, as `sha256sum *` would write it."""
    (path.parent / "SHA256SUMS").write_text(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n")


def test_a_landed_snapshot_with_any_flipped_or_missing_byte_is_refused_by_every_reader(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, many_items(40), [])
    run_stage("ingest_catalog", FIRST, settings)
    path = landed_path(settings, "items")
    whole = path.read_bytes()
    run = Run(FIRST, settings)
    for damaged in damages(whole):
        path.write_bytes(damaged)
        snapshot = find_landed(run, FIRST)
        assert snapshot
        assert not is_undamaged(snapshot)
        with pytest.raises(NotLanded, match=f"{path} is missing or damaged; run ingest_catalog of 2026-01-05T10 again"):
            Work(run, "prepare").read("items")
        with pytest.raises(NotLanded, match=f"{path} is missing or damaged"):
            read_item_history(settings, FIRST, FIRST)
    path.write_bytes(whole)
    assert read_item_history(settings, FIRST, FIRST).num_rows == 40


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_delivered_file_with_any_flipped_or_missing_byte_is_refused_where_checksums_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    settings = open_folder(tmp_path, monkeypatch, kind)
    path = deliver(settings, many_items(40))
    whole = path.read_bytes()
    write_sums(path)
    pulled = tmp_path / "pulled.parquet"
    for damaged in damages(whole):
        path.write_bytes(damaged)
        with pytest.raises(
            Unreadable, match=f"{path} is not what SHA256SUMS says; have it mended or delivered again, "
        ):
            pull_to(settings, pulled)
        assert not pulled.exists()
    path.write_bytes(whole)
    pull_to(settings, pulled)
    assert pulled.exists()


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_where_checksums_are_required_no_file_is_read_without_and_none_with_a_flipped_or_missing_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    settings = open_folder(tmp_path, monkeypatch, kind, require_checksums=True)
    path = deliver(settings, many_items(40))
    whole, pulled = path.read_bytes(), tmp_path / "pulled.parquet"
    contract = tmp_path / "sources" / "files" / "contract.csv"
    with pytest.raises(BadInput, match=f"has no contract that says which files items are read from; write {contract}"):
        pull_to(settings, pulled)
    contract.write_text(f"query,relation,column,type,is_needed\nitems,{path.name},,,\n")
    refused = f"{path} has no checksum in a SHA256SUMS beside it or above it up to {path.parent}, as 1 of 1 files "
    write_sums(contract)
    (contract.parent / "SHA256SUMS").rename(path.parent / "SHA256SUMS")
    (path.parent / contract.name).write_bytes(contract.read_bytes())  # another file has a checksum
    for damaged in [whole, *damages(whole)]:
        path.write_bytes(damaged)
        with pytest.raises(Unreadable, match=refused):
            pull_to(settings, pulled)
    path.write_bytes(whole)
    write_sums(path)
    for damaged in damages(whole):
        path.write_bytes(damaged)
        with pytest.raises(Unreadable, match=f"{path} is not what SHA256SUMS says"):
            pull_to(settings, pulled)
    assert not pulled.exists()
    path.write_bytes(whole)
    pull_to(settings, pulled)
    assert pulled.exists()


def pull_to(settings: Settings, target: Path) -> None:
    from pipeline.stages import ingest_catalog

    ingest_catalog.pull(Run(FIRST, settings), "items", target)


def test_a_damaged_delivery_leaves_the_last_good_snapshot_in_use_and_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = open_folder(tmp_path, monkeypatch)
    path = deliver(settings, many_items(3, title="good"))
    write_sums(path)
    run_stage("ingest_catalog", FIRST, settings)
    deliver(settings, many_items(3, title="bad"))
    result = run_stage("ingest_catalog", FIRST + HOUR, settings)
    assert without_remedy(result.notes)[0] == f"warning: items: {path} is not what SHA256SUMS says"
    assert rows(settings, "items", "title", hour=1) == [("good",)] * 3


def test_parquet_without_checksums_is_refused_when_cut_and_never_stops_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = open_folder(tmp_path, monkeypatch, "parquet")
    path = deliver(settings, many_items(40))
    whole = path.read_bytes()
    pulled = tmp_path / "pulled.parquet"
    for damaged in damages(whole, flips=60, cuts=0):
        path.write_bytes(damaged)
        try:
            pull_to(settings, pulled)
        except DataError as error:
            assert "source files: " in str(error)
    for damaged in damages(whole, flips=0, cuts=20):
        path.write_bytes(damaged)
        with pytest.raises(Unreadable, match="source files: cannot read "):
            pull_to(settings, pulled)


@pytest.mark.parametrize("compression", ["snappy", "zstd"])
def test_parquet_with_checksums_in_its_pages_is_refused_or_read_right_with_any_flipped_or_missing_byte(
    tmp_path: Path, compression: str
) -> None:
    delivered = tmp_path / "delivered" / "items" / "2026-01-05" / "10" / "catalog.parquet"
    delivered.parent.mkdir(parents=True)
    settings = load_settings(home=tmp_path / "var", source="parquet_folder", source_url=str(tmp_path / "delivered"))
    texts = {
        name: [None if one[name] is None else str(one[name]) for one in many_items(40)]
        for name in COLUMNS["items"]
        if name not in {"locator", "snapshot_at"}
    }
    pq.write_table(pa.table(texts), delivered, compression=compression, write_page_checksum=True)
    whole, pulled = delivered.read_bytes(), tmp_path / "pulled.parquet"
    pull_to(settings, pulled)
    right, refused = pq.read_table(pulled), 0
    for damaged in damages(whole):
        delivered.write_bytes(damaged)
        try:
            pull_to(settings, pulled)
        except DataError:
            refused += 1
        else:
            assert pq.read_table(pulled) == right
    assert refused > (FLIPS + CUTS) / 2


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{sum}  gone.csv", r"gone\.csv is missing, but SHA256SUMS lists it"),
        ("{sum} *catalog.csv", None),
        ("{SUM}  catalog.csv", None),
        ("{sum}  catalog.csv\n\n{sum}  below/catalog.csv", None),
        ("\ufeff{sum} *below\\catalog.csv\r", None),
        ("{sum}  ./below/catalog.csv", None),
        ("{sum}  ../catalog.csv", "line 1 of .*SHA256SUMS is not a checksum and the name of a file below it"),
        ("{sum}  /etc/passwd", "line 1 of .*SHA256SUMS is not"),
        ("{sum} catalog.csv", "line 1 of .*SHA256SUMS is not"),
        ("MD5 (catalog.csv) = 0", "line 1 of .*SHA256SUMS is not"),
    ],
)
def test_checksums_are_read_as_sha256sum_writes_them(tmp_path: Path, line: str, said: str | None) -> None:
    (tmp_path / "below").mkdir()
    for path in (tmp_path / "catalog.csv", tmp_path / "below" / "catalog.csv"):
        path.write_text("a\n")
    digest = hashlib.sha256(b"a\n").hexdigest()
    (tmp_path / "SHA256SUMS").write_text(line.format(sum=digest, SUM=digest.upper()) + "\n")
    if said is None:
        check_files(tmp_path)
    else:
        with pytest.raises(Unreadable, match=said):
            check_files(tmp_path)


def test_a_folder_without_checksums_is_not_checked(tmp_path: Path) -> None:
    (tmp_path / "catalog.csv").write_text("anything")
    check_files(tmp_path)
