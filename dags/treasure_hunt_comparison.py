"""Arms side by side on one log: this batch pipeline at several cadences, a streaming reference and the controls.

*Trigger* → *Single Run* and fill in the form:

- **log**: the folder of a log that was recorded before (`treasure-hunt record`), as workers see it. Empty: a demonstration
  shop of **users** trades for **hours**, by the **log seed**; it has half as many items (at least 100), and each user brings
  about an event an hour; with **drift** tastes and fashions change.
- **arms**: *batch*, *stream* (row by row, against the batch's models), and the controls *popular* (everyone is shown the
  popular list), *nothing* (the first lists for ever), *bare* (HTTP 400 for who has no list).
- **cadences** of the batch arm, one a line: `1h`, `15m`, or `4h+4h` for runs that begin four hours late. The first is what
  others are compared with and made from; *bare* is made from the last. Each must divide the log.
- **seeds** of the model: three or more to publish what comes out.
- **horizon**: hours after a read in which what its user takes counts; fewer than the log has.

A run of the batch arm takes 5 to 20 seconds, and at `1h` an hour of log is one run; the log of its task counts them. The
page stands in the tab *Report* of the run. All is kept under `<home>/comparisons`: `logs`, `arms` (bundles, by log and by
code and settings) and `judged/<run>`; nothing of it goes by itself. A bundle that is there and valid is not made again:
a retry, and another comparison on the same log, goes on where the one before was. Logs and bundles hold user ids: whoever
was erased since goes when they are deleted; the page holds none.

**Beside the hours**: one comparison at a time and one task of it, in no pool, last in the scheduler's queue and at low
priority of the processor. It touches neither the lake nor what is served. Seconds are measured, so hours that run meanwhile
make its arms look slower and dearer; lists and fates stay the same.
"""

from datetime import timedelta
from typing import Any

from airflow.sdk import Param, dag
from treasure_hunt_comparison_tasks import judge, plan_batches, plan_others, record, run_batch, run_other
from treasure_hunt_task import RETRY_POLICY

ARMS = ["batch", "stream", "popular", "nothing", "bare"]
CADENCE = r"^[0-9]{1,3}[hm](\+[0-9]{1,4}[smh])?$"


@dag(
    schedule=None,
    is_paused_upon_creation=False,
    max_active_runs=1,
    # An arm that shares its cores with another is measured slower. Not the pool of the writers: hours would wait for it.
    max_active_tasks=1,
    dagrun_timeout=timedelta(hours=24),
    default_args={
        "retries": 2,
        "retry_delay": timedelta(seconds=60),
        "retry_policy": RETRY_POLICY,
        "execution_timeout": timedelta(hours=12),
        "priority_weight": 0,  # an hour's tasks are queued before any of these
        "weight_rule": "absolute",
    },
    params={
        "log": Param(
            None, type=["null", "string"], pattern="^/", description="Folder of a log; empty: a demonstration"
        ),
        "hours": Param(36, type="integer", minimum=2, maximum=744, description="Hours of the demonstration log"),
        "users": Param(600, type="integer", minimum=10, maximum=100_000, description="Users of its shop"),
        "log_seed": Param(
            0, type="integer", minimum=0, title="log seed", description="The same one makes the same log"
        ),
        "drift": Param(False, type="boolean", description="Tastes of its users drift, and fashions come and go"),
        "arms": Param(
            ["batch", "stream", "popular", "nothing"],
            type="array",
            examples=ARMS,
            items={"type": "string", "enum": ARMS},
            minItems=1,
            uniqueItems=True,
            description="What is judged; batches that others are made from are run in any case",
        ),
        "cadences": Param(
            ["1h", "4h"],
            type="array",
            items={"type": "string", "pattern": CADENCE},
            minItems=1,
            uniqueItems=True,
            description="Of the batch arm, one a line: 1h, or 4h+4h with the delay of each run",
        ),
        "seeds": Param(
            [0],
            type="array",
            items={"type": "integer", "minimum": 0},
            minItems=1,
            uniqueItems=True,
            description="Of the model, like [0, 1, 2]",
        ),
        "horizon": Param(12, type="integer", minimum=1, description="Hours after a read that count"),
    },
    tags=["recommendations", "comparison"],
    doc_md=__doc__,
)
def treasure_hunt_comparison() -> None:
    made: Any = record()  # an XComArg, which tasks take for what it brings
    batches = run_batch.partial(made=made).expand(bundle=plan_batches())
    others = run_other.partial(made=made).expand(bundle=plan_others())
    batches >> others >> judge(made)


treasure_hunt_comparison()
