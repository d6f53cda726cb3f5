"""Stage `ingest_catalog`: the catalog as of the end of the hour, audited; the hour's snapshot is never an empty one."""

import shutil
from datetime import timedelta

from pipeline.boundary import ID_LENGTH, take_in
from pipeline.errors import AuditFailed
from pipeline.hours import HOUR, format_hour
from pipeline.lake import Work, find_table, open_stage, reuse_landed
from pipeline.run import Run, StageResult

TEXT_LENGTH = 1000
LOOK_BACK = timedelta(days=30)


def ingest_catalog(run: Run) -> StageResult:
    """`items` and `quarantined_items` of the hour have landed; without a snapshot the nearest earlier one serves."""
    landed = reuse_landed(run, "ingest_catalog")
    if landed:
        return landed
    limits = {"id_length": ID_LENGTH, "text_length": TEXT_LENGTH}
    with open_stage(run, "ingest_catalog") as work:
        take_in(work, "items", limits)
        if not work.facts["ledger"]["delivered"]:
            use_earlier_snapshot(work)
        work.keep("items", **limits)
        work.keep("quarantined_items")
    return work.result()


def use_earlier_snapshot(work: Work) -> None:
    """The draft of items is the nearest earlier snapshot; raises `AuditFailed` when there is none within 30 days."""
    for step in range(1, int(LOOK_BACK / HOUR) + 1):
        hour = work.run.hour - step * HOUR
        found = find_table(work.run, "items", hour)
        if found:
            shutil.copyfile(found[0], work.draft("items"))
            work.inputs[f"items@{format_hour(hour)}"] = found[1]["sha256"]
            work.note(f"the source has no catalog for this hour; using that of {format_hour(hour)}")
            return
    raise AuditFailed(f"{work.run.name}: items: the source delivered an empty catalog and there is no earlier one.")
