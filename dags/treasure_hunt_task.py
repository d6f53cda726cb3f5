"""What one task of the DAG does: find its hour and settings, run one stage of `pipeline.line`, and say what came out.

The serving database and the source are reached by the first of these that is there:
1. the environment variable `TREASURE_HUNT_SERVING_URL` or `TREASURE_HUNT_SOURCE_URL`;
2. the Airflow connection `treasure_hunt_serving` or `treasure_hunt_source`;
3. the default of `pipeline.settings`.
A connection's type is the driver (`postgres` stands for `postgresql+psycopg`); of a `sqlite` or `fs` connection only
the path counts, written in its field *Host*, in the extra `path`, or as a URI (`sqlite:////data/shop.db`, `fs:////data`).
"""

import ast
import logging
import os
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from airflow.sdk import Asset, Connection, ExceptionRetryPolicy, RetryAction, RetryRule, XComArg, task
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowSkipException

from pipeline import line
from pipeline.errors import BadInput, DataError, TreasureHuntError, Unreachable
from pipeline.hours import HOUR, floor_hour, format_hour, parse_hour
from pipeline.run import StageResult
from pipeline.settings import PREFIX, Settings, load_settings

CONNECTIONS = {"serving_url": "treasure_hunt_serving", "source_url": "treasure_hunt_source"}
DRIVERS = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}

# action of the form: function of pipeline.serving.rollback, and its options
ROLLBACKS: dict[str, tuple[str, dict[str, bool]]] = {
    "rollback": ("rollback", {}),
    "rollback and pin": ("rollback", {"pin": True}),
    "pin": ("pin", {}),
    "unpin": ("unpin", {}),
    "unpin and advance": ("unpin", {"advance": True}),
}

RETRY_POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule(exception=[DataError, BadInput], action=RetryAction.FAIL, reason="trying again changes nothing"),
        RetryRule(exception=[Unreachable, ConnectionError], action=RetryAction.RETRY, reason="may answer later"),
    ]
)

log = logging.getLogger("treasure_hunt")


def make_task(stage: str, pool: str | None, options: Mapping[str, Any]) -> XComArg:
    """The task that runs one stage, with these options of Airflow's; its documentation is the head of the stage's module."""
    asset = Asset(f"treasure_hunt_{stage}")

    @task(
        task_id=stage,
        task_display_name=stage.replace("_", " "),
        doc_md=read_doc(stage),
        pool=pool,
        outlets=[asset],
        multiple_outputs=False,  # one entry per task, not one per key
        **options,
    )
    def run(**context: Any) -> dict[str, Any]:
        result = run_stage(stage, context)
        if result.is_superseded:  # somebody else has done its work: neither a success nor a failure of this attempt
            raise AirflowSkipException(result.notes[-1])
        context["outlet_events"][asset].extra = {"hour": result.hour, "rows": result.rows_out}
        context["outlet_events"][asset].add_partitions(result.hour)
        return {"rows_in": result.rows_in, "rows_out": result.rows_out, "files": result.files}

    return run()


def make_replay_task() -> XComArg:
    """The task that replays refused events as the form of its run says."""

    @task(task_id="replay", doc_md="Deliver the mended rows into the inbox of an hour.", multiple_outputs=False)
    def run(**context: Any) -> dict[str, Any]:
        return replay_refused(context["params"])

    return run()


