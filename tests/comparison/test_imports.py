"""The judge knows no arm: what it imports, directly or through others, is named here and nothing else."""

import grimp
import pytest

JUDGE = {"bundle", "check", "validate", "quality", "service", "worth", "verdict", "judge", "cards", "plots", "page"}
JUDGE |= {"causes", "mishaps"}
ALLOWED = {f"pipeline.comparison.{name}" for name in JUDGE} | {"pipeline", "pipeline.comparison"}
ALLOWED |= {f"pipeline.{name}" for name in ("duck", "errors", "failpoints", "files", "metrics", "prices", "seeds")}
ALLOWED |= {"pipeline.settings", "pipeline.setting_groups", "pipeline.hours"}  # what duck is set up by
ALLOWED |= {"pipeline.report", "pipeline.report.html", "pipeline.report.charts"}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("pipeline")


@pytest.mark.parametrize("name", sorted(JUDGE))
def test_the_judge_reaches_no_arm_no_stage_no_lake_and_no_serving_side(graph: grimp.ImportGraph, name: str) -> None:
    reached = graph.find_upstream_modules(f"pipeline.comparison.{name}")
    assert reached <= ALLOWED, reached - ALLOWED
