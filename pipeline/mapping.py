"""Mapping words that are known to be wrong (`veiw`) onto those that are meant (`click`), column by column.

Used for rows that are replayed, and for everything that a source delivers when it has a `mapping.csv`. People are not
words: columns that name or quote them cannot be mapped.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.errors import BadInput
from pipeline.sources.columns import COLUMNS
from pipeline.sources.read import SOURCES

# column: {what it says: what is meant}; an empty text stands for nothing at all
Words = dict[str, dict[str, str]]

# Where a row is and who did what: mended row by row, in a file, or not at all.
NEVER = ("locator", "delivered_at", "event_id", "user_id", "session_id", "query")


def mappable(*kinds: str) -> list[str]:
    """The columns of these kinds that can be mapped."""
    return list(dict.fromkeys(column for kind in kinds for column in COLUMNS[kind] if column not in NEVER))


def parse_words(lines: Sequence[str], kind: str) -> Words:
    """Words from lines like `event_type:veiw=click`; raises `BadInput` that says what is wrong with one."""
    words: Words = {}
    for line in lines:
        column, colon, change = line.partition(":")
        old, equals, new = change.partition("=")
        if not colon or not equals:
            raise BadInput(f"a mapping is written column:old=new, such as event_type:veiw=click; {line!r} is not.")
        add_word(words, column.strip(), old.strip(), new.strip(), mappable(kind))
    return words


def add_word(words: Words, column: str, old: str, new: str, columns: Sequence[str]) -> None:
    """The words hold this one too; raises `BadInput` when the column cannot be mapped or the word means two things."""
    if column in NEVER:
        raise BadInput(f"column {column} is not mapped: it differs from row to row; edit the rows in a file instead.")
    if column not in columns:
        raise BadInput(f"there is no column {column!r} to map; the columns are {', '.join(columns)}.")
    if words.setdefault(column, {}).setdefault(old, new) != new:
        raise BadInput(f"{column} {old!r} is mapped twice, to {words[column][old]!r} and to {new!r}; leave one.")


def read_words(source: str) -> Words:
    """The standing mapping of a source, from its `mapping.csv` (column, from, to); none when there is no such file."""
    path = SOURCES / source / "mapping.csv"
    words: Words = {}
    if path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            header, *lines = [line for line in csv.reader(file) if line] or [[]]
        if header != ["column", "from", "to"] or any(len(line) != 3 for line in lines):
            raise BadInput(f"{path} does not hold the columns column, from, to, and nothing else.")
        for column, old, new in lines:
            add_word(words, column.strip(), old.strip(), new.strip(), mappable(*COLUMNS))
    return words


def map_words(rows: pa.Table, words: Words) -> tuple[pa.Table, pa.ChunkedArray]:
    """The rows with the words replaced, and which rows that changed (a mask). Texts are compared without their edges."""
    changed = pa.chunked_array([pa.repeat(pa.scalar(False), rows.num_rows)])
    for column in [column for column in words if column in rows.column_names]:
        olds = pa.array(list(words[column]), pa.string())
        news = pa.array([new or None for new in words[column].values()], pa.string())
        texts = rows[column]
        place = pc.index_in(pc.utf8_trim_whitespace(texts.fill_null("")), value_set=olds)
        mapped = pc.if_else(place.is_valid(), news.take(place.combine_chunks()), texts)
        changed = pc.or_(changed, pc.not_equal(mapped.fill_null(""), texts.fill_null("")))
        rows = rows.set_column(rows.column_names.index(column), column, mapped)
    return rows, changed


def map_file(draft: Path, target: Path, words: Words) -> int:
    """`target` holds the rows of a draft with the words replaced, batch by batch; returns how many rows that changed."""
    count = 0
    with pq.ParquetFile(draft) as file:
        schema = pa.schema([field.with_nullable(True) for field in file.schema_arrow])  # a word may be taken away
        with pq.ParquetWriter(target, schema, compression="zstd") as writer:
            for batch in file.iter_batches():
                rows, changed = map_words(pa.Table.from_batches([batch]), words)
                writer.write_table(rows.cast(schema))
                count += pc.sum(changed).as_py() or 0
    return count
