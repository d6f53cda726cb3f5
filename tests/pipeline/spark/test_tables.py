"""What needs no Spark of the module that speaks to it: how its files become one, and what is said where it is missing."""

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import duck
from pipeline.engine import choose_engine
from pipeline.errors import BadInput
from pipeline.settings import load_settings
from pipeline.spark import tables


def write_parts(folder: Path, *parts: list[int]) -> Path:
    """A folder of files as Spark writes them, each with these numbers."""
    folder.mkdir()
    for number, values in enumerate(parts):
        pq.write_table(pa.table({"a": pa.array(values, pa.int64())}), folder / f"part-{number:05}-x.snappy.parquet")
    (folder / "_SUCCESS").touch()
    return folder


def test_parts_become_one_file_in_their_order_whose_bytes_follow_from_the_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "GROUP_ROWS", 4)
    rows = list(range(11))
    splits = [[rows], [rows[:1], [], rows[1:7], rows[7:]], [rows[:4], rows[4:8], rows[8:]]]
    written = set()
    for number, split in enumerate(splits):
        target = tmp_path / f"{number}.parquet"
        tables.unite_parts(write_parts(tmp_path / f"parts{number}", *split), target)
        assert pq.read_table(target)["a"].to_pylist() == rows
        written.add(target.read_bytes())
    assert len(written) == 1


def test_no_rows_are_a_file_with_columns(tmp_path: Path) -> None:
    tables.unite_parts(write_parts(tmp_path / "parts", []), tmp_path / "none.parquet")
    assert pq.read_table(tmp_path / "none.parquet").schema == pa.schema([("a", pa.int64())])


def test_both_engines_are_spoken_to_in_the_same_words(tmp_path: Path) -> None:
    assert choose_engine(load_settings(home=tmp_path)) is duck
    assert choose_engine(load_settings(home=tmp_path, engine="spark")) is tables
    for word in ("connect", "view_files", "load_files", "fetch_table", "make_table", "write_table"):
        assert callable(getattr(duck, word)) and callable(getattr(tables, word))


def test_who_has_no_pyspark_is_told_so_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pyspark", "pyspark.errors", "pyspark.sql"):
        monkeypatch.setitem(sys.modules, name, None)
    settings = load_settings(home=tmp_path, engine="spark")
    said = r"needs pyspark, which is not installed; see docs/scale\.md\.$"
    with pytest.raises(BadInput, match=said), tables.connect(settings, tmp_path):
        pass


@pytest.mark.parametrize(
    ("limit", "megabytes"), [("4GiB", 4096), ("1.5GB", 1431), ("512 MB", 488), ("100KB", 1), ("2TiB", 2 * 1024**2)]
)
def test_a_limit_of_memory_is_told_to_java_in_whole_megabytes(limit: str, megabytes: int) -> None:
    assert tables.count_megabytes(load_settings(memory_limit=limit).memory_limit) == megabytes
