"""The ingestion boundary, shared by events and items: pull, type, refuse by rule, accept, and count every row.

What leaves here: an accepted table, a quarantine of everything refused, and a ledger in which
delivered = accepted + quarantined + duplicate, exactly.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.audit import find_refused
from pipeline.duck import connect, view_files, write_table
from pipeline.errors import AuditFailed, DataError
from pipeline.lake import Work
from pipeline.source import pull

WARN_SHARE = 0.01
ID_LENGTH = 200


def take_in(work: Work, kind: str, limits: Mapping[str, Any], known: Mapping[str, Any] | None = None) -> int:
    """Draft tables `kind` and `quarantined_<kind>` from what the source delivers for the hour; returns rows accepted.

    `limits` go to the suite of `kind`; `known` maps `known_<kind>` to files whose ids are duplicates. The ledger goes to
    `work.facts["ledger"]`. Raises `AuditFailed` when too large a share is malformed.
    """
    settings = work.run.settings
    delivered_file, typed_file = work.draft("delivered"), work.draft(f"typed_{kind}")
    delivered = pull(work.run, kind, delivered_file)
    with connect(settings, work.folder) as connection:
        view_files(connection, "delivered", [delivered_file], {})
        write_table(connection, f"typed_{kind}", typed_file)
        view_files(connection, f"typed_{kind}", [typed_file], {})
        refused = find_refused(kind, typed_file, limits) if delivered else _nothing_refused()
        connection.register("refused", refused)
        for name, paths in (known or {}).items():
            view_files(connection, name, paths, {"event_id": "varchar"})
        write_table(connection, kind, work.draft(kind))
        write_table(connection, f"quarantined_{kind}", work.draft(f"quarantined_{kind}"))
    quarantined = pq.read_table(work.draft(f"quarantined_{kind}"), columns=["rule"])["rule"].to_pylist()
    accepted = pq.read_metadata(work.draft(kind)).num_rows
    _balance(work, kind, delivered, accepted, Counter(quarantined), refused)
    return accepted


def _nothing_refused() -> pa.Table:
    return pa.table({"row": pa.array([], pa.int64()), "rule": [""][:0], "sentence": [""][:0], "is_primary": [True][:0]})


def _balance(
    work: Work, kind: str, delivered: int, accepted: int, by_rule: Counter[str], refused: pa.Table
) -> None:
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
    sentence = (
        f"{kind}: {malformed} of {judged} rows are malformed ({share:.1%}), most often {worst} ({count} rows)"
    )
    settings = work.run.settings
    if judged >= settings.gate_min_rows and share > settings.malformed_limit:
        raise AuditFailed(f"{work.run.name}: {sentence}; the limit is {settings.malformed_limit:.1%}.")
    if judged >= settings.gate_min_rows and share > WARN_SHARE:
        work.note(f"warning: {sentence}")
