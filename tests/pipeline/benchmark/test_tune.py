"""The search: the same for the same seed, going on where it stopped, and blind to the test."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.benchmark import tune as module
from pipeline.benchmark.tune import Knobs, Trial, move, read_memory, tune
from pipeline.settings import Settings, load_settings

START = Knobs(factors=8, alpha=0.42, regularization=4.2, iterations=2)


def some_train() -> pd.DataFrame:
    generator = np.random.default_rng(0)
    tastes = (generator.normal(size=(60, 3)) @ generator.normal(size=(3, 50))).argsort(axis=1)[:, -12:]
    users = np.repeat(np.arange(60), 12)
    return pd.DataFrame({"user": users.astype(str), "item": tastes.ravel().astype(str), "weight": 1.0, "time": np.nan})


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(module, "FIRST_FACTORS", 4)
    monkeypatch.setattr(module, "MOST_FACTORS", 8)
    monkeypatch.setattr(module, "LEAST_STEP", 1.4)
    return load_settings(iterations=2)


def without_seconds(trials: list[Trial]) -> list[tuple[Knobs, float]]:
    return [(trial.knobs, trial.ndcg) for trial in trials]


@pytest.mark.parametrize("sampled", [0, 20])
def test_the_same_seed_gives_the_same_trials_and_what_is_found_is_no_worse_than_the_start(
    settings: Settings, sampled: int
) -> None:
    told: list[Trial] = []
    trials = tune(some_train(), settings, 5, 10, sampled, tell=lambda trial, is_new: told.append(trial))
    assert without_seconds(trials) == without_seconds(tune(some_train(), settings, 5, 10, sampled))
    assert len(trials) == len({trial.knobs for trial in trials}) > 8
    assert told[0].knobs == Knobs(4, settings.alpha, settings.regularization, 2)
    assert trials[0].ndcg == max(trial.ndcg for trial in told) >= told[0].ndcg


def test_without_time_one_trial_is_made_all_the_same(settings: Settings) -> None:
    assert len(tune(some_train(), settings, 5, 0)) == 1


def test_a_search_goes_on_where_it_stopped_and_does_nothing_twice(settings: Settings, tmp_path: Path) -> None:
    memory, made = tmp_path / "trials.jsonl", []

    def search(minutes: float) -> list[Trial]:
        made.clear()
        return tune(
            some_train(), settings, 5, minutes, memory=memory, fingerprint="x", tell=lambda trial, new: made.append(new)
        )

    search(0)
    assert made == [True]
    whole = search(10)
    assert made[0] is False and all(made[1:])
    assert without_seconds(search(10)) == without_seconds(whole)
    assert not any(made)
    with memory.open("a", encoding="utf-8") as file:
        file.write('{"of": "x", "knobs": {"fact')
    assert len(read_memory(memory, "x")) == len(whole)
    assert read_memory(memory, "of other data") == []


@pytest.mark.parametrize(
    ("knob", "values"),
    [("regularization", (8.4, 2.1)), ("alpha", (0.84, 0.21)), ("iterations", (4, 2)), ("blend", (0.1, 0.0))],
)
def test_a_knob_moves_up_and_down_and_stays_within_sense(knob: str, values: tuple[float, float]) -> None:
    assert tuple(getattr(move(START, knob, factor), knob) for factor in (2.0, 0.5)) == pytest.approx(values)


def test_the_search_learns_nothing_from_what_it_judges_by(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    train, seen = some_train(), []
    build = module.build_world

    def spy(learnt: pd.DataFrame, hidden: pd.DataFrame, *rest: object) -> object:
        seen.append(
            (
                set(zip(learnt["user"], learnt["item"], strict=True)),
                set(zip(hidden["user"], hidden["item"], strict=True)),
            )
        )
        return build(learnt, hidden, *rest)

    monkeypatch.setattr(module, "build_world", spy)
    tune(train, settings, 5, 0)
    [(learnt, hidden)] = seen
    assert hidden and not learnt & hidden
    assert learnt | hidden == set(zip(train["user"], train["item"], strict=True))
