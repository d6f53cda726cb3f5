"""The model's vectors as Parquet files (never pickles), and where an id stands among them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.als import Floats
from pipeline.errors import DataError


@dataclass(frozen=True)
class Factors:
    """Vectors by id: `ids` sorted, `vectors` len(ids) x d, float32."""

    ids: pd.Index
    vectors: Floats


def write_factors(path: Path, column: str, ids: Sequence[str], vectors: Floats) -> None:
    """Write one row per id: the id and its vector as a list of float32."""
    flat = pa.array(np.ascontiguousarray(vectors, np.float32).ravel())
    lists = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
    table = pa.table({column: pa.array(ids, pa.string()), "factors": lists})
    pq.write_table(table, path, compression="zstd")


def read_factors(path: Path, column: str) -> Factors:
    """The vectors of a factors table; raises `DataError` when the columns are not those of `write_factors`."""
    table = pq.read_table(path)
    kind = table.schema.field("factors").type if "factors" in table.column_names else pa.null()
    if table.column_names != [column, "factors"] or not isinstance(kind, pa.FixedSizeListType):
        raise DataError(f"{path} does not hold {column} and factors.")
    # A copy of our own: `implicit` wants arrays that it could write to.
    vectors = table["factors"].combine_chunks().flatten().to_numpy(zero_copy_only=False).copy()
    return Factors(pd.Index(table[column].to_pandas()), vectors.reshape(table.num_rows, kind.list_size))


def positions(ids: pd.Index, values: pd.Series) -> np.ndarray:
    """Where each value stands in ids (int32), -1 for those that do not."""
    return ids.get_indexer(pd.Index(values)).astype(np.int32)
