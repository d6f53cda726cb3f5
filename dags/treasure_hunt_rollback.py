"""Choose which version readers get.

Look first: `treasure-hunt versions` lists what there is, `treasure-hunt diff` says how the live version differs from the one
before. Then *Trigger* and fill in the form:

- **action**: *rollback* serves an earlier version again, and the next hour goes live as ever; *rollback and pin* keeps it
  live whatever is published; *pin* keeps the live one; *unpin* lets newer hours go live again, from the next one on; *unpin
  and advance* goes to the newest published version at once.
- **version**: which one to go back to; empty: the one before the live one. Only for a rollback.
- **why**: for those who ask later; it stands in `live_history`. No user and no query belongs in it.

It takes a moment, and readers notice nothing but other lists. The log says what is live then.
"""

from datetime import timedelta

from airflow.sdk import Param, dag
from treasure_hunt_task import ROLLBACKS, make_rollback_task

VERSION = r"^\d{4}-\d{2}-\d{2}T\d{2}-[0-9a-f]{12}$"


@dag(
    schedule=None,
    is_paused_upon_creation=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(minutes=5),
    default_args={"execution_timeout": timedelta(minutes=3)},
    params={
        "action": Param("rollback", type="string", enum=list(ROLLBACKS), title="action"),
        "version": Param(
            None, type=["null", "string"], pattern=VERSION, title="version", description="empty: the one before"
        ),
        "why": Param(None, type=["null", "string"], maxLength=500, title="why", description="for those who ask later"),
    },
    tags=["recommendations", "serving"],
    doc_md=__doc__,
)
def treasure_hunt_rollback() -> None:
    make_rollback_task()


treasure_hunt_rollback()
