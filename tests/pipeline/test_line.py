"""The line: which stages there are, in which order, and hours that go together or one by one."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import handmade_shop
import pytest
from handmade_shop import event, item, open_shop

from pipeline import line
from pipeline.errors import AuditFailed, BadInput
from pipeline.hours import HOUR, parse_hour
from pipeline.line import STAGES, choose_stages, run_stage, run_stage_of_hours
from pipeline.run import Run, StageResult
from pipeline.settings import Settings, load_settings
from pipeline.tables import PRODUCERS
from pipeline.verify import verify_hour

FIRST = parse_hour("2026-01-01T00")
HOURS = [FIRST, FIRST + HOUR, FIRST + 2 * HOUR]


def test_every_stage_is_a_function_in_a_module_of_its_name() -> None:
    for stage in STAGES:
        assert callable(getattr(import_module(f"pipeline.stages.{stage}"), stage))


def test_every_stage_stands_after_what_it_waits_for() -> None:
    names = list(STAGES)
    assert all(names.index(before) < names.index(stage) for stage, waits in STAGES.items() for before in waits)


def test_every_table_is_landed_by_a_stage_of_the_line() -> None:
    assert set(PRODUCERS.values()) <= set(STAGES)


def test_a_home_may_be_called_anything_and_is_never_taken_for_another(tmp_path: Path) -> None:
    """Its name is a pattern that another home fits, ends a text, or spells another name in a URL."""
    homes = {name: tmp_path / name for name in ("it's 50%41 aaa", "it's 50%41 a?*")}
    for home in homes.values():  # of equal shops, whose files have equal names
        clicks = [event("click", f"u{user}", f"i{(user + step) % 5}") for user in range(6) for step in range(3)]
        own = open_shop(home, [item(f"i{number}") for number in range(5)], clicks)
        for stage in STAGES:
            run_stage(stage, handmade_shop.FIRST, own)
    for name, home in homes.items():
        results, _ = verify_hour(handmade_shop.FIRST, load_settings(home=home))  # by the settings of its manifests
        assert all(result.is_same for result in results), name
        assert (home / "serving.db").exists() and (home / "shop.db").exists()


def test_chosen_stages_run_in_the_order_of_the_line_whatever_order_they_are_named_in() -> None:
    assert choose_stages(None) == list(STAGES)
    assert choose_stages("train, prepare") == ["prepare", "train"]


def test_an_unknown_stage_is_answered_with_the_valid_ones() -> None:
    with pytest.raises(BadInput, match=r"clean, polish is not a stage; the stages are ingest_events, .*, publish"):
        choose_stages("polish,prepare,clean")
    with pytest.raises(BadInput, match="no stage is named in ' , '"):
        choose_stages(" , ")


@pytest.fixture
def stage_module(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> SimpleNamespace:
    """A stage `count` that refuses the hour named in `refused`, alone and among others."""
    module = SimpleNamespace(refused="", done=[], together=0)

    def count(run: Run) -> StageResult:
        if run.name == module.refused:
            raise AuditFailed(f"{run.name}: refused")
        module.done.append(run.name)
        return StageResult("count", run.name, 1, 1, 0.0)

    def count_of_hours(runs: Sequence[Run]) -> list[StageResult]:
        module.together += 1
        if module.refused in {run.name for run in runs}:
            raise AuditFailed("some hour: refused")
        return [count(run) for run in runs]

    module.count, module.count_of_hours = count, count_of_hours
    monkeypatch.setattr(line, "import_module", lambda name: module)
    monkeypatch.setitem(STAGES, "count", ("prepare",))
    return module


def test_hours_go_together_where_the_stage_knows_how_to(stage_module: SimpleNamespace, settings: Settings) -> None:
    results = list(run_stage_of_hours("count", HOURS, settings))
    assert [result.hour for result in results] == ["2026-01-01T00", "2026-01-01T01", "2026-01-01T02"]
    assert stage_module.together == 1


def test_when_one_hour_is_refused_those_before_it_are_done_and_the_error_names_it(
    stage_module: SimpleNamespace, settings: Settings
) -> None:
    stage_module.refused = "2026-01-01T01"
    with pytest.raises(AuditFailed, match="2026-01-01T01: refused"):
        list(run_stage_of_hours("count", HOURS, settings))
    assert stage_module.done == ["2026-01-01T00"]


def test_a_defect_is_not_tried_again_hour_by_hour(stage_module: SimpleNamespace, settings: Settings) -> None:
    def crash(runs: Sequence[Run]) -> list[StageResult]:
        raise ZeroDivisionError

    stage_module.count_of_hours = crash
    with pytest.raises(ZeroDivisionError):
        list(run_stage_of_hours("count", HOURS, settings))
    assert stage_module.done == []


@pytest.fixture
def settings(tmp_path: object) -> Settings:
    return Settings(home=tmp_path)  # type: ignore[arg-type]
