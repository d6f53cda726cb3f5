"""The release gate beside the predecessor: which model that is, what it refuses, and how a refusal is overruled."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from handmade_shop import FIRST, derive, event, rows
from sqlalchemy import select
from two_groups import EVENTS, open_settings, open_two_groups

import pipeline.stages.train as training
from pipeline import predecessor
from pipeline.errors import AuditFailed, NotLanded
from pipeline.history import hour_states
from pipeline.hours import HOUR
from pipeline.line import run_stage, run_stages
from pipeline.manifests import find_table, hour_folder, read_failure, read_manifest
from pipeline.model_files import write_factors
from pipeline.run import Run
from pipeline.serving.database import connect, reading
from pipeline.serving.schema import live, quality_results
from pipeline.settings import Settings
from pipeline.verify import verify_hour

MODEL = ("prepare", "train", "evaluate")
WHOLE = (*MODEL, "recommend", "publish")
WHY = "the catalog was renamed on purpose"


@pytest.fixture(scope="module")
def two_hours_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Such a shop whose hours 0 and 1 ran as far as publish. Copy it, do not use it."""
    home = tmp_path_factory.mktemp("two groups")
    settings = open_two_groups(home)
    for hour in (0, 1):
        derive(settings, hour, WHOLE)
    return home


@pytest.fixture
def shop(two_hours_home: Path, tmp_path: Path) -> Settings:
    """Two published hours, and two that were ingested."""
    home = shutil.copytree(two_hours_home, tmp_path / "var")
    return open_settings(home)


Change = Callable[[str, np.ndarray], np.ndarray]


def shuffle(column: str, vectors: np.ndarray) -> np.ndarray:
    """The items' vectors, each at another item."""
    return np.random.default_rng(2).permutation(vectors) if column == "item_id" else vectors


def point_at_one_group(column: str, vectors: np.ndarray) -> np.ndarray:
    """Users whose lists all begin with the same items."""
    return np.repeat(vectors[:1], len(vectors), axis=0) * np.linspace(1, 2, len(vectors))[:, None].astype(np.float32)


def plant(patched: pytest.MonkeyPatch, change: Change) -> None:
    def write(path: Path, column: str, ids: list[str], vectors: np.ndarray) -> None:
        write_factors(path, column, ids, change(column, vectors) if column in ("user_id", "item_id") else vectors)

    patched.setattr(training, "write_factors", write)


def run_bad(settings: Settings, hour: int, monkeypatch: pytest.MonkeyPatch, change: Change = shuffle) -> None:
    """Hour `hour` up to a trained model that is bad."""
    with monkeypatch.context() as patched:
        plant(patched, change)
        derive(settings, hour, ("prepare", "train"))


def facts(settings: Settings, hour: int) -> dict[str, Any]:
    manifest = read_manifest(Run(FIRST + hour * HOUR, settings), "evaluate")
    assert manifest
    return dict(manifest["facts"])


def named(settings: Settings, hour: int) -> str:
    return str(facts(settings, hour)["predecessor"]["hour"])


def findings(manifest: dict[str, Any] | None) -> dict[str, dict[str, Any]]:
    assert manifest
    return {found["rule"]: found for found in manifest["quality"]}


def test_the_first_hour_has_no_predecessor_and_says_so(shop: Settings) -> None:
    manifest = read_manifest(Run(FIRST, shop), "evaluate")
    assert manifest and "predecessor" not in manifest["facts"]
    assert any("there is no predecessor" in note for note in manifest["notes"])
    assert "model_worse" not in findings(manifest)


def test_an_equal_model_passes_and_the_predecessor_is_named_by_hash(shop: Settings) -> None:
    manifest = read_manifest(Run(FIRST + HOUR, shop), "evaluate")
    found = find_table(Run(FIRST, shop), "item_factors")
    assert manifest and found
    assert manifest["facts"]["predecessor"] == {"hour": "2026-01-05T10", "item_factors": found[1]["sha256"]}
    assert manifest["inputs"]["item_factors@2026-01-05T10"] == found[1]["sha256"]
    assert findings(manifest)["model_worse"]["passed"] and findings(manifest)["model_coverage_collapsed"]["passed"]
    figures = {row[:2]: row[2] for row in rows(shop, "evaluation", "list", "metric", "value", hour=1)}
    assert figures["ours", "recall"] > 0.6 and figures["predecessor", "recall"] > 0.6 > figures["popular", "recall"]
    assert manifest["facts"]["predecessor_recall"] == figures["predecessor", "recall"]


