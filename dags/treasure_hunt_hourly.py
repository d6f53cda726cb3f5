"""Recommendations from the search history, once an hour.

One run is one hour: the hour's events and catalog are ingested, audited, turned into lists of recommendations and
published as a new version. A run of 10:00 is the hour 10:00 to 11:00 UTC and starts when that hour is over.

**To compute hours again** (one or many, also before the start date): *Trigger* → *Backfill*, choose the first and the
last hour, *All Runs*. Hours run oldest first and the live version never goes back to an older hour. What has landed
from the source is reused; to take it from the source again tick *repull*, and *Override parameters on existing runs*.
For a single hour, backfill from that hour to that hour. (A *Single Run* computes the hour its logical date lies in; it
refuses an hour that is not over, and does nothing before the start date.)
A model that was *refused beside its predecessor* is published when the hour is backfilled with *accept* filled in (say why,
no user and no query), and *Override parameters on existing runs* ticked.
While missed hours are being caught up, do not backfill a newer hour: Airflow goes on from the newest hour there is. If
it happened, a backfill of *Missing Runs* fills the gap.

**When a stage fails**, the last error line of its log is one sentence that says what, where and how many. Refused data
fails at once, because trying again changes nothing; an unreachable source or database is tried again. A stage that
failed for good and an hour that has not ended in time raise an alarm, in the log and at `TREASURE_HUNT_ALERT_WEBHOOK`.
**When tasks stay in "scheduled"**, the pool `treasure_hunt_writer` is missing: create it with one slot (Admin → Pools).
Settings: `TREASURE_HUNT_*` variables; the two URLs may be connections, see `treasure_hunt_task.py`.
"""

from datetime import timedelta

from airflow.sdk import CronDataIntervalTimetable, Param, dag
from airflow.sdk.definitions.deadline import AsyncCallback, DeadlineAlert, DeadlineReference
from treasure_hunt_task import RETRY_POLICY, make_task

from pipeline.alerts import tell_failure, tell_lateness
from pipeline.line import ALWAYS, STAGES
from pipeline.settings import load_settings

SETTINGS = load_settings()
WRITER_POOL = "treasure_hunt_writer"  # one slot: two hours never write derived tables or publish at once
READERS = [stage for stage, upstreams in STAGES.items() if not upstreams]  # only land what a source delivered
# Of the one slot `review` would take what lists wait for: it is ready when `recommend` is done, well or not, and then
# `publish` goes first, by its weight (2). It does not wait for `publish`, whose end decides how the run ended.
REVIEW = {"trigger_rule": "all_done_min_one_success", "priority_weight": 0, "weight_rule": "absolute"}


@dag(
    schedule=CronDataIntervalTimetable("0 * * * *", timezone="UTC"),
    start_date=SETTINGS.start,
    catchup=True,
    max_active_runs=1,
    # manual is for the UI: without it, it locks the button behind which the backfill form is
    allowed_run_types=["scheduled", "backfill", "manual"],  # type: ignore[list-item]  # names are taken as well
    # a run is not stopped before it is late
    dagrun_timeout=timedelta(minutes=max(50, SETTINGS.late_minutes)),
    default_args={
        "retries": 3,
        "retry_delay": timedelta(seconds=60),
        "retry_exponential_backoff": 2.0,
        "retry_policy": RETRY_POLICY,
        "execution_timeout": timedelta(minutes=30),
        "on_failure_callback": tell_failure,
    },
    deadline=DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,  # not the logical date: by that, every caught-up hour is late
        interval=timedelta(minutes=SETTINGS.late_minutes),
        callback=AsyncCallback(tell_lateness, {"minutes": SETTINGS.late_minutes}),
    ),
    params={
        "repull": Param(False, type="boolean", description="Take the hour from the source again"),
        "accept": Param(
            None,
            type=["null", "string"],
            maxLength=500,
            description="Why a model is to be published that is refused beside its predecessor; kept. Empty: it is not",
        ),
    },
    tags=["recommendations", "hourly"],
    doc_md=__doc__,
)
def treasure_hunt_hourly() -> None:
    tasks = {
        stage: make_task(stage, None if stage in READERS else WRITER_POOL, REVIEW if stage == "review" else {})
        for stage in STAGES
    }
    for stage, upstreams in STAGES.items():
        for upstream in upstreams:
            tasks[upstream] >> tasks[stage]
    tasks["recommend"] >> tasks["review"]
    tasks[ALWAYS].as_teardown()  # runs after a failure too, and never decides how the run ended


treasure_hunt_hourly()
