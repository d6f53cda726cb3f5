"""Stage `publish`: what `recommend` landed becomes a version of the serving database, live unless a newer hour is."""

import pyarrow.parquet as pq
from sqlalchemy import Engine

from pipeline.audit import Finding
from pipeline.duck import connect as connect_duck
from pipeline.duck import fetch_table, view_files
from pipeline.failpoints import reach
from pipeline.files import code_version
from pipeline.lake import Work, open_stage
from pipeline.manifests import read_undamaged, stage_facts, stage_timings
from pipeline.ruling import Ruling, blocked_ids, read_ruling
from pipeline.run import Run, StageResult
from pipeline.serving.audit import Limits
from pipeline.serving.database import connect, create_schema
from pipeline.serving.outcome import explain_outcome
from pipeline.serving.pointer import take_token
from pipeline.serving.publish import describe_version, publish_version
from pipeline.serving.schema import PUBLISHED


def publish(run: Run) -> StageResult:
    """The hour's lists are one version in the serving database; raises `AuditFailed`, `NotLanded` or `Unreachable`."""
    with open_stage(run, "publish") as work:
        engine = connect(run.settings.serving)
        token = begin_attempt(engine, run)
        files = {table.name: work.read(table.name) for table in PUBLISHED}
        work.rows_in = sum(pq.read_metadata(path).num_rows for path in files.values())
        ruling = read_ruling(work)
        accepted = stage_facts(run, "evaluate").get("accepted", {"gates": []})["gates"]
        limits = Limits(
            empty_places=count_empty_places(work, ruling),
            blocked=tuple(blocked_ids(ruling)),
            # Whoever accepts a model that recommends few items accepts its lists.
            coverage_limit=0.0 if "model_coverage_collapsed" in accepted else run.settings.coverage_limit,
            overlap_limit=run.settings.overlap_limit,
            compare_min_users=run.settings.compare_min_users,
        )
        version = describe_version(
            source=run.settings.source,
            arm=run.settings.arm,
            interval_start=run.hour,
            interval_end=run.end,
            data_cutoff=run.end,
            hashes={table.name: work.inputs[table.name] for table in PUBLISHED},
            code_version=code_version(),
            max_rank=run.settings.k,
            tier=stage_facts(run, "prepare").get("tier", {}).get("name"),  # unknown where older code prepared
        )

        def tell(table: str, rows: int, seconds: float) -> None:
            work.rows_out += rows
            work.note(f"{table}: {rows:,} rows loaded in {seconds:.1f} s")

        try:
            outcome = publish_version(
                engine,
                version,
                files,
                stage_timings(run),
                tell,
                token,
                check=work.check_mark,
                limits=limits,
                record=work.record,
            )
            sentence = explain_outcome(engine, version, outcome)
        finally:
            engine.dispose()
        reach("publish.returned")
        if outcome == "superseded":
            work.give_way(sentence)
        else:
            work.note(sentence)
        if not work.quality:  # it was published before, and audited then
            work.quality = findings_of(run, version.version)
        work.facts = {"version": version.version, "outcome": outcome, "content_hash": version.content_hash}
    return work.result()


def begin_attempt(engine: Engine, run: Run) -> int:
    """The token of this attempt, taken before anything is read: whoever reads later has the higher one."""
    try:
        create_schema(engine)
        return take_token(engine, f"publish {run.name}")
    finally:
        engine.dispose()


def findings_of(run: Run, version: str) -> list[Finding]:
    """What the gates found when this version was published by an attempt that landed."""
    before = read_undamaged(run, "publish")
    return list(before["quality"]) if before and before["facts"].get("version") == version else []


def count_empty_places(work: Work, ruling: Ruling) -> int:
    """How many places of the users' lists may stay empty, because of what these users bought."""
    with connect_duck(work.run.settings, work.folder) as connection:
        view_files(connection, "user_recommendations", [work.read("user_recommendations")])
        connection.register("items", ruling.offered_items)
        connection.register("bought", ruling.owned_items)
        (row,) = fetch_table(connection, "empty_places", k=work.run.settings.k).to_pylist()
    return int(row["empty_places"])
