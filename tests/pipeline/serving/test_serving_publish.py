"""Outcomes of publishing: what moves the pointer, what does not, and what an attempt leaves behind."""

from collections.abc import Callable
from pathlib import Path

import pytest
from serving_world import count_rows, describe, everything, live_id, moves, small_version, write_tables
from sqlalchemy import Engine, delete, select, update

from pipeline.errors import AuditFailed, BadInput
from pipeline.serving.database import connect, reading, writing
from pipeline.serving.load import clear_rows, load_table
from pipeline.serving.pointer import take_token
from pipeline.serving.publish import describe_version, publish_version
from pipeline.serving.schema import PUBLISHED, live, live_history, run_stages, user_recommendations, versions

Publish = Callable[..., str]


def test_first_version_goes_live(engine: Engine, publish: Publish) -> None:
    assert publish() == "live"
    assert live_id(engine) == describe().version
    assert moves(engine) == [(describe().version, "publish")]


def test_newer_hour_replaces_the_live_one_and_both_are_kept(engine: Engine, publish: Publish) -> None:
    publish(0)
    assert publish(1) == "live"
    assert live_id(engine) == describe(1).version
    assert [count_rows(engine, "popular_items", describe(hour).version) for hour in (0, 1)] == [4, 4]


def test_publishing_twice_changes_nothing_at_all(engine: Engine, publish: Publish) -> None:
    publish()
    before = everything(engine)
    assert publish() == "unchanged"
    assert everything(engine) == before


def test_older_hour_becomes_history_and_leaves_the_pointer(engine: Engine, publish: Publish) -> None:
    publish(1)
    assert publish(0) == "history"
    assert live_id(engine) == describe(1).version
    assert len(moves(engine)) == 1
    assert count_rows(engine, "user_recommendations", describe(0).version) == 3


def test_an_old_version_published_again_is_unchanged_and_not_live(engine: Engine, publish: Publish) -> None:
    publish(0)
    publish(1)
    before = everything(engine)
    assert publish(0) == "unchanged"
    assert everything(engine) == before


def test_same_hour_with_other_content_is_another_version(engine: Engine, publish: Publish) -> None:
    publish(0)
    assert publish(0, content="repaired") == "live"
    assert live_id(engine) == describe(0, "repaired").version != describe(0).version


def test_attempt_that_slept_through_a_later_one_of_its_hour_does_not_move_the_pointer(
    engine: Engine, publish: Publish
) -> None:
    sleeper = take_token(engine, "the sleeper")
    publish(0, content="later attempt")
    assert publish(0, content="sleeper", token=sleeper) == "superseded"
    assert live_id(engine) == describe(0, "later attempt").version


def test_version_content_decides_its_id() -> None:
    def identify(**changes: object) -> str:
        facts: dict[str, object] = {"source": "shop", "arm": "batch", "hashes": {"a": "1", "b": "2"}, "max_rank": 20}
        start = describe().interval_start
        return describe_version(
            interval_start=start, interval_end=start, data_cutoff=start, code_version="x", **{**facts, **changes}
        ).version  # type: ignore[arg-type]

    assert identify() == identify(hashes={"b": "2", "a": "1"})
    others = [{"source": "s"}, {"arm": "s"}, {"hashes": {"a": "2", "b": "1"}}, {"max_rank": 10}]
    assert len({identify(), *(identify(**other) for other in others)}) == 5


def test_arms_and_sources_have_pointers_of_their_own(engine: Engine, files: dict[str, Path], publish: Publish) -> None:
    publish(1)
    assert publish_version(engine, describe(0, arm="stream"), files) == "live"
    with reading(engine) as connection:
        assert len(connection.execute(select(live_history.c.arm).distinct()).all()) == 2


def test_only_ranks_up_to_the_limit_are_published(engine: Engine, files: dict[str, Path]) -> None:
    version = describe(max_rank=1)
    assert publish_version(engine, version, files) == "live"
    assert count_rows(engine, "popular_items", version.version) == 2
    assert count_rows(engine, "items", version.version) == 4


def test_several_files_make_one_table(engine: Engine, files: dict[str, Path], tmp_path: Path) -> None:
    more = {"user_id": ["u3"], "rank": [1], "item_id": ["a"], "score": [1.0], "reason": ['["popular"]']}
    other = write_tables(tmp_path / "more", {"user_recommendations": more})["user_recommendations"]
    tables = {**files, "user_recommendations": [files["user_recommendations"], other]}
    assert publish_version(engine, describe(), tables) == "live"
    assert count_rows(engine, "user_recommendations", describe().version) == 4


