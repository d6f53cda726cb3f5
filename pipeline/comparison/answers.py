"""Reads answered from an arm's lists alone, by when each could be read: for arms without a serving database."""

import tempfile
from pathlib import Path

import pyarrow as pa

from pipeline.duck import connect, fetch_table
from pipeline.serving.contract import Source
from pipeline.settings import Settings


def answer_from_lists(settings: Settings, asked: pa.Table, recommendations: pa.Table, cutoffs: pa.Table) -> pa.Table:
    """Rows of `reads` by sql/comparison/answered_reads.sql: who has no list of their own at that moment gets everyone's.

    `asked` are the log's reads; `cutoffs` says of each version up to when its data go (version, cutoff).
    """
    order = {"source": [str(source) for source in Source], "place": list(range(len(Source)))}
    with tempfile.TemporaryDirectory(prefix="reads-") as spill, connect(settings, Path(spill)) as connection:
        connection.register("asked", asked.append_column("place", pa.array(range(len(asked)), pa.int64())))
        connection.register("recommendations", recommendations)
        connection.register("cutoffs", cutoffs)
        connection.register("source_order", pa.table(order))
        return fetch_table(connection, "comparison/answered_reads")
