"""Readers get one version, something to show whoever they are, and a reason in words; rollback and freshness."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from serving_world import HOUR, describe, live_id, moves
from sqlalchemy import Engine, text

from pipeline.errors import AuditFailed, BadInput, NotLanded
from pipeline.serving.database import connect, reading
from pipeline.serving.publish import publish_version
from pipeline.serving.read import (
    explain,
    freshness,
    list_versions,
    live_version,
    read_query,
    read_similar,
    read_user,
)
from pipeline.serving.rollback import rollback

Publish = Callable[..., str]


def test_known_user_gets_the_personal_list_with_titles_prices_and_reasons(engine: Engine, publish: Publish) -> None:
    publish()
    answer = read_user(engine, "shop", "batch", "u1")
    assert (answer.served_reason, answer.version) == ("personal", describe().version)
    first, second, fill = answer.rows
    assert (fill.item_id, fill.source, fill.reason) == ("c", "popular", "popular right now")
    assert (first.rank, first.item_id, first.title, first.price, first.currency) == (1, "a", "HALO 3", 19.99, "USD")
    assert (first.score, first.reason) == (0.9, "because you searched for 'gears of war'")
    assert second.reason == "because you bought HALO 3"


def test_unknown_user_gets_the_popular_list_and_it_says_so(engine: Engine, publish: Publish) -> None:
    publish()
    answer = read_user(engine, "shop", "batch", "nobody' or 1=1 --")
    assert answer.served_reason == "popular"
    assert [(row.rank, row.item_id) for row in answer.rows] == [(1, "c"), (2, "a"), (3, "b")]
    assert {row.reason for row in answer.rows} == {"popular right now"}


def test_query_and_item_have_lists_and_fall_back_to_popular(engine: Engine, publish: Publish) -> None:
    publish()
    assert read_query(engine, "shop", "batch", "gears of war").served_reason == "query"
    assert read_query(engine, "shop", "batch", "nothing like it").served_reason == "popular"
    similar = read_similar(engine, "shop", "batch", "a")
    assert (similar.served_reason, similar.rows[0].item_id, similar.rows[0].reason) == (
        "similar",
        "b",
        "similar to HALO 3",
    )
    assert read_similar(engine, "shop", "batch", "unknown").served_reason == "popular"


def test_nothing_published_is_one_sentence(engine: Engine, publish: Publish, tmp_path: Path) -> None:
    for read in (read_user, read_query, read_similar):
        with pytest.raises(
            NotLanded, match="nothing is published yet for source shop, arm batch; run `treasure-hunt run"
        ):
            read(engine, "shop", "batch", "x")
    with pytest.raises(NotLanded, match="nothing is published yet"):
        rollback(engine, "shop", "batch")
    empty = connect(f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(NotLanded, match="nothing is published yet"):
        live_version(empty, "shop", "batch")
    empty.dispose()


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ('["searched","gears of war"]', "because you searched for 'gears of war'"),
        ('["clicked","a"]', "because you looked at HALO 3"),
        ('["clicked","a","a"]', "because you looked at HALO 3"),  # as two items of one title
        ('["clicked"]', "often clicked after this search"),
        ('["added_to_cart","a"]', "because you put HALO 3 in your cart"),
        ('["bought_together","a","b"]', "because you bought HALO 3 and b"),
        ('["similar","untitled"]', "similar to untitled"),
        ('["popular"]', "popular right now"),
        ('["popular","games {x}"]', "popular in games {x}"),
        ('["unheard of","a"]', "recommended for you"),
        ("[]", "recommended for you"),
        ("{", "recommended for you"),
        ('"popular"', "recommended for you"),
        ("[1]", "recommended for you"),
    ],
)
def test_reason_becomes_a_sentence_when_it_is_read(reason: str, sentence: str) -> None:
    assert explain(reason, {"a": "HALO 3", "untitled": None}) == sentence


def test_views_show_only_what_is_live(engine: Engine, publish: Publish, files: dict[str, Path]) -> None:
    publish(0)
    publish(1)
    broken = {**files, "similar_items": files["items"]}
    with pytest.raises(AuditFailed):
        publish_version(engine, describe(2), broken)
    with reading(engine) as connection:
        for table, rows in {"items": 4, "user_recommendations": 3, "similar_items": 2, "popular_items": 4}.items():
            found = connection.execute(text(f"select source, arm, version from live_{table}")).all()
            assert [tuple(row) for row in found] == [("shop", "batch", describe(1).version)] * rows


def test_age_is_counted_from_the_data_cutoff_and_never_below_zero(engine: Engine, files: dict[str, Path]) -> None:
    publish_version(engine, describe(0), files)
    publish_version(engine, describe(24 * 365 * 200, arm="future"), files)
    row, future = freshness(engine)
    assert (row["source"], row["arm"], row["version"]) == ("shop", "batch", describe().version)
    assert (row["interval_start"], row["data_cutoff"]) == (HOUR, HOUR + timedelta(hours=1))
    lag = (row["published_at"] - row["data_cutoff"]).total_seconds()
    assert row["published_lag_seconds"] == pytest.approx(lag, abs=0.01)
    assert 0 <= row["age_seconds"] - lag < 60
    assert live_version(engine, "shop", "batch").age_seconds == pytest.approx(row["age_seconds"], abs=60)
    assert future["age_seconds"] == 0


def test_versions_are_listed_newest_first_with_the_live_one_marked(engine: Engine, publish: Publish) -> None:
    publish(0)
    publish(2)
    publish(1)
    listed = list_versions(engine, "shop", "batch")
    assert [row["version"] for row in listed] == [describe(hour).version for hour in (2, 1, 0)]
    assert [row["is_live"] for row in listed] == [True, False, False]
    assert listed[0]["row_count"] == 14
    assert list_versions(engine, "shop", "other") == []


def test_rollback_goes_to_the_version_before_and_is_recorded(engine: Engine, publish: Publish) -> None:
    for hour in (0, 1, 2):
        publish(hour)
    assert rollback(engine, "shop", "batch") == describe(1).version
    assert rollback(engine, "shop", "batch") == describe(0).version
    assert live_id(engine) == describe(0).version
    assert moves(engine)[-2:] == [(describe(1).version, "rollback"), (describe(0).version, "rollback")]
    assert read_user(engine, "shop", "batch", "u1").version == describe(0).version


def test_rollback_within_an_hour_goes_to_the_attempt_before(engine: Engine, publish: Publish) -> None:
    publish(0, content="first")
    publish(0, content="second")
    assert rollback(engine, "shop", "batch") == describe(0, "first").version


def test_rollback_to_a_named_version(engine: Engine, publish: Publish) -> None:
    for hour in (0, 1, 2):
        publish(hour)
    assert rollback(engine, "shop", "batch", describe(0).version) == describe(0).version
    assert rollback(engine, "shop", "batch", describe(2).version) == describe(2).version


def test_rollback_to_what_is_not_there_is_refused_with_what_is(
    engine: Engine, publish: Publish, files: dict[str, Path]
) -> None:
    publish(0)
    with pytest.raises(BadInput, match=rf"there is no version before it \(.*\)\. Kept are: {describe(0).version}\."):
        rollback(engine, "shop", "batch")
    publish(1)
    with pytest.raises(AuditFailed):
        publish_version(engine, describe(2), {**files, "similar_items": files["items"]})
    for target in ("2020-01-01T00-000000000000", describe(2).version, "'; drop table live"):
        with pytest.raises(BadInput, match=f"Kept are: {describe(1).version}, {describe(0).version}."):
            rollback(engine, "shop", "batch", target)
    assert live_id(engine) == describe(1).version


def test_after_a_rollback_newer_hours_publish_as_ever(engine: Engine, publish: Publish) -> None:
    publish(0)
    publish(1)
    rollback(engine, "shop", "batch")
    assert publish(2) == "live"
    assert live_id(engine) == describe(2).version


def test_the_hour_rolled_back_from_goes_live_when_it_is_published_again(engine: Engine, publish: Publish) -> None:
    publish(0)
    publish(1)
    rollback(engine, "shop", "batch")
    assert publish(1) == "live"
    assert moves(engine)[-1] == (describe(1).version, "publish")
