"""Factors are Parquet: what is written is read, and another table is refused."""

import ast
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import DataError
from pipeline.model_files import coded, positions, read_coded, read_factors, write_factors


def test_what_is_written_is_read_to_the_last_bit(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    write_factors(tmp_path / "a", "user_id", ["10", "a", "é"], vectors)
    factors = read_factors(tmp_path / "a", "user_id")
    assert list(factors.ids) == ["10", "a", "é"]
    assert factors.vectors.tobytes() == vectors.tobytes()
    assert factors.vectors.flags.writeable


def test_a_model_of_nobody_keeps_its_width(tmp_path: Path) -> None:
    write_factors(tmp_path / "a", "user_id", [], np.zeros((0, 5), np.float32))
    factors = read_factors(tmp_path / "a", "user_id")
    assert factors.vectors.shape == (0, 5)
    assert len(factors.ids) == 0


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"item_id": ["a"], "factors": pa.FixedSizeListArray.from_arrays(pa.array([1.0, 2.0]), 2)}),
        pa.table({"user_id": ["a"]}),
        pa.table({"user_id": ["a"], "factors": [[1.0, 2.0]]}),
    ],
)
def test_a_table_of_another_shape_is_refused(tmp_path: Path, table: pa.Table) -> None:
    pq.write_table(table, tmp_path / "a")
    with pytest.raises(DataError, match="does not hold user_id and factors"):
        read_factors(tmp_path / "a", "user_id")


def test_positions_say_where_values_stand_and_which_do_not() -> None:
    found = positions(pd.Index(["a", "b", "c"]), pd.Series(["c", "x", "a", "c"]))
    assert found.tolist() == [2, -1, 0, 2]
    assert found.dtype == np.int32
    assert positions(pd.Index([]), pd.Series(["a"])).tolist() == [-1]


def factors_table(ids: list[str | None], kind: str = "float32", width: int = 2) -> pa.Table:
    numbers = pa.array([0.5] * len(ids) * width, pa.type_for_alias(kind))
    return pa.table(
        {"user_id": pa.array(ids, pa.string()), "factors": pa.FixedSizeListArray.from_arrays(numbers, width)}
    )


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (factors_table(["a"], "float64"), "32-bit"),
        (factors_table(["a"], "int32"), "32-bit"),
        (factors_table(["b", "a"]), "out of order"),
        (factors_table(["a", "a"]), "twice"),
        (factors_table(["a", None]), "empty"),
    ],
)
def test_a_model_that_was_tampered_with_is_refused(tmp_path: Path, table: pa.Table, said: str) -> None:
    pq.write_table(table, tmp_path / "a")
    with pytest.raises(DataError, match=said):
        read_factors(tmp_path / "a", "user_id")


def test_a_small_file_that_declares_a_huge_model_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """A few kilobytes that would unfold into gigabytes: one value, repeated."""
    width = 1 << 22
    line = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(width, np.float32)), width)
    table = pa.table({"user_id": ["a"], "factors": line})
    with pq.ParquetWriter(tmp_path / "a", table.schema, compression="zstd") as writer:
        writer.write_table(table)
    monkey = pytest.MonkeyPatch()
    monkey.setattr("pipeline.model_files.MOST_BYTES", width * 4 - 1)
    monkey.setattr(pq.ParquetFile, "read", lambda *_: pytest.fail("it was read"))
    try:
        assert (tmp_path / "a").stat().st_size < 100_000
        with pytest.raises(DataError, match="too many to be a model"):
            read_factors(tmp_path / "a", "user_id")
    finally:
        monkey.undo()


@pytest.mark.parametrize(
    "damage", [lambda data: data[: len(data) // 2], lambda data: data[:-4] + b"PK12", lambda data: b""]
)
def test_what_is_no_parquet_file_is_one_sentence(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    write_factors(tmp_path / "a", "user_id", ["a"], np.zeros((1, 2), np.float32))
    (tmp_path / "a").write_bytes(damage((tmp_path / "a").read_bytes()))
    with pytest.raises(DataError, match="cannot be read as a table"):
        read_factors(tmp_path / "a", "user_id")


UNSAFE = {"pickle", "cloudpickle", "joblib", "dill", "shelve", "marshal"}


def unsafe_parts(code: str) -> list[str]:
    """What in this code would run whatever a file holds."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            found += [name for name in names if name.split(".")[0] in UNSAFE]
        elif isinstance(node, ast.Call):
            called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            found += [called] if called in {"eval", "exec", "read_pickle", "to_pickle"} else []
            found += [key.arg for key in node.keywords if key.arg in ("allow_pickle", "shell") and is_true(key.value)]
    return found


def is_true(node: ast.expr) -> bool:
    return not (isinstance(node, ast.Constant) and node.value is False)


def test_nothing_in_the_code_runs_what_a_file_holds() -> None:
    root = Path(__file__).resolve().parents[2]
    for folder in ("pipeline", "dags", "plugins", "expectations"):
        paths = list((root / folder).rglob("*.py"))
        assert paths
        assert [path for path in paths if unsafe_parts(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    "code",
    ["import pickle", "from joblib import load", "eval(x)", "np.load(f, allow_pickle=True)", "pd.read_pickle(f)"],
)
def test_what_would_run_a_file_is_found(code: str) -> None:
    assert unsafe_parts(code)


def test_coded_texts_are_the_same_texts_and_stand_at_the_same_places(tmp_path: Path) -> None:
    columns = ["id", "n"]
    first = pa.table({"id": pa.chunked_array([["b", None], ["a", "b"], []], pa.string()), "n": [1, 2, 3, 4]})
    second = pa.table({"id": pa.array(["c", "b"], pa.string()), "n": [5, 6]})
    for name, table in (("first", first), ("second", second), ("none", first[:0])):
        pq.write_table(table, tmp_path / name)
    read = {name: read_coded(tmp_path / name, columns) for name in ("first", "second", "none")}
    for rows, table in (
        (first, first),
        (first, read["first"]),
        (first[:0], read["none"]),
        (pa.concat_tables([first, second]), pa.concat_tables([read["first"], read["second"]])),
        (second, pa.concat_tables([read["none"], read["second"]])),
    ):
        frame = coded(table)
        assert isinstance(frame["id"].dtype, pd.CategoricalDtype)
        assert frame["id"].astype(object).where(frame["id"].notna(), None).tolist() == rows["id"].to_pylist()
        assert frame["n"].tolist() == rows["n"].to_pylist()
        assert len(frame["id"].cat.categories) == len(set(rows["id"].to_pylist()) - {None})
        for ids in (pd.Index(["a", "b"]), pd.Index(["b"]), pd.Index([], dtype="str")):
            assert positions(ids, frame["id"]).tolist() == positions(ids, rows["id"].to_pandas()).tolist()