def test_stages_are_recorded_with_the_publishing_itself(engine: Engine, files: dict[str, Path]) -> None:
    train = {"stage": "train", "seconds": 2.5, "cpu_seconds": 4.0, "peak_rss_mb": 100.0, "rows_in": 7, "rows_out": 3}
    publish_version(engine, describe(), files, [train])
    with reading(engine) as connection:
        rows = connection.execute(select(run_stages).order_by(run_stages.c.stage)).mappings().all()
    assert [row["stage"] for row in rows] == ["publish", "train"]
    assert dict(rows[1]) == {"version": describe().version, **train}
    assert rows[0]["rows_out"] == 14


def test_report_hears_of_every_table(engine: Engine, files: dict[str, Path]) -> None:
    heard: dict[str, int] = {}
    publish_version(engine, describe(), files, report=lambda table, rows, seconds: heard.update({table: rows}))
    assert heard == {
        "items": 4,
        "user_recommendations": 3,
        "query_recommendations": 1,
        "similar_items": 2,
        "popular_items": 4,
    }


def test_missing_table_is_named(engine: Engine, files: dict[str, Path]) -> None:
    del files["similar_items"]
    with pytest.raises(BadInput, match="similar_items"):
        publish_version(engine, describe(), files)


def test_failed_version_is_loaded_again_when_it_is_repaired(
    engine: Engine, files: dict[str, Path], tmp_path: Path
) -> None:
    broken = small_version()
    broken["popular_items"]["rank"] = [1, 2, 4, 1]
    with pytest.raises(AuditFailed):
        publish_version(engine, describe(), write_tables(tmp_path / "broken", broken))
    assert publish_version(engine, describe(), files) == "live"
    assert count_rows(engine, "popular_items", describe().version) == 4
    with reading(engine) as connection:
        row = connection.execute(select(versions.c.status, versions.c.notes)).one()
    assert tuple(row) == ("published", None)


def test_rows_that_a_killed_attempt_left_are_cleared_first(
    engine: Engine, files: dict[str, Path], publish: Publish
) -> None:
    version = describe().version
    publish()  # a row in versions to go back to loading
    with writing(engine) as connection:
        connection.execute(delete(live))  # of a live version nothing is ever cleared
        for table in PUBLISHED:
            if engine.dialect.name == "postgresql":
                connection.exec_driver_sql(f'drop table "{table.name}_{version}"')
            clear_rows(connection, table, version)
        load_table(connection, user_recommendations, version, [files["user_recommendations"]])
        connection.execute(update(versions).values(status="loading", published_at=None))
        connection.execute(delete(run_stages))
    publish()
    assert count_rows(engine, "user_recommendations", version) == 3
    with reading(engine) as connection:
        assert connection.scalar(select(versions.c.status)) == "published"


def test_published_version_is_never_written_again(engine: Engine, files: dict[str, Path], tmp_path: Path) -> None:
    publish_version(engine, describe(), files)
    other = small_version()
    other["items"]["title"] = ["another"] * 4
    before = everything(engine)
    assert publish_version(engine, describe(), write_tables(tmp_path / "other", other)) == "unchanged"
    assert everything(engine) == before


def test_tokens_rise_and_are_never_given_twice(engine: Engine) -> None:
    first = [take_token(engine, "x") for _ in range(3)]
    with writing(engine) as connection:
        connection.exec_driver_sql("delete from attempts")
    assert first == sorted(set(first))
    assert take_token(engine, "x") > first[-1]


def test_pointer_moves_are_numbered_in_order(engine: Engine, publish: Publish) -> None:
    for hour in (2, 3, 1, 4):
        publish(hour)
    assert moves(engine) == [(describe(hour).version, "publish") for hour in (2, 3, 4)]


@pytest.mark.timeout(30)
def test_publishing_waits_for_no_reader_and_holds_none_up(
    engine: Engine, files: dict[str, Path], serving_url: str
) -> None:
    publish_version(engine, describe(0), files)
    analyst = connect(serving_url)
    with reading(analyst) as connection:
        before = connection.exec_driver_sql("select count(*) from live_user_recommendations").scalar()
        assert publish_version(engine, describe(1), files) == "live"
        assert connection.exec_driver_sql("select count(*) from live_user_recommendations").scalar() == before
    analyst.dispose()
    assert live_id(engine) == describe(1).version


def test_a_version_from_elsewhere_is_refused_before_it_reaches_an_identifier(
    engine: Engine, files: dict[str, Path]
) -> None:
    with writing(engine) as connection:
        for name in ('x"; drop table live; --', "2026-01-01T13-3fa9c1d2e4b7'", "", "2026-01-01T13-3FA9C1D2E4B7"):
            with pytest.raises(BadInput, match="is not a version"):
                load_table(connection, user_recommendations, name, [files["user_recommendations"]])
