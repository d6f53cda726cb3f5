"""The ingestion boundary, shared by events and items: pull, type, refuse by rule, accept, and count every row.

What leaves here: an accepted table, a quarantine of everything refused, and a ledger in which
delivered = accepted + quarantined + duplicate, exactly.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.audit import find_refused
from pipeline.duck import connect, view_files, write_table
from pipeline.errors import AuditFailed, DataError
from pipeline.lake import Work, audit_together
from pipeline.source import pull

WARN_SHARE = 0.01
ID_LENGTH = 200


def take_in(
    works: Sequence[Work],
    kind: str,
    limits: Mapping[str, Any],
    known: Callable[[Work], list[Path]] = lambda work: [],
) -> None:
    """Draft tables `kind` and `quarantined_<kind>` of each hour from what the source delivers for it, oldest first.

    `limits` go to the suite of `kind`; `known(work)` gives files whose ids are duplicates. The ledger goes to
    `work.facts["ledger"]`. The rules are held against all hours at once, because a suite costs about as much for one
    hour as for a day. Raises `AuditFailed` when too large a share of an hour is malformed.
    """
    typed_files = [_pull_typed(work, kind) for work in works]
    for work, refused in zip(works, find_refused(kind, typed_files, limits), strict=True):
        with connect(work.run.settings, work.folder) as connection:
            view_files(connection, "delivered", [work.draft("delivered")], {})
            view_files(connection, f"typed_{kind}", [work.draft(f"typed_{kind}")], {})
            view_files(connection, f"known_{kind}", known(work), {"event_id": "varchar"})
            connection.register("refused", refused)
            write_table(connection, kind, work.draft(kind))
            write_table(connection, f"quarantined_{kind}", work.draft(f"quarantined_{kind}"))
        _balance(work, kind, refused)
    audit_together(works, f"quarantined_{kind}")


def _pull_typed(work: Work, kind: str) -> Path:
    delivered, typed = work.draft("delivered"), work.draft(f"typed_{kind}")
    pull(work.run, kind, delivered)
    with connect(work.run.settings, work.folder) as connection:
        view_files(connection, "delivered", [delivered], {})
        write_table(connection, f"typed_{kind}", typed, hour_end=work.run.end)
    return typed


def _balance(work: Work, kind: str, refused: pa.Table) -> None:
    delivered = pq.read_metadata(work.draft("delivered")).num_rows
    accepted = pq.read_metadata(work.draft(kind)).num_rows
    by_rule = Counter(pq.read_table(work.draft(f"quarantined_{kind}"), columns=["rule"])["rule"].to_pylist())
    quarantined = sum(by_rule.values())
    duplicate = delivered - accepted - quarantined
    if duplicate < 0:
        raise DataError(
            f"{work.run.name}: {kind}: {delivered} rows delivered, but {accepted} accepted and {quarantined} quarantined."
        )
    excluded = by_rule.get("excluded", 0)
    malformed, judged = quarantined - excluded, delivered - excluded
    work.rows_in += delivered
    work.facts["ledger"] = {
        "delivered": delivered,
        "accepted": accepted,
        "quarantined": quarantined,
        "duplicate": duplicate,
        "by_rule": dict(sorted(by_rule.items())),
        "every_failed_rule": dict(sorted(Counter(refused["rule"].to_pylist()).items())),
    }
    if not malformed:
        return
    share = malformed / judged
    worst, count = next((rule, n) for rule, n in by_rule.most_common() if rule != "excluded")
    sentence = f"{kind}: {malformed} of {judged} rows are malformed ({share:.1%}), most often {worst} ({count} rows)"
    settings = work.run.settings
    if judged >= settings.gate_min_rows and share > settings.malformed_limit:
        raise AuditFailed(f"{work.run.name}: {sentence}; the limit is {settings.malformed_limit:.1%}.")
    if judged >= settings.gate_min_rows and share > WARN_SHARE:
        work.note(f"warning: {sentence}")
