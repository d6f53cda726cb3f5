"""What a streaming arm wrote: each list from when until when, and each piece of work, in the tables of a bundle."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.comparison.bundle import MOMENT
from pipeline.comparison.consumer import Listed
from pipeline.serving.contract import Source


@dataclass(frozen=True)
class Piece:
    """A piece of work: what, when it was due, when it began and was done, rows in and out, seconds of the processor."""

    what: str
    due: datetime
    started: datetime
    done: datetime
    events: int
    rows: int
    cpu_seconds: float


class Upserts:
    """Lists as they were replaced, and the pieces of work that did so."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.versions: list[str | None] = []  # of each piece
        self.at: list[int] = []  # of each list: its piece
        self.until: list[datetime | None] = []  # of each list: when it was replaced
        self.listed: list[Listed] = []
        self._newest: dict[str, int] = {}  # each user's list

    def add(self, piece: Piece, model: str, listed: Sequence[Listed]) -> None:
        """A piece of work was done by the model of this version; its lists replace those of the same users."""
        self.pieces.append(piece)
        self.versions.append(f"{model}+{len(self.pieces)}" if listed else None)
        for one in listed:
            before = self._newest.get(one.user)
            if before is not None:
                self.until[before] = piece.done
            self._newest[one.user] = len(self.listed)
            self.listed.append(one)
            self.at.append(len(self.pieces) - 1)
            self.until.append(None)

    def lists(self) -> pa.Table:
        """Rows of `recommendations`."""
        lengths = np.array([len(one.items) for one in self.listed], np.int64)
        first = np.repeat(np.cumsum(lengths) - lengths, lengths)
        rank = np.arange(len(first)) - first + 1
        is_found = rank <= np.repeat([one.found for one in self.listed], lengths)
        of_list = pa.array(np.repeat(np.arange(len(lengths)), lengths), pa.int64())

        def spread(values: list[Any], kind: pa.DataType) -> pa.Array:
            return pa.array(values, kind).take(of_list)

        return pa.table(
            {
                "version": spread([self.versions[at] for at in self.at], pa.string()),
                "user_id": spread([one.user for one in self.listed], pa.string()),
                "rank": pa.array(rank, pa.int32()),
                "item_id": pa.array([item for one in self.listed for item in one.items], pa.string()),
                "score": pa.array([score for one in self.listed for score in one.scores], pa.float64()),
                "source": pa.array(np.where(is_found, str(Source.PERSONAL), str(Source.POPULAR)), pa.string()),
                "valid_from": spread([self.pieces[at].done for at in self.at], MOMENT),
                "valid_to": spread(self.until, MOMENT),
            }
        )

    def cutoffs(self) -> pa.Table:
        """Each version and up to when its data go: all that was delivered by the time its piece was due."""
        pairs = [(name, piece.due) for name, piece in zip(self.versions, self.pieces, strict=True) if name]
        names, moments = zip(*pairs, strict=True) if pairs else ((), ())
        return pa.table({"version": pa.array(names, pa.string()), "cutoff": pa.array(moments, MOMENT)})

    def run_rows(self, held_bytes: int) -> list[dict[str, Any]]:
        """Rows of `runs`: the pieces of work that made lists, by a consumer that holds so much memory."""
        before, rows = None, []
        for number, (version, piece) in enumerate(zip(self.versions, self.pieces, strict=True), start=1):
            if version:
                rows.append(
                    {
                        "run_id": f"{piece.what} {number}",
                        "interval_start": before or piece.due,
                        "interval_end": piece.due,
                        "scheduled": piece.due,
                        "started": piece.started,
                        "ended": piece.done,
                        "published": piece.done,
                        "data_cutoff": piece.due,
                        "status": "published",
                        "version": version,
                        "events_in": piece.events,
                        "rows_out": piece.rows,
                        "cpu_seconds": piece.cpu_seconds,
                        "peak_bytes": held_bytes,
                    }
                )
            before = piece.due
        return rows

    def cost_rows(self, gb_seconds: float, bytes_read: int, bytes_written: int) -> Iterator[dict[str, Any]]:
        """Rows of `costs`: each kind of work; the memory and the bytes are the consumer's."""
        spent: dict[str, float] = defaultdict(float)
        for piece in self.pieces:
            spent[piece.what] += piece.cpu_seconds
        for what in ("consume", "refresh"):
            is_consumer = what == "consume"
            yield {
                "what": what,
                "cpu_seconds": spent[what],
                "gb_seconds": gb_seconds if is_consumer else 0.0,
                "bytes_read": bytes_read if is_consumer else 0,
                "bytes_written": bytes_written if is_consumer else 0,
            }