def replay_refused(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Replay what the form asks for; what became of the rows, or the one sentence of the error, stands in the log."""
    from pipeline.replay import describe_replay, replay  # seconds are paid per task, not per parsing of the DAG

    try:
        first = parse_hour(asked["first"])
        last, into = (parse_hour(asked[name]) if asked[name] else None for name in ("last", "into"))
        done = replay(load_task_settings(), first, last or first, asked["rule"] or None, asked["mapping"], into=into)
    except TreasureHuntError as error:
        log.error("%s", error)
        raise
    for sentence in describe_replay(done):
        log.info("%s", sentence)
    return asdict(done)


def make_rollback_task() -> XComArg:
    """The task that moves or pins the live version as the form of its run says."""

    @task(task_id="rollback", doc_md="Choose which version readers get.", multiple_outputs=False)
    def run(**context: Any) -> str:
        return choose_version(context["params"])

    return run()


def choose_version(asked: Mapping[str, Any]) -> str:
    """Do what the form asks for; what is live then, or the one sentence of the error, stands in the log."""
    from pipeline.serving import rollback as moves  # databases: a task pays for it, not the DAG processor
    from pipeline.serving.database import connect, reading

    function, options = ROLLBACKS[asked["action"]]
    try:
        if asked["version"] and function != "rollback":
            raise BadInput(f"a version is only chosen for a rollback, not for {asked['action']}; leave it empty.")
        chosen = {"version": asked["version"] or None} if function == "rollback" else {}
        settings = load_task_settings()
        engine = connect(settings.serving)
        live = getattr(moves, function)(
            engine, settings.source, settings.arm, why=asked["why"] or None, **options, **chosen
        )
        with reading(engine) as connection:
            pinned = moves.read_pin(connection, settings.source, settings.arm)
    except TreasureHuntError as error:
        log.error("%s", error)
        raise
    log.info("%s is live; %s", live, pinned or "nothing is pinned, so the next hour goes live as ever")
    return str(live)


def run_stage(stage: str, context: Mapping[str, Any]) -> StageResult:
    """Run the stage for this run's hour; its counts and files, or the one sentence of its error, stand in the log."""
    try:
        hour = find_hour(context)
        asked = context["params"]
        result = line.run_stage(stage, hour, load_task_settings(), asked["repull"], asked.get("accept") or "")
    except TreasureHuntError as error:
        log.error("%s", error)
        raise
    log.info("%s %s: %d rows in, %d rows out", stage, result.hour, result.rows_in, result.rows_out)
    log.info("%.2f seconds%s", result.seconds, ", reused what had landed" if result.reused else "")
    for table, file in result.files.items():
        log.info("%s: %s", table, file)
    for note in result.notes:
        log.info("note: %s", note)
    return result


def find_hour(context: Mapping[str, Any]) -> datetime:
    """The hour this run computes: its logical date, floored to the hour, whatever kind of run it is.

    Never the data interval: that of a manual run lies one hour before that of a scheduled run of the same date. Raises
    `BadInput` without a date, and for an hour that is not over: what lands of an hour is never added to.
    """
    logical_date = context.get("logical_date")
    if logical_date is None:
        raise BadInput("this run has no logical date, so no hour; choose Backfill, from the hour to the same hour.")
    hour = floor_hour(logical_date)
    if hour + HOUR > datetime.now(UTC):
        raise BadInput(f"the hour {format_hour(hour)} is not over; choose Backfill and hours that are.")
    return hour


def load_task_settings() -> Settings:
    """Settings from the environment, with the URLs that only an Airflow connection gives."""
    urls = {}
    for name, connection_id in CONNECTIONS.items():
        if not os.environ.get(f"{PREFIX}{name.upper()}"):
            try:
                urls[name] = format_url(Connection.get(connection_id))
            except AirflowNotFoundException:
                continue  # nobody defined it: the setting's default holds
    return load_settings(**urls)


def format_url(connection: Connection) -> str:
    """The connection as SQLAlchemy reads it, or as a path.

    Not `Connection.get_uri`, which writes `postgres://`, unknown to SQLAlchemy, and loses the path of a SQLite file.
    """
    from sqlalchemy import URL  # seconds are paid per task, not per parsing of the DAG

    kind, extra = connection.conn_type or "", connection.extra_dejson
    if kind in ("sqlite", "fs"):
        path = extra.get("path") or connection.host or connection.schema  # the last: what a URI of the type gives
        if not path:
            raise BadInput(f"connection {connection.conn_id} names no file; write its path in the field Host.")
        return f"sqlite:///{path}" if kind == "sqlite" else path
    url = URL.create(
        DRIVERS.get(kind, kind),
        username=connection.login,
        password=connection.password,
        host=connection.host,
        port=connection.port,
        database=connection.schema,
        query={name: str(value) for name, value in extra.items()},
    )
    return url.render_as_string(hide_password=False)


def read_doc(stage: str) -> str | None:
    """The docstring at the head of the stage's module, read without importing it (its imports take seconds)."""
    spec = find_spec(f"pipeline.stages.{stage}")
    return ast.get_docstring(ast.parse(Path(spec.origin).read_text())) if spec and spec.origin else None
