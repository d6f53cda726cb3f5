"""Factors are Parquet: what is written is read, and another table is refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import DataError
from pipeline.model_files import positions, read_factors, write_factors


def test_what_is_written_is_read_to_the_last_bit(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    write_factors(tmp_path / "a", "user_id", ["a", "é", "10"], vectors)
    factors = read_factors(tmp_path / "a", "user_id")
    assert list(factors.ids) == ["a", "é", "10"]
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
