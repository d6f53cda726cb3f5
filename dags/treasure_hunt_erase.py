"""Forget a user, by the number of a request that was filed before.

File the request on the command line, `treasure-hunt erase USER --request`, which prints its number; then *Trigger* → *Single
Run* with that number. So no user stands in a run's configuration or log. The user goes from the lakes of all sources
under this home and from every version in the serving database, and is refused whenever delivered again; the receipt
stands in the table `erasures`.

An attempt that was stopped is carried on by trying again. A stage that was at work meanwhile ends with *somebody was erased
while …* and is tried again by itself.
"""

from datetime import timedelta
from typing import Any

from airflow.sdk import Param, dag, task
from treasure_hunt_task import RETRY_POLICY, load_task_settings, log

from pipeline.alerts import tell_failure
from pipeline.errors import TreasureHuntError


@task(
    retries=3,
    retry_delay=timedelta(seconds=60),
    retry_policy=RETRY_POLICY,
    execution_timeout=timedelta(hours=2),
    on_failure_callback=tell_failure,
)
def erase(**context: Any) -> dict[str, int]:
    """Carry out the request of this number; returns its number and how many rows are gone."""
    from pipeline.privacy.erase import erase_request  # imports databases: a task pays for it, not the DAG processor
    from pipeline.retelling import NOBODY, retell_hours

    number = context["params"]["number"]
    try:
        settings = load_task_settings()
        places = erase_request(settings, number)
    except TreasureHuntError as error:
        log.error("%s", error)
        raise
    if not places:
        log.warning("request %d: %s", number, NOBODY)
    reported, troubles = retell_hours(settings, number)
    for trouble in troubles:
        log.warning("%s", trouble)
    return {"request": number, "rows": sum(places.values()), "hours_reported": reported}


@dag(
    schedule=None,
    catchup=False,
    max_active_runs=1,
    params={"number": Param(None, type="integer", minimum=1, description="Number of the request, never a user")},
    tags=["recommendations", "privacy"],
    doc_md=__doc__,
)
def treasure_hunt_erase() -> None:
    erase()


treasure_hunt_erase()
