"""The model's vectors as Parquet files (never pickles), and where an id stands among them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import scipy.sparse as sp

from pipeline.als import Floats
from pipeline.errors import DataError

# Far beyond any model that fits this pipeline's machines (30 million vectors of 64 numbers), far below what would kill one.
MOST_BYTES = 8 << 30
MOST_GROUPS = 100_000


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
    """The vectors of a factors table; raises `DataError` when it is not what `write_factors` writes.

    Columns, types and size are judged by the file's foot, before a row is read; finite is what `evaluate` asks for.
    """
    try:
        with pq.ParquetFile(path) as file:
            check_foot(path, column, file)
            table = file.read()
    except (pa.ArrowException, OSError):
        raise DataError(f"{path} cannot be read as a table; run train of its hour again.") from None
    ids, kind = table[column], table.schema.field("factors").type
    if ids.null_count or table["factors"].null_count or table["factors"].combine_chunks().flatten().null_count:
        raise DataError(f"{path} holds empty ids or vectors; run train of its hour again.")
    if len(ids) > 1 and not pc.all(pc.less(ids[:-1], ids[1:])).as_py():
        raise DataError(f"{path} holds ids out of order, or twice; run train of its hour again.")
    # A copy of our own: `implicit` wants arrays that it could write to.
    vectors = table["factors"].combine_chunks().flatten().to_numpy(zero_copy_only=False).copy()
    return Factors(pd.Index(table[column].to_pandas()), vectors.reshape(table.num_rows, kind.list_size))


def check_foot(path: Path, column: str, file: pq.ParquetFile) -> None:
    """Raises `DataError` unless a file has the columns of a factors table, in their types, and could be a model's."""
    schema, rows = file.schema_arrow, file.metadata.num_rows
    kind = schema.field("factors").type if "factors" in schema.names else pa.null()
    if schema.names != [column, "factors"] or not isinstance(kind, pa.FixedSizeListType):
        raise DataError(f"{path} does not hold {column} and factors; run train of its hour again.")
    if kind.value_type != pa.float32() or schema.field(column).type != pa.string():
        raise DataError(f"{path} does not hold texts and 32-bit numbers; run train of its hour again.")
    if rows * kind.list_size * 4 > MOST_BYTES or file.metadata.num_row_groups > MOST_GROUPS:
        raise DataError(f"{path} declares {rows:,} vectors of {kind.list_size:,} numbers, too many to be a model.")


def unite(one: Factors, other: Factors) -> Factors:
    """The vectors of both, whose ids differ."""
    ids = one.ids.append(other.ids)
    order = np.argsort(ids.to_numpy(), kind="stable")
    return Factors(ids[order], np.concatenate([one.vectors, other.vectors])[order])


def choose(factors: Factors, ids: pd.Index) -> Factors:
    """The vectors of these ids, sorted as all ids are; zero for one that has none."""
    return Factors(ids, find_vectors(factors, ids))


def find_vectors(factors: Factors, ids: pd.Index) -> Floats:
    """The vectors of these ids (ids x d); zero for one that has none."""
    places = factors.ids.get_indexer(ids)
    found = np.zeros((len(ids), factors.vectors.shape[1]), np.float32)
    found[places >= 0] = factors.vectors[places[places >= 0]]
    return found


def read_coded(path: Path, columns: Sequence[str]) -> pa.Table:
    """These columns of a table, texts as a number for each and the different texts once."""
    texts = [field.name for field in pq.read_schema(path) if field.name in columns and pa.types.is_string(field.type)]
    return pq.read_table(path, columns=list(columns), read_dictionary=texts)


def coded(table: pa.Table) -> pd.DataFrame:
    """The rows with texts as categories: an id takes four bytes a row, and is looked up once instead of at every row."""
    for place, field in enumerate(table.schema):
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            table = table.set_column(place, field.name, table[place].dictionary_encode())
    return table.to_pandas()


def positions(ids: pd.Index, values: pd.Series) -> np.ndarray:
    """Where each value stands in ids (int32), -1 for those that do not."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        places = ids.get_indexer(values.cat.categories)
        return np.append(places, -1).astype(np.int32)[values.cat.codes]
    return ids.get_indexer(pd.Index(values)).astype(np.int32)


def pair_matrix(row_ids: pd.Index, column_ids: pd.Index, rows: pd.Series, columns: pd.Series) -> sp.csr_matrix:
    """A matrix with a one for every pair whose row and column are known."""
    row, column = positions(row_ids, rows), positions(column_ids, columns)
    known = (row >= 0) & (column >= 0)
    ones = np.ones(int(known.sum()), np.float32)
    return sp.csr_matrix((ones, (row[known], column[known])), shape=(len(row_ids), len(column_ids)))
