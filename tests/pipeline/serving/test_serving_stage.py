"""The stage `publish`: from the lake's manifests to a version in the serving database."""

import json
from pathlib import Path
from typing import Any

import pytest
from serving_world import HOUR, small_version, write_tables
from sqlalchemy import Engine

from pipeline.errors import AuditFailed, NotLanded, Unreachable
from pipeline.files import code_version, hash_file
from pipeline.lake import Work, hour_folder, read_manifest
from pipeline.ruling import Ruling
from pipeline.run import Run
from pipeline.serving.database import reading
from pipeline.serving.publish import describe_version, publish_version
from pipeline.serving.read import freshness, list_versions
from pipeline.settings import load_settings
from pipeline.stages import publish as stage
from pipeline.stages.publish import count_empty_places, publish
from pipeline.tables import PRODUCERS


def land(run: Run, tables: dict[str, Any], facts: dict[str, Any] | None = None) -> None:
    """The tables stand in the lake as if their stages had landed them."""
    folder = hour_folder(run.lake, run.hour)
    for name, path in write_tables(folder, tables).items():
        stage = PRODUCERS[name]
        manifest = read_manifest(run, stage) or {
            "stage": stage,
            "inputs": {},
            "tables": {},
            "facts": {"tier": {"name": "behaviour"}} if stage == "prepare" else {},
            "timings": {"seconds": 1.5, "cpu_seconds": 1.0, "peak_rss_mb": 9.0},
            "rows_in": 3,
            "rows_out": 2,
        }
        manifest["tables"][name] = {"file": path.name, "sha256": hash_file(path)}
        (folder / f"{stage}.json").write_text(json.dumps(manifest))
    if facts is not None:
        (folder / "ingest_events.json").write_text(json.dumps({**manifest, "stage": "ingest_events", "facts": facts}))


def bought(*pairs: tuple[str, str]) -> dict[str, Any]:
    users, items = zip(*pairs, strict=True)
    return {"user_id": users, "item_id": items, "last_at": [HOUR] * len(pairs)}


def full_version() -> dict[str, Any]:
    """The small version with every list as long as it can be, up to two items; `u2` bought all but one."""
    tables = small_version() | {"bought": bought(("u2", "a"), ("u2", "b"), ("u9", "a"))}
    tables["shop_rules"] = {"line": [2], "rule": ["block"], "item_id": ["b"], "category": ["none"], "value": [0.0]}
    tables["shop_rules"] |= {"is_active": [False]}
    similar = {"item_id": ["a", "a", "b", "b", "gone", "gone"], "similar_item_id": ["b", "c", "a", "c", "a", "b"]}
    tables["similar_items"] = similar | {"rank": [1, 2] * 3, "score": [0.5, 0.25] * 3, "reason": ['["popular"]'] * 6}
    tables["query_recommendations"] = {
        "query": ["gears of war"] * 2,
        "rank": [1, 2],
        "item_id": ["b", "a"],
        "score": [3.0, 0.0],
        "reason": ['["clicked"]', '["popular"]'],
        "is_common": [True, True],
    }
    return tables


@pytest.fixture
def run(tmp_path: Path, serving_url: str) -> Run:
    return Run(HOUR, load_settings(home=tmp_path / "var", serving_url=serving_url, k=2))


def test_stage_publishes_what_the_lake_holds_up_to_k(run: Run, engine: Engine) -> None:
    land(run, full_version())
    result = publish(run)
    assert (result.stage, result.hour, result.rows_in, result.rows_out) == ("publish", "2026-01-01T13", 19, 18)
    assert result.facts["outcome"] == "live"
    assert result.notes[-1] == f"version {result.facts['version']} is live"
    (version,) = list_versions(engine, "shop", "batch")
    assert (version["version"], version["row_count"], version["is_live"]) == (result.facts["version"], 18, True)
    assert (version["content_hash"], version["code_version"]) == (result.facts["content_hash"], code_version())
    assert (version["interval_start"], version["interval_end"], version["data_cutoff"]) == (HOUR, run.end, run.end)
    with reading(engine) as connection:
        assert connection.exec_driver_sql("select tier from versions").scalars().all() == ["behaviour"]
        stages = connection.exec_driver_sql("select stage from run_stages").scalars().all()
    assert set(stages) == {"ingest_catalog", "prepare", "recommend", "publish"}
    manifest = read_manifest(run, "publish")
    assert manifest is not None
    assert set(manifest["inputs"]) == set(full_version())


