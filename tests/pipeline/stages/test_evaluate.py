"""Stage `evaluate`: the gate, and figures that can be checked by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from handmade_shop import FIRST, derive, event, ingest, item, open_shop, rows

from pipeline.errors import AuditFailed
from pipeline.gates import GATES
from pipeline.line import run_stage
from pipeline.manifests import read_manifest
from pipeline.model_files import Factors, write_factors
from pipeline.run import Run
from pipeline.settings import Settings
from pipeline.stages.evaluate import find_flaw, find_overflow

UP_TO = ("prepare", "train", "evaluate")
ITEMS = [item(name) for name in "abcde"]


def factors(ids: str, vectors: object) -> Factors:
    return Factors(pd.Index(list(ids)), np.array(vectors, np.float32))


GOOD = factors("uvw", [[1, 0], [0, 1], [1, 1]])


@pytest.mark.parametrize(
    ("vectors", "sentence"),
    [
        ([[1, 0], [np.nan, 1], [1, 1]], "1 of 3 vectors are not finite"),
        ([[1, 0], [np.inf, 1], [-np.inf, 1]], "2 of 3 vectors are not finite"),
        (np.zeros((3, 2)), "all vectors are zero; the model learnt nothing"),
        (np.ones((20, 2)), "all vectors are the same; the model has collapsed"),
    ],
)
def test_a_broken_model_has_a_flaw(vectors: np.ndarray | list[list[float]], sentence: str) -> None:
    assert find_flaw(factors("abcdefghijklmnopqrst"[: len(vectors)], vectors)) == sentence


def test_a_sound_an_empty_and_a_tiny_model_have_none() -> None:
    sound = [GOOD, factors("", np.zeros((0, 2))), factors("abcdefghijklmnopqrs", np.ones((19, 2)))]
    assert [find_flaw(one) for one in sound] == ["", "", ""]


def test_vectors_whose_scores_may_be_no_numbers_are_a_flaw_and_long_ones_are_none() -> None:
    assert find_overflow(factors("u", [[1e18, 0]]), factors("a", [[1e18, 0]])) == (
        "vectors are so long that scores may reach 1e+36"
    )
    assert find_overflow(factors("u", [[1e10, 0]]), factors("a", [[1e10, 0]])) == ""
    assert find_overflow(factors("", np.zeros((0, 2))), GOOD) == ""


@pytest.mark.parametrize("value", [np.nan, 0.0, 1.0, 1e30])
def test_a_broken_model_lands_nothing_and_nothing_is_recommended_by_it(
    ran: Settings, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    import pipeline.stages.train as train

    def write_broken(path: Path, column: str, ids: list[str], vectors: np.ndarray) -> None:
        write_factors(path, column, ids, np.full_like(vectors, value) * (vectors if value > 1 else 1))

    monkeypatch.setattr(train, "write_factors", write_broken)
    hour = FIRST.replace(hour=16)
    run_stage("train", hour, ran)
    with pytest.raises(AuditFailed, match="user_factors: "):
        run_stage("evaluate", hour, ran)
    with pytest.raises(Exception, match="run evaluate again first"):
        run_stage("recommend", hour, ran)


def test_few_held_out_users_are_a_warning_and_the_gate_stays_open(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, ITEMS, [event("click", "u", name) for name in "abc"])
    ingest(settings)
    result = derive(settings, stages=UP_TO)["evaluate"]
    assert result.notes[0].startswith("warning: evaluation: only ")
    assert result.notes[0].endswith(f"; to do: {GATES['held_out_users_too_few'].remedy}")


def test_nobody_at_all_is_a_warning_too(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, ITEMS, [])
    ingest(settings)
    assert derive(settings, stages=UP_TO)["evaluate"].notes == (
        "warning: evaluation: only 0 held-out users, too few to judge the model by; to do: "
        + GATES["held_out_users_too_few"].remedy,
    )


def test_enough_held_out_users_give_figures_and_a_model_worse_than_popular_is_a_warning(tmp_path: Path) -> None:
    """Everybody ends with e: no model can know it from the others, and the popular list has it."""
    events = [event("click", f"user {user}", name, minute=at) for user in range(100) for at, name in enumerate("abce")]
    settings = open_shop(tmp_path, ITEMS, events, holdout_share=0.5, k=1)
    ingest(settings)
    result = derive(settings, stages=UP_TO)["evaluate"]
    assert result.facts["users"] >= 20
    assert set(rows(settings, "evaluation", "list", "metric")) == {  # the first hour has no predecessor
        (name, metric) for name in ("ours", "popular") for metric in ("recall", "ndcg", "coverage")
    }
    worse = result.facts["recall"] < result.facts["popular_recall"]
    assert any(note.startswith("warning: evaluation: the popular list did better") for note in result.notes) == worse
    manifest = read_manifest(Run(hour=FIRST, settings=settings), "evaluate") or {}
    found = {one["rule"]: one["passed"] for one in manifest["quality"]}
    assert found["popular_list_better"] is not worse and found["held_out_users_too_few"]


def test_what_is_judged_is_the_lists_of_the_hour_as_they_are_made(ran: Settings) -> None:
    assert {row[2] for row in rows(ran, "evaluation", "list", "metric", "k", hour=6)} == {20}
    assert Run(FIRST, ran).settings.k == 20
