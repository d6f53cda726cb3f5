"""Deliver events again that were refused, mended.

Look first: `treasure-hunt quarantine list` says which rules refused how many rows of which hours, `show` what they hold.
Then *Trigger* and fill in the form:

- **first hour**, **last hour**: whose refused rows; one hour when *last hour* is empty. UTC, like `2026-01-01T13`.
- **rule**: only rows that this rule refused, such as `event_type_unknown` or `too_late`; empty: every rule but `excluded`.
- **mapping**: one word a line, `event_type:veiw=click`: only rows that it changes are replayed. Without one, rows are
  replayed as they came, which helps those that were too late, and all after a rule has changed.
- **into**: the hour that is to deliver them; empty: the next one to be run. An hour that has landed is never added to.

The rows count once `ingest_events` of that hour has run, under the same rules as any row. Nothing is delivered twice, and
what the rules would refuse again stays where it is; the log of the task says how many of each, and where they went.
Rows that must be mended one by one are edited in a file on the command line (`treasure-hunt quarantine show --csv`, then
`replay --file`): what a person wrote in it does not belong into a form, and neither do users, sessions and queries.
"""

from datetime import timedelta

from airflow.sdk import Param, dag
from treasure_hunt_task import make_replay_task

HOUR = r"^\d{4}-\d{2}-\d{2}T\d{2}$"
WORDS = r"^(event_type|item_id|quantity|position|occurred_at|ingested_at|excluded):[^=]*=.*$"


@dag(
    schedule=None,
    is_paused_upon_creation=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(minutes=50),
    default_args={"execution_timeout": timedelta(minutes=30)},
    params={
        "first": Param(type="string", pattern=HOUR, title="first hour", description="UTC, like 2026-01-01T13"),
        "last": Param(
            None, type=["null", "string"], pattern=HOUR, title="last hour", description="empty: the one hour"
        ),
        "rule": Param(
            None, type=["null", "string"], title="rule", description="such as event_type_unknown; empty: all"
        ),
        "mapping": Param(
            [],
            type="array",
            items={"type": "string", "pattern": WORDS},
            title="mapping",
            description="one word a line, like event_type:veiw=click",
        ),
        "into": Param(
            None, type=["null", "string"], pattern=HOUR, title="into", description="empty: the next hour to run"
        ),
    },
    tags=["recommendations", "quarantine"],
    doc_md=__doc__,
)
def treasure_hunt_replay() -> None:
    make_replay_task()


treasure_hunt_replay()
