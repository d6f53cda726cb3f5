"""What the tasks of a comparison do: find or record its log, make one bundle, have all of them judged.

The form of the run says what is compared, and `pipeline.comparison.places` where it goes. What a command says stands in the
log of its task, line by line.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from airflow.sdk import task
from treasure_hunt_task import load_task_settings, log

from pipeline.errors import TreasureHuntError

NAME = "{{ task.op_kwargs['bundle']['name'] }}"  # of a mapped task, instead of its number
MIN_ITEMS = 100


@task(multiple_outputs=False)  # one entry, not one per key
def record(**context: Any) -> dict[str, str]:
    """The log is there; returns its folder and that of the bundles on it."""
    return find_log(context["params"])


@task
def plan_batches(**context: Any) -> list[dict[str, Any]]:
    """The bundles of batch arms."""
    return [bundle for bundle in list_bundles(context["params"]) if not bundle["batch"]]


@task
def plan_others(**context: Any) -> list[dict[str, Any]]:
    """The bundles that are made from those of batch arms."""
    return [bundle for bundle in list_bundles(context["params"]) if bundle["batch"]]


@task(map_index_template=NAME)
def run_batch(bundle: dict[str, Any], made: dict[str, str]) -> str:
    """One batch arm has run over the log."""
    return make_bundle(bundle, made)


@task(map_index_template=NAME)
def run_other(bundle: dict[str, Any], made: dict[str, str]) -> str:
    """The stream or one control has run over the log, from the bundle of a batch."""
    return make_bundle(bundle, made)


@task(trigger_rule="none_failed")  # without others to be made there is nothing to wait for
def judge(made: dict[str, str], **context: Any) -> str:
    """All arms are judged, and the page is there."""
    return judge_bundles(made, context["params"], context["run_id"])


def find_log(asked: Mapping[str, Any]) -> dict[str, str]:
    """The folders of the log that the form names, or of a demonstration log of its size, and of the bundles on it.

    Raises `BadInput` where there is no room in the log for a cadence or the horizon.
    """
    from pipeline.comparison import plan  # seconds are paid per task, not per parsing of the DAG
    from pipeline.comparison.log import read_log
    from pipeline.comparison.places import folder_of
    from pipeline.files import code_version, hash_json

    try:
        settings = load_task_settings()
        if asked["log"]:
            found = read_log(Path(asked["log"]))
        else:
            drifts = bool(asked["drift"])
            name = f"shop-{asked['hours']}h-{asked['users']}-users-seed-{asked['log_seed']}{'-drifting' * drifts}"
            size = {"hours": asked["hours"], "users": asked["users"], "seed": asked["log_seed"]}
            size |= {"items": max(MIN_ITEMS, asked["users"] // 2), "events-per-hour": asked["users"]}
            options = [word for option, value in size.items() for word in (f"--{option}", str(value))]
            options += ["--drift"] * drifts
            found = plan.make_log(folder_of(settings.home, "logs", name), options, log.info)
        plan.check_plan(found, asked["cadences"], asked["horizon"])
    except TreasureHuntError as error:
        log.error("%s", error)
        raise
    made_by = hash_json([code_version(), settings.facts()])
    arms = folder_of(settings.home, "arms", f"{found.log_hash[:12]}-{made_by[:12]}")
    log.info("log %s: %s; bundles go to %s", found.folder, dict(found.counts), arms)
    return {"log": str(found.folder), "arms": str(arms)}


def list_bundles(asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The bundles that the form asks for, and those that they are made from."""
    from pipeline.comparison.plan import plan_bundles

    return [asdict(bundle) for bundle in plan_bundles(asked["arms"], asked["cadences"], asked["seeds"])]


def make_bundle(bundle: Mapping[str, Any], made: Mapping[str, str]) -> str:
    """The folder of the bundle; why there is none stands in the log."""
    from pipeline.comparison import plan

    try:
        return str(plan.make_bundle(plan.Bundle(**bundle), Path(made["log"]), Path(made["arms"]), log.info))
    except TreasureHuntError as error:
        log.error("%s", error)
        raise


def judge_bundles(made: Mapping[str, str], asked: Mapping[str, Any], run: str) -> str:
    """The page of the judgement of the arms that were asked for: a batch that was only made for others is left out."""
    from pipeline.comparison import plan
    from pipeline.comparison.places import page_of

    page = page_of(load_task_settings().home, run)
    chosen = [Path(made["arms"]) / bundle["name"] for bundle in list_bundles(asked) if bundle["arm"] in asked["arms"]]
    options: list[str | Path] = ["--log", made["log"], "--horizon", str(asked["horizon"]), "--out", page.parent]
    try:
        plan.hunt(["compare", *chosen, *options], log.info)
    except TreasureHuntError as error:
        log.error("%s", error)
        raise
    log.info("the page: %s", page)
    return str(page)
