"""Named points between two durable effects at which tests make the process die, fail, wait or run out of space.

`FAILPOINT=point:action`, or `point:action:n` for the n-th time the point is reached; without the variable nothing happens.
It is no setting of the pipeline: no installation should carry it.
"""

import errno
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Mapping, Sequence

from pipeline.errors import BadInput

# What has just happened, and what has not yet, when a point is reached.
POINTS: dict[str, str] = {
    "files.flushed": "a draft is on disk under its own name, not yet under its final one",
    "files.renamed": "a file has its final name, its folder is not flushed",
    "lake.stage_done": "a stage ended well, none of its drafts has moved",
    "lake.tables_moved": "its tables have their final names, no manifest names them",
    "lake.manifest_replaced": "its manifest is there, the files of the landing before last are too",
    "lake.old_files_gone": "those files are gone, evidence of an earlier failure is not",
    "lake.evidence_written": "a failed attempt has its manifest, evidence of the failure before it is still in place",
    "lake.old_evidence_gone": "that is gone, the new evidence is not in place",
    "serving.committed": "a transaction of the serving database is committed, whoever asked for it does not know yet",
    "publish.token_taken": "the attempt has its number, no row says that it began",
    "publish.announced": "the version has its row with the status loading, rows of a removed version may be there",
    "publish.cleared": "nothing is left of a removed version of this name, no table is loaded",
    "publish.table_loaded": "one more table of the version is loaded, in the open transaction",
    "publish.audited": "all are loaded and audited, none can be read",
    "publish.finished": "the version is attached and published, in the open transaction",
    "publish.pointer_moved": "the pointer has moved, in the open transaction",
    "publish.returned": "the stage knows, its manifest has not landed",
    "report.recorded": "the ledger and the findings are in the serving database, the page is not written",
    "report.page_written": "the page of an hour is there, the index does not list it",
    "copy.tables_put": "an hour's tables are in the copy of the lake, its manifests there name the ones before",
    "copy.manifests_put": "the manifests are too, what they no longer name is still there",
    "copy.folder_done": "the hour is as in the lake, its mark says that it is being copied",
    "retention.marked": "an old version counts as removed, its rows are still there",
    "retention.emptied": "its rows are gone, nothing says that this is done",
    "forget.versions_emptied": "old versions hold no queries, the tables that they were made from still do",
    "rewrite.tables_moved": "the rewritten tables of an hour are there, its manifests name the ones before",
    "rewrite.manifest_replaced": "one manifest names the rewritten tables, the files before them are still there",
    "erase.tombstone_raised": "the user is kept away, what was taken in before is still there",
    "erase.lake_swept": "the lakes hold no trace, the serving database does",
    "erase.rows_gone": "the serving database holds no row, its files still hold the bytes",
    "erase.emptied": "the bytes are gone, the request is still open",
    "erase.copied": "the copy of the lake is as empty, the request is still open",
    "erase.receipt_written": "the request is done, the file that says who it was about is still there",
}
ACTIONS = ("kill", "raise", "enospc", "sleep")
SLEEP_SECONDS = 60
VARIABLE = "FAILPOINT"
_reached: Counter[str] = Counter()


class Failpoint(Exception):
    """What action `raise` raises: a defect that nobody foresaw."""


def reach(name: str) -> None:
    """Nothing, unless the environment asks for something at this point."""
    if VARIABLE in os.environ:
        _act(name, *parse_failpoint(os.environ[VARIABLE]))


def run_with(failpoint: str, command: Sequence[str], given: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """The command has run in a process of its own, in which this fail point is switched on; `given` are variables that it
    has beside those of this process.
    """
    parse_failpoint(failpoint)
    environment = os.environ | given | {VARIABLE: failpoint}
    return subprocess.run(command, env=environment, capture_output=True, text=True)  # noqa: S603


def parse_failpoint(asked: str) -> tuple[str, str, int]:
    """Point, action and how often the point must be reached; raises `BadInput` for anything that is not there."""
    name, _, rest = asked.partition(":")
    action, _, times = rest.partition(":")
    times = times or "1"
    if name not in POINTS or action not in ACTIONS or not times.isdigit() or not int(times):
        raise BadInput(
            f"{VARIABLE}={asked!r} is not POINT:ACTION or POINT:ACTION:N; actions are {', '.join(ACTIONS)}, "
            f"points are {', '.join(POINTS)}."
        )
    return name, action, int(times)


def _act(name: str, wanted: str, action: str, times: int) -> None:
    _reached[name] += 1
    if name != wanted or _reached[name] != times:
        return
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if action == "sleep":
        time.sleep(SLEEP_SECONDS)
        return
    if action == "enospc":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    raise Failpoint(f"failed on purpose at {name}")
