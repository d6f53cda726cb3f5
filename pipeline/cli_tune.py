"""The model's knobs, searched for one's own data."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import pyarrow.parquet as pq
import typer
from rich.progress import BarColumn, Progress, TextColumn

from pipeline import als, show
from pipeline.benchmark.tune import SEARCHED, Knobs, Trial, tune
from pipeline.errors import BadInput, NotLanded
from pipeline.files import code_version, hash_file, hash_json, write_json
from pipeline.history import newest_hour
from pipeline.hours import format_hour, parse_hour
from pipeline.manifests import find_table, how_to_mend
from pipeline.run import Run
from pipeline.settings import PREFIX, Settings, load_settings

MODEL = {"factors", "alpha", "regularization", "iterations"}
app = typer.Typer(help=__doc__)


@app.command("tune")
def tune_lake(
    hour: Annotated[str | None, typer.Argument(help="Hour whose interactions are used; default: the newest.")] = None,
    minutes: Annotated[float, typer.Option(min=0, help="How long to search; one trial is made in any case.")] = 10,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the settings and their evidence; default: tuned/SOURCE in home.")
    ] = None,
) -> None:
    """Search the model's knobs on your own data; writes a settings file, and changes nothing that is live.

    Of each user the newest tenth of the items is held out and looked for again. A second call goes on where the first
    stopped.
    """
    settings = load_settings()
    newest = parse_hour(hour) if hour else newest_hour(settings, "prepare")
    if newest is None:
        raise NotLanded(f"nothing has landed yet for source {settings.source}; run `treasure-hunt run HOUR`.")
    pairs, sha256 = read_pairs(Run(newest, settings))
    folder = out or settings.home / "tuned" / settings.source
    folder.mkdir(parents=True, exist_ok=True)
    show.sentence(
        f"{len(pairs):,} pairs of {pairs['user'].nunique():,} users and {pairs['item'].nunique():,} items, as of "
        f"{format_hour(newest)}"
    )
    searched = [knob for knob in SEARCHED if knob != "blend"]  # which is no setting
    standing = Knobs(**settings.model_dump(include=MODEL))
    stands_for = {"interactions": sha256}
    trials = search_knobs(pairs, settings, minutes, folder, stands_for, standing, k=settings.k, searched=searched)
    say_trials(trials, settings.k)
    evidence = {
        "hour": format_hour(newest),
        "interactions": sha256,
        "settings": settings.model_dump(include=MODEL),
        "code": code_version(),
        "trials": [asdict(trial) for trial in trials],
    }
    write_json(folder / "tuned.json", evidence, folder / ".staging")
    (folder / ".staging").rmdir()
    if trials[0].knobs.apply(settings) == settings:
        (folder / "tuned.env").unlink(missing_ok=True)  # of an earlier search
        show.sentence("nothing better than the settings as they are was found")
        return
    (folder / "tuned.env").write_text(spell_settings(trials[0], settings.k, format_hour(newest)), encoding="utf-8")
    show.sentence(f"written: {folder / 'tuned.env'}; to use it: set -a; . {folder / 'tuned.env'}; set +a")


def read_pairs(run: Run) -> tuple[pd.DataFrame, str]:
    """What users did up to the end of the hour, as columns user, item, weight and time, and the hash of that table.

    Raises `NotLanded` when the hour has no interactions, `BadInput` when there are none in them to learn from.
    """
    found = find_table(run, "interactions")
    if found is None or hash_file(found[0]) != found[1]["sha256"]:
        what = "has not landed" if found is None else "is damaged"
        raise NotLanded(f"interactions of {run.name} {what}; {how_to_mend('prepare', run.name)}.")
    done = pq.read_table(
        found[0], columns=["user_id", "item_id", "weight", "last_at"], filters=[("kind", "!=", "search")]
    ).to_pandas()
    if done.empty:
        raise BadInput(f"nobody did anything with an item in the window of {run.name}: there is nothing to tune on.")
    pairs = pd.DataFrame({"user": done["user_id"], "item": done["item_id"], "weight": done["weight"] / als.UNIT})
    return pairs.assign(time=done["last_at"].astype("datetime64[us, UTC]").astype("int64") / 1e6), found[1]["sha256"]


def search_knobs(
    pairs: pd.DataFrame,
    settings: Settings,
    minutes: float,
    out: Path | None,
    stands_for: dict[str, str],
    also: Knobs | None = None,
    **given: Any,
) -> list[Trial]:
    """The trials of `tune`, best first, under a progress bar; kept in the folder and taken over from there.

    `stands_for` tells these pairs from others; `also` and `given` go to `tune`.
    """
    best: list[float] = []
    with Progress(
        TextColumn("tuning"), BarColumn(), TextColumn("{task.description}"), console=show.console
    ) as progress:
        task = progress.add_task("on a hold-out of train", total=max(minutes, 0.01) * 60)

        def tell(trial: Trial, is_new: bool) -> None:
            best.append(trial.ndcg)
            said = f"{len(best)} trials, best NDCG@{given['k']} {max(best):.4f}"
            progress.update(task, advance=trial.seconds if is_new else 0, description=said)

        options = {"settings": settings.model_dump(include=MODEL), "code": code_version()}
        return tune(
            pairs,
            settings,
            minutes=minutes,
            memory=out / "trials.jsonl" if out else None,
            fingerprint=hash_json({**stands_for, **given, **options}),
            tell=tell,
            also=also,
            **given,
        )


def say_trials(trials: list[Trial], k: int) -> None:
    """What the search found, as settings that can be taken over."""
    best = trials[0].knobs
    blended = f", item-kNN blended in {best.blend}" if best.blend else ""
    show.sentence(
        f"tuned: NDCG@{k} {trials[0].ndcg:.4f} on pairs held out of train, the best of {len(trials)} trials, with "
        f"factors {best.factors}, alpha {best.alpha}, regularization {best.regularization}, iterations "
        f"{best.iterations}{blended}"
    )


def spell_settings(trial: Trial, k: int, hour: str) -> str:
    """A trial's knobs as a file for the shell, with what they are worth."""
    head = f"# NDCG@{k} {trial.ndcg:.4f} on what was held out of {hour}; all trials stand in tuned.json\n"
    return head + "".join(f"{PREFIX}{name.upper()}={value}\n" for name, value in trial.knobs.settings().items())
