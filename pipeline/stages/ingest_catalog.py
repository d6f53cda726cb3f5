"""Stage `ingest_catalog`: the catalog as of the end of the hour, audited; the hour's snapshot is never an empty one."""

import shutil
from collections.abc import Sequence
from datetime import timedelta

from pipeline.boundary import ID_LENGTH, take_in
from pipeline.errors import AuditFailed
from pipeline.hours import HOUR, format_hour
from pipeline.lake import Work, keep_together, open_stages, reuse_landed
from pipeline.run import Run, StageResult

TEXT_LENGTH = 1000
LOOK_BACK = timedelta(days=30)


def ingest_catalog(run: Run) -> StageResult:
    """`items` and `quarantined_items` of the hour have landed; without one row to use the nearest earlier one serves."""
    return reuse_landed(run, "ingest_catalog") or ingest_catalog_of_hours([run])[0]


def ingest_catalog_of_hours(runs: Sequence[Run]) -> list[StageResult]:
    """The same for several hours at once, oldest first, which costs less than one by one; none lands when one is refused."""
    limits = {"id_length": ID_LENGTH, "text_length": TEXT_LENGTH}
    with open_stages(runs, "ingest_catalog") as works:
        take_in(works, "items", limits)
        for place, work in enumerate(works):
            if not work.facts["ledger"]["accepted"]:
                use_earlier_snapshot(work, works[:place])
        keep_together(works, "items", **limits)
        keep_together(works, "quarantined_items")
    return [work.result() for work in works]


def use_earlier_snapshot(work: Work, drafted: Sequence[Work]) -> None:
    """The draft of items is the nearest earlier snapshot; raises `AuditFailed` when there is none within 30 days."""
    drafts = {other.run.hour: other.draft("items") for other in drafted}
    for step in range(1, int(LOOK_BACK / HOUR) + 1):
        hour = work.run.hour - step * HOUR
        paths = [drafts[hour]] if hour in drafts else work.read_hour("items", hour)
        if paths:
            shutil.copyfile(paths[0], work.draft("items"))
            work.note(f"the source has no usable catalog for this hour; using that of {format_hour(hour)}")
            return
    raise AuditFailed(f"{work.run.name}: items: the source delivered an empty catalog and there is no earlier one.")