def test_the_predecessor_is_asked_for_the_same_users_and_items(shop: Settings) -> None:
    """Nothing happened since hour 0 and its model is this one's: folded in, it finds nearly the same."""
    found = facts(shop, 1)
    assert {row[0] for row in rows(shop, "evaluation", "users", hour=1)} == {found["users"]}
    assert abs(found["predecessor_recall"] - found["recall"]) < 0.1


def test_users_who_are_judged_by_teach_no_model_anything_of_items(tmp_path: Path) -> None:
    """Whatever they did, and in whichever hour: so no model of a chain knows what they are asked for later."""
    settings = open_two_groups(tmp_path / "one", 2)
    for hour in (0, 1):
        derive(settings, hour, MODEL)
    examined = {user for (user,) in rows(settings, "holdout", "user_id")}
    assert 40 < len(examined) < 80
    others = [one for one in EVENTS if one["user_id"] not in examined]
    odd = [event("purchase", user, "a", minute=30) for user in examined]
    changed = open_two_groups(tmp_path / "other", 2, events=[*others, *odd])
    for hour in (0, 1):
        derive(changed, hour, MODEL)
        assert rows(changed, "item_factors", "item_id", "factors", hour=hour) == rows(
            settings, "item_factors", "item_id", "factors", hour=hour
        )


def test_users_who_are_judged_by_teach_no_unknown_item_anything(tmp_path: Path) -> None:
    met = [event("click", f"u{user:03}", "q", hour=1) for user in range(0, 120, 5)]
    settings = open_two_groups(tmp_path / "one", 2, [*EVENTS, *met], ("q",))
    for hour in (0, 1):
        derive(settings, hour, MODEL)
    examined = {user for (user,) in rows(settings, "holdout", "user_id", hour=1)}
    others = [one for one in met if one["user_id"] not in examined]
    assert 0 < len(others) < len(met)
    changed = open_two_groups(tmp_path / "other", 2, [*EVENTS, *others], ("q",))
    for hour in (0, 1):
        derive(changed, hour, MODEL)
    learnt = [rows(one, "item_factors", "item_id", "factors", hour=1) for one in (settings, changed)]
    assert learnt[0] == learnt[1] and "q" in dict(learnt[0])