def test_stage_run_again_changes_nothing(run: Run, engine: Engine) -> None:
    land(run, full_version())
    first, second = publish(run), publish(run)
    assert (second.facts["outcome"], second.rows_out) == ("unchanged", 0)
    assert second.facts["version"] == first.facts["version"]
    assert len(list_versions(engine, "shop", "batch")) == 1


def test_data_cutoff_is_the_end_of_the_hour(run: Run, engine: Engine) -> None:
    land(run, full_version())
    publish(run)
    assert freshness(engine)[0]["data_cutoff"] == run.end


def test_stage_that_is_refused_leaves_its_sentence_in_the_lake(run: Run) -> None:
    broken = full_version()
    broken["user_recommendations"]["item_id"] = ["a", "gone", "c"]
    land(run, broken)
    with pytest.raises(AuditFailed, match="not available"):
        publish(run)
    evidence = json.loads((hour_folder(run.lake, run.hour) / "failed" / "publish" / "manifest.json").read_text())
    assert "not available" in evidence["sentence"]


def test_nothing_landed_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(NotLanded, match="which has not landed"):
        publish(Run(HOUR, load_settings(home=tmp_path)))


def test_database_that_does_not_answer_is_one_sentence(tmp_path: Path) -> None:
    run = Run(HOUR, load_settings(home=tmp_path, serving_url="postgresql://me:canary@127.0.0.1:1/shop"))
    land(run, full_version())
    with pytest.raises(Unreachable, match="does not answer") as caught:
        publish(run)
    assert "canary" not in str(caught.value)


def test_what_every_gate_of_the_version_found_stands_in_the_manifest(run: Run) -> None:
    land(run, full_version())
    publish(run)
    manifest = read_manifest(run, "publish")
    assert manifest is not None
    found = {one["rule"]: (one["table"], one["passed"], one["observed"]) for one in manifest["quality"]}
    gates = ("rows_lost", "ranks_broken", "items_repeated", "lists_not_filled", "scores_not_finite")
    gates += ("items_not_in_catalog", "items_not_available", "items_blocked", "popular_list_empty")
    assert found == dict.fromkeys(gates, ("version", True, 0.0))
    publish(run)  # the version is there: what was found stays on record
    again = read_manifest(run, "publish")
    assert again is not None
    assert again["quality"] == manifest["quality"]


def test_what_a_refused_version_broke_stands_in_the_evidence(run: Run) -> None:
    broken = full_version()
    broken["bought"] = bought(("u2", "a"))  # so one of the places of u2 should be filled
    land(run, broken)
    with pytest.raises(AuditFailed, match="user_recommendations: 1 places are empty, in 1 lists of up to 2 items"):
        publish(run)
    evidence = json.loads((hour_folder(run.lake, run.hour) / "failed" / "publish" / "manifest.json").read_text())
    (failed,) = [one for one in evidence["quality"] if not one["passed"]]
    assert (failed["rule"], failed["severity"], failed["observed"]) == ("lists_not_filled", "critical", 1.0)


def test_a_superseded_attempt_lands_nothing_and_is_no_failure(
    run: Run, engine: Engine, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It read its tables, then another attempt of the hour took the next token and published other content."""
    land(run, full_version())

    def publish_other_first(work: Work, ruling: Ruling) -> int:
        other = describe_version("shop", "batch", run.hour, run.end, run.end, {"items": "other"}, "code")
        assert publish_version(engine, other, files) == "live"
        return count_empty_places(work, ruling)

    monkeypatch.setattr(stage, "count_empty_places", publish_other_first)
    result = publish(run)
    assert result.is_superseded
    assert "is superseded: a later attempt of 2026-01-01T13 has published" in result.notes[-1]
    folder = hour_folder(run.lake, run.hour)
    assert not (folder / "publish.json").exists()
    assert not (folder / "failed").exists()
    assert [one["status"] for one in list_versions(engine, "shop", "batch")] == ["published", "superseded"]
