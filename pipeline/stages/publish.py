"""Stage `publish`: what `recommend` landed becomes a version of the serving database, live unless a newer hour is."""

import pyarrow.parquet as pq

from pipeline.files import code_version
from pipeline.lake import open_stage
from pipeline.manifests import stage_facts, stage_timings
from pipeline.run import Run, StageResult
from pipeline.serving.database import connect
from pipeline.serving.publish import describe_version, publish_version
from pipeline.serving.schema import PUBLISHED

SENTENCES = {
    "live": "version {} is live",
    "history": "version {} is kept as history: a newer one is live",
    "unchanged": "version {} was published before: nothing changed",
}


def publish(run: Run) -> StageResult:
    """The hour's lists are one version in the serving database; raises `AuditFailed`, `NotLanded` or `Unreachable`."""
    with open_stage(run, "publish") as work:
        files = {table.name: work.read(table.name) for table in PUBLISHED}
        work.rows_in = sum(pq.read_metadata(path).num_rows for path in files.values())
        version = describe_version(
            source=run.settings.source,
            arm=run.settings.arm,
            interval_start=run.hour,
            interval_end=run.end,
            data_cutoff=run.end,
            hashes=work.inputs,
            code_version=code_version(),
            max_rank=run.settings.k,
            tier=stage_facts(run, "prepare").get("tier", {}).get("name"),  # unknown where older code prepared
        )

        def tell(table: str, rows: int, seconds: float) -> None:
            work.rows_out += rows
            work.note(f"{table}: {rows:,} rows loaded in {seconds:.1f} s")

        engine = connect(run.settings.serving)
        try:
            outcome = publish_version(engine, version, files, stage_timings(run), tell, check=work.check_mark)
        finally:
            engine.dispose()
        work.note(SENTENCES[outcome].format(version.version))
        work.facts = {"version": version.version, "outcome": outcome, "content_hash": version.content_hash}
    return work.result()
