"""How a stage's work gets into its hour's folder: drafts under their final names, or evidence of a failure."""

import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from pipeline.errors import NoSpace, Overtaken, TreasureHuntError
from pipeline.failpoints import reach
from pipeline.files import alone_in, flush, move_into_place, write_json
from pipeline.manifests import hour_folder, mark_changed, read_undamaged
from pipeline.stopwatch import when_landed
from pipeline.tables import PRODUCERS

if TYPE_CHECKING:
    from pipeline.lake import Work


def land(work: "Work") -> None:
    """The kept drafts have their final names and the stage's manifest names them; what it replaced goes with the next."""
    folder = hour_folder(work.run.lake, work.run.hour)
    with alone_in(folder):  # a backfill and the schedule may meet: neither tidies away what the other just landed
        work.check_mark()  # in here, so that an erasure finds what lands before it
        mark_changed(work.run.lake, folder)
        before = read_undamaged(work.run, work.stage)
        reach("lake.stage_done")
        for table, entry in work.tables.items():
            move_into_place(work.draft(table), folder / entry["file"])
        reach("lake.tables_moved")
        work.stop_clock()
        work.timings |= when_landed(work.tables, before)
        kept = {entry["file"] for entry in work.tables.values()}
        replaced = {entry["file"] for entry in (before or {}).get("tables", {}).values()} - kept
        manifest = {**work.manifest(), "replaced": sorted(replaced)}
        write_json(folder / f"{work.stage}.json", manifest, work.folder)
        reach("lake.manifest_replaced")
        # What this landing replaced may still be read by a stage that looked it up before: it goes with the next one,
        # and so does what a killed attempt moved here, or did not live to remove.
        for path in [path for path in sorted(folder.iterdir()) if path.suffix == ".parquet"]:
            if PRODUCERS.get(path.name.split(".")[0]) == work.stage and path.name not in kept | replaced:
                path.unlink()
        reach("lake.old_files_gone")
        shutil.rmtree(folder / "failed" / work.stage, ignore_errors=True)
        with suppress(OSError):  # the failures of other stages stay
            (folder / "failed").rmdir()


def keep_evidence(work: "Work", error: BaseException) -> None:
    """Drafts and manifest of a failed attempt stand under `failed/`, in place of those of the failure before."""
    work.stop_clock()
    folder = hour_folder(work.run.lake, work.run.hour)
    sentence = str(error) if isinstance(error, TreasureHuntError) else type(error).__name__
    if isinstance(error, NoSpace):  # the drafts say nothing about it and would keep the room that is needed
        shutil.rmtree(work.folder, ignore_errors=True)
        work.tables = {}
    failure = {**work.manifest(), "error": type(error).__name__, "sentence": sentence}
    write_json(work.folder / "manifest.json", failure, work.folder)
    shutil.rmtree(work.folder / "fetched", ignore_errors=True)  # the source's own files are no evidence of ours
    evidence = folder / "failed" / work.stage
    with alone_in(folder), suppress(Overtaken):
        work.check_mark()  # the drafts may hold somebody erased meanwhile: they go
        reach("lake.evidence_written")
        shutil.rmtree(evidence, ignore_errors=True)
        reach("lake.old_evidence_gone")
        evidence.parent.mkdir(parents=True, exist_ok=True)
        work.folder.replace(evidence)
        flush(evidence.parent)