def test_a_bad_model_is_refused_and_the_last_good_version_stays(
    shop: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_bad(shop, 2, monkeypatch)
    with pytest.raises(
        AuditFailed, match=r"finds less than 0\.9 times the hidden items .* predecessor of 2026-01-05T11"
    ):
        list(run_stages(["evaluate", "recommend", "publish", "report"], FIRST + 2 * HOUR, shop))
    failure = read_failure(Run(FIRST + 2 * HOUR, shop), "evaluate")
    assert failure and not findings(failure)["model_worse"]["passed"]
    assert findings(failure)["model_worse"]["observed"] < 0.7
    with pytest.raises(NotLanded):
        run_stage("recommend", FIRST + 2 * HOUR, shop)
    engine = connect(shop.serving)
    with reading(engine) as connection:
        assert str(connection.scalar(select(live.c.version))).startswith("2026-01-05T11-")
        told = connection.execute(
            select(quality_results.c.sentence, quality_results.c.passed).where(quality_results.c.rule == "model_worse")
        ).all()
    engine.dispose()
    assert [row.passed for row in told] == [False] and "beyond chance" in told[0].sentence
    page = (shop.reports / "2026-01-05" / "12.html").read_text(encoding="utf-8")
    assert "The model beside its predecessor" in page and "evaluate failed" in page
    assert "Its predecessor is that of 2026-01-05T11." in page
    (state,) = hour_states(shop, FIRST + 2 * HOUR, 1)
    assert "--accept WHY" in state["failures"][0]


def test_a_refused_model_is_nobodys_predecessor(shop: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    run_bad(shop, 2, monkeypatch)
    with pytest.raises(AuditFailed):
        run_stage("evaluate", FIRST + 2 * HOUR, shop)
    derive(shop, 3, MODEL)
    assert named(shop, 3) == "2026-01-05T11"


def test_lists_of_few_items_are_refused(shop: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    run_bad(shop, 2, monkeypatch, point_at_one_group)
    wide = shop.model_copy(update={"predecessor_limit": 0.0, "coverage_limit": 0.7})
    with pytest.raises(AuditFailed, match=r"lists of the held-out users hold .* those of the predecessor"):
        run_stage("evaluate", FIRST + 2 * HOUR, wide)
    run_stage("evaluate", FIRST + 2 * HOUR, wide.model_copy(update={"coverage_limit": 0.0}))


def test_a_model_that_knows_none_of_the_held_out_users_is_refused(
    shop: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rename(path: Path, column: str, ids: list[str], vectors: np.ndarray) -> None:
        write_factors(path, column, [f"x{one}" for one in ids] if column == "user_id" else ids, vectors)

    with monkeypatch.context() as patched:
        patched.setattr(training, "write_factors", rename)
        derive(shop, 2, ("prepare", "train"))
    with pytest.raises(AuditFailed, match="held-out users the model knows 0"):
        run_stage("evaluate", FIRST + 2 * HOUR, shop)


def test_a_backfill_meets_only_its_own_past(shop: Settings) -> None:
    derive(shop, 3, MODEL)  # a later hour, with a model of its own
    derive(shop, 2, MODEL)
    assert named(shop, 2) == "2026-01-05T11"
    assert named(shop, 3) == "2026-01-05T11"  # as it was when it ran


def test_an_hour_that_could_not_be_published_is_nobodys_predecessor(
    shop: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    derive(shop, 2, (*MODEL, "recommend"))
    derive(shop, 3, MODEL)
    assert named(shop, 3) == "2026-01-05T12"  # nobody has tried to publish it yet
    with pytest.raises(Exception, match="does not answer"):
        run_stage(
            "publish", FIRST + 2 * HOUR, shop.model_copy(update={"serving_url": "postgresql+psycopg://127.0.0.1:9/x"})
        )
    assert all(result.is_same for result in verify_hour(FIRST + 3 * HOUR, shop)[0])  # beside the one that it had
    derive(shop, 3, ("evaluate",))
    assert named(shop, 3) == "2026-01-05T11"
    derive(shop, 2, ("publish",))
    derive(shop, 3, ("evaluate",))
    assert named(shop, 3) == "2026-01-05T12"


def test_a_model_whose_tables_have_been_made_anew_or_that_is_too_old_is_none(
    shop: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    derive(shop.model_copy(update={"factors": 5}), 1, ("train",))  # nobody has judged this one
    derive(shop, 2, MODEL)
    assert named(shop, 2) == "2026-01-05T10"
    monkeypatch.setattr(predecessor, "LOOK_BACK", 1)
    derive(shop, 2, MODEL)
    assert "predecessor" not in facts(shop, 2)


def test_a_predecessor_of_another_width_is_asked_with_its_own(shop: Settings) -> None:
    derive(shop.model_copy(update={"factors": 12}), 2, MODEL)
    assert facts(shop, 2)["predecessor_recall"] > 0.6


def test_few_held_out_users_are_compared_with_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = open_two_groups(tmp_path, 2).model_copy(update={"holdout_share": 0.05})
    derive(settings, 0, MODEL)
    run_bad(settings, 1, monkeypatch)
    result = run_stage("evaluate", FIRST + HOUR, settings)
    assert result.notes[-1].startswith("warning: evaluation: only ")


def test_an_accepted_model_is_published_and_why_stands_everywhere(
    shop: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    hour = FIRST + 2 * HOUR
    run_bad(shop, 2, monkeypatch)
    list(run_stages(["evaluate", "recommend", "publish", "report"], hour, shop, accept=f"  {WHY}\x1b\n"))
    manifest = read_manifest(Run(hour, shop), "evaluate")
    assert manifest and manifest["facts"]["accepted"] == {"gates": ["model_worse"], "why": WHY}
    assert not findings(manifest)["model_worse"]["passed"]
    assert findings(manifest)["model_accepted"]["sentence"].endswith(f"accepted all the same: {WHY}")
    engine = connect(shop.serving)
    with reading(engine) as connection:
        assert str(connection.scalar(select(live.c.version))).startswith("2026-01-05T12-")
        found = connection.scalars(select(quality_results.c.sentence).where(quality_results.c.rule == "model_accepted"))
        assert [WHY in sentence for sentence in found] == [True]
    engine.dispose()
    assert f"and accepted: {WHY}" in (shop.reports / "2026-01-05" / "12.html").read_text(encoding="utf-8")
    (state,) = hour_states(shop, hour, 1)
    assert any(WHY in warning for warning in state["warnings"])
    derive(shop, 3, MODEL)
    assert named(shop, 3) == "2026-01-05T12"


def test_lists_of_an_accepted_model_that_recommends_few_items_are_published(
    shop: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    hour, few = FIRST + 2 * HOUR, shop.model_copy(update={"compare_min_users": 1, "coverage_limit": 0.95})
    run_bad(few, 2, monkeypatch, point_at_one_group)
    derive(few.model_copy(update={"coverage_limit": 0.0, "predecessor_limit": 0.0}), 2, ("evaluate", "recommend"))
    with pytest.raises(AuditFailed, match="users' lists recommend"):
        run_stage("publish", hour, few)
    list(run_stages(["evaluate", "recommend", "publish"], hour, few, accept=WHY))
    assert "model_coverage_collapsed" in facts(few, 2)["accepted"]["gates"]


def test_an_acceptance_holds_for_its_model_alone(shop: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    hour = FIRST + 2 * HOUR
    run_bad(shop, 2, monkeypatch)
    run_stage("evaluate", hour, shop, accept=WHY)
    run_stage("evaluate", hour, shop)  # again, of the same model
    assert facts(shop, 2)["accepted"]["why"] == WHY
    run_bad(shop, 2, monkeypatch, lambda column, vectors: shuffle(column, vectors) * 1.5)
    with pytest.raises(AuditFailed, match="beyond chance"):
        run_stage("evaluate", hour, shop)


def test_a_broken_model_cannot_be_accepted(shop: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    run_bad(shop, 2, monkeypatch, lambda column, vectors: np.zeros_like(vectors))
    with pytest.raises(AuditFailed, match="the model learnt nothing"):
        run_stage("evaluate", FIRST + 2 * HOUR, shop, accept=WHY)


def test_an_hour_is_verified_beside_the_predecessor_it_had_and_as_it_was_accepted(shop: Settings) -> None:
    derive(shop, 3, MODEL)  # beside hour 1
    derive(shop, 2, WHOLE)
    results, remarks = verify_hour(FIRST + 3 * HOUR, shop)
    assert {result.table for result in results} > {"evaluation"} and all(result.is_same for result in results)
    assert remarks == [f"{stage} has not landed, so it is not verified" for stage in ("recommend", "review")]
    # A model of hour 3 that was accepted, as the manifest says: its bytes are those of any, here of an equal one.
    strict = shop.model_copy(update={"predecessor_limit": 9.0})
    with pytest.raises(AuditFailed, match="finds less than 9 times"):
        run_stage("evaluate", FIRST + 3 * HOUR, strict)
    run_stage("evaluate", FIRST + 3 * HOUR, strict, accept=WHY)
    results, _ = verify_hour(FIRST + 3 * HOUR, shop)
    assert all(result.is_same for result in results)


def test_the_same_hour_gives_the_same_bytes_on_any_number_of_threads(shop: Settings) -> None:
    path = hour_folder(shop.lake, FIRST + HOUR) / "evaluate.json"
    before = json.loads(path.read_text())["tables"]
    run_stage("evaluate", FIRST + HOUR, shop.model_copy(update={"threads": 1}))
    assert json.loads(path.read_text())["tables"] == before
