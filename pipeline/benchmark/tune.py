"""The knobs of the production model, searched on pairs held out of train; no test is even handed over.

A plain pattern search: each knob in turn up or down, what is better stays, steps shrink when nothing is. Every trial
follows from the seed and the trials before it, so a longer search begins as a shorter one did, and trials that are
remembered are not made again.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd

from pipeline.benchmark import rivals
from pipeline.benchmark.judge import Scorer, make_lists, measure
from pipeline.benchmark.world import World, build_world, hold_out, sample_negatives
from pipeline.settings import Settings

HELD_OUT_SHARE = 0.1
JUDGED_USERS = 4000
MOST_FACTORS = 1024
FIRST_FACTORS = 64
LEAST_STEP = 1.1
SEARCHED = ("regularization", "alpha", "blend", "iterations")  # one after the other; factors grow by themselves


@dataclass(frozen=True)
class Knobs:
    """What is searched: settings of the model, and the share of item-kNN in the blend."""

    factors: int
    alpha: float
    regularization: float
    iterations: int
    blend: float = 0.0

    def settings(self) -> dict[str, float]:
        """The knobs that are settings, by their names."""
        return {name: value for name, value in asdict(self).items() if name != "blend"}

    def apply(self, settings: Settings) -> Settings:
        """The settings with these knobs."""
        return settings.model_copy(update=self.settings())


@dataclass(frozen=True)
class Trial:
    """Knobs, the NDCG that they reached on what was held out, and the seconds it took."""

    knobs: Knobs
    ndcg: float
    seconds: float


@dataclass
class Search:
    """The trials of one search on one hold-out, those remembered from an earlier one included."""

    world: World
    settings: Settings
    k: int
    ends_at: float
    trials: list[Trial]
    remembered: dict[Knobs, Trial]
    tell: Callable[[Trial, bool], None]
    fitted: dict[Knobs, Scorer]
    neighbours: Scorer | None  # None: a blend is not searched
    searched: Sequence[str]

    def best(self) -> Trial:
        """The trial of highest NDCG, the first of equals."""
        return max(self.trials, key=lambda trial: trial.ndcg)

    def is_over(self) -> bool:
        """Whether another trial as long as the last one made would end too late."""
        return bool(self.trials) and perf_counter() + self.trials[-1].seconds > self.ends_at

    def attempt(self, knobs: Knobs) -> Trial:
        """The trial of these knobs: remembered, or made now and told."""
        found = next((trial for trial in self.trials if trial.knobs == knobs), None)
        if found:
            return found
        trial = self.remembered.get(knobs)
        is_new = trial is None
        if trial is None:
            started = perf_counter()
            score = self._fit(replace(knobs, blend=0.0))
            if self.neighbours:
                score = rivals.blend(score, self.neighbours, knobs.blend)
            figures = measure(self.world, make_lists(self.world, score, self.k), self.k)
            trial = Trial(knobs, figures["ndcg"], perf_counter() - started)
        self.trials.append(trial)
        self.tell(trial, is_new)
        return trial

    def _fit(self, knobs: Knobs) -> Scorer:
        """The model of these knobs, kept while only the blend is searched."""
        if knobs not in self.fitted:
            self.fitted.clear()
            self.fitted[knobs] = rivals.learn_ours(self.world.train, knobs.apply(self.settings))
        return self.fitted[knobs]


def tune(
    train: pd.DataFrame,
    settings: Settings,
    k: int,
    minutes: float,
    sampled: int = 0,
    seed: int = 0,
    memory: Path | None = None,
    fingerprint: str = "",
    tell: Callable[[Trial, bool], None] = lambda trial, is_new: None,
    searched: Sequence[str] = SEARCHED,
    also: Knobs | None = None,
) -> list[Trial]:
    """The trials made within the minutes (one at least), best first; `sampled` negatives are ranked, 0: all items.

    `also` are tried at the end, whatever time it is: what is found is no worse than they are.
    Trials are added to the file `memory` and taken from there when its lines bear the same fingerprint.
    """
    learnt, hidden = hold_out(train, HELD_OUT_SHARE, sampled, seed)
    chosen = hidden["user"].drop_duplicates()
    if len(chosen) > JUDGED_USERS:
        chosen = chosen.iloc[np.sort(np.random.default_rng(seed).choice(len(chosen), JUDGED_USERS, replace=False))]
    hidden = hidden[hidden["user"].isin(chosen)]
    negatives = sample_negatives(train, hidden, sampled, seed) if sampled else None
    world = build_world(learnt, hidden, negatives, seed)
    known = read_memory(memory, fingerprint) if memory else []

    def remember(trial: Trial, is_new: bool) -> None:
        if memory and is_new:
            with memory.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"of": fingerprint, **asdict(trial)}) + "\n")
        tell(trial, is_new)

    search = Search(
        world=world,
        settings=settings,
        k=k,
        ends_at=perf_counter() + 60 * minutes,
        trials=[],
        remembered={trial.knobs: trial for trial in known},
        tell=remember,
        fitted={},
        neighbours=rivals.learn_bm25(world.train, settings) if "blend" in searched else None,
        searched=searched,
    )
    for _ in explore(search, start_knobs(settings, world)):
        if search.is_over():
            break
    if also:
        search.attempt(also)
    return sorted(search.trials, key=lambda trial: -trial.ndcg)


def start_knobs(settings: Settings, world: World) -> Knobs:
    """The settings as they stand, with few factors: what they say of the other knobs holds for many as well."""
    factors = min(FIRST_FACTORS, *world.train.shape)
    return Knobs(factors, settings.alpha, settings.regularization, settings.iterations)


def explore(search: Search, start: Knobs) -> Iterator[None]:
    """Trials one by one: a round with few factors, more factors as long as they help, then rounds until nothing moves."""
    search.attempt(start)
    yield
    yield from try_round(search, 2.0)
    while (best := search.best()).knobs.factors < min(MOST_FACTORS, *search.world.train.shape):
        more = replace(best.knobs, factors=min(2 * best.knobs.factors, MOST_FACTORS, *search.world.train.shape))
        search.attempt(more)
        yield
        if search.best().knobs == best.knobs:
            break
    step = 1.5
    while step > LEAST_STEP:
        before = search.best()
        yield from try_round(search, step)
        if search.best() == before:
            step = step**0.5


def try_round(search: Search, step: float) -> Iterator[None]:
    """Each knob times and by the step, around the best so far; the other way is not tried when the first was better."""
    for knob in search.searched:
        for factor in (step, 1 / step):
            before = search.best().knobs
            search.attempt(move(before, knob, factor))
            yield
            if search.best().knobs != before:
                break


def move(knobs: Knobs, knob: str, factor: float) -> Knobs:
    """The knobs with one of them times the factor; a blend starts at 0.1 and ends below 0.05, passes are whole."""
    value = getattr(knobs, knob)
    if knob == "iterations":
        moved = (
            max(2, round(value * factor), value + 1) if factor > 1 else max(2, min(round(value * factor), value - 1))
        )
    elif knob == "blend":
        moved = (0.1 if factor > 1 else 0.0) if not value else float(f"{value * factor:.3g}")
        moved = 0.0 if moved < 0.05 else moved
    else:
        moved = float(f"{value * factor:.3g}")
    return replace(knobs, **{knob: moved})


def read_memory(memory: Path, fingerprint: str) -> list[Trial]:
    """The trials in a file that bear this fingerprint; a last line cut short by a crash is passed over."""
    trials = []
    for line in memory.read_text(encoding="utf-8").splitlines() if memory.exists() else []:
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        if row["of"] == fingerprint:
            trials.append(Trial(Knobs(**row["knobs"]), row["ndcg"], row["seconds"]))
    return trials
