"""Two versions side by side: the counts are those of the lists, and nobody is named."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from serving_world import describe, small_version, write_tables
from sqlalchemy import Engine, insert

from pipeline.errors import BadInput
from pipeline.serving.compare import TOP, Difference, Figures, Mover, Overlap, compare_users, compare_versions
from pipeline.serving.database import connect, create_schema, writing
from pipeline.serving.publish import publish_version
from pipeline.serving.schema import user_recommendations

Publish = Callable[..., str]
BEFORE, AFTER = (describe(hour).version for hour in range(2))


def of_users(tops: dict[str, str]) -> dict[str, list[Any]]:
    entries = [(user, rank, item) for user, top in tops.items() for rank, item in enumerate(top, start=1)]
    columns = dict(zip(("user_id", "rank", "item_id"), map(list, zip(*entries, strict=True)), strict=True))
    return columns | {"score": [1.0] * len(entries), "reason": ['["popular"]'] * len(entries)}


def test_the_difference_of_two_versions(engine: Engine, tmp_path: Path) -> None:
    tops = {"u1": "ab", "u2": "c", "u3": "b"}, {"u1": "ab", "u2": "ac", "u4": "a"}
    for hour, top in enumerate(tops):
        tables = small_version() | {"user_recommendations": of_users(top)}
        publish_version(engine, describe(hour), write_tables(tmp_path / str(hour), tables))
    assert compare_versions(engine, BEFORE, AFTER, 1) == Difference(
        before=Figures(users=3, queries=1, recommended=3, available=3),
        after=Figures(users=3, queries=1, recommended=3, available=3),
        overlap=Overlap(both=2, only_before=1, only_after=1, changed=1, kept=0.75),
        gained=[Mover("a", "HALO 3", before=1, after=3)],
        lost=[Mover("b", 'Gears, "of" War\nII', before=2, after=1)],
    )


def test_only_the_top_counts(engine: Engine, tmp_path: Path) -> None:
    names = "abcdefghijkl"
    for hour, last in enumerate(("kl", "lk")):
        tables = small_version()
        for name, values in tables["items"].items():
            tables["items"][name] = list(names) if name == "item_id" else values[:1] * len(names)
        tables["similar_items"] = {name: values[:1] for name, values in tables["similar_items"].items()}
        tables["user_recommendations"] = of_users({"u1": names[:TOP] + last})
        publish_version(engine, describe(hour), write_tables(tmp_path / str(hour), tables))
    found = compare_versions(engine, BEFORE, AFTER, 5)
    assert (found.overlap.changed, found.overlap.kept, found.gained, found.lost) == (0, 1.0, [], [])
    assert found.after.recommended == 12


def test_what_is_not_there_cannot_be_compared(engine: Engine, publish: Publish) -> None:
    publish(0)
    with pytest.raises(BadInput, match="is not in the serving database; `treasure-hunt versions` lists"):
        compare_versions(engine, BEFORE, AFTER, 5)
    with pytest.raises(BadInput, match="is not a version"):
        compare_versions(engine, "'; drop table live", BEFORE, 5)


tops = st.dictionaries(
    st.sampled_from("uvwx"),
    st.lists(st.sampled_from("abcdefghijklm"), unique=True, min_size=1, max_size=12),
    max_size=4,
)


@given(tops, tops)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_overlap_is_that_of_the_lists(
    tmp_path: Path, before: dict[str, list[str]], after: dict[str, list[str]]
) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'overlap.db'}")
    create_schema(engine)
    with writing(engine) as connection:
        connection.exec_driver_sql("delete from user_recommendations")
        rows = [
            {"version": version, "user_id": user, "rank": rank, "item_id": item, "score": 1.0, "reason": "[]"}
            for version, lists in ((BEFORE, before), (AFTER, after))
            for user, top in lists.items()
            for rank, item in enumerate(top, start=1)
        ]
        if rows:
            connection.execute(insert(user_recommendations), rows)
        found = compare_users(connection, BEFORE, AFTER)
    both = before.keys() & after.keys()
    kept = [
        len({*before[user][:TOP]} & {*after[user][:TOP]}) / max(len(before[user][:TOP]), len(after[user][:TOP]))
        for user in sorted(both)
    ]
    assert (found.both, found.only_before, found.only_after) == (
        len(both),
        len(before.keys() - after.keys()),
        len(after.keys() - before.keys()),
    )
    assert found.changed == sum(share < 1 for share in kept)
    assert found.kept == (pytest.approx(sum(kept) / len(kept)) if kept else None)
    engine.dispose()
