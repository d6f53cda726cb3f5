from collections.abc import Sequence
from typing import Any

from sql_tables import Row, rows_of


def lists(**users: Sequence[str]) -> list[Row]:
    return [
        {"user_id": user, "item_id": name, "rank": rank}
        for user, names in users.items()
        for rank, name in enumerate(names, 1)
    ]


def steadiness(then: list[Row], now: list[Row], *busy: str | None) -> tuple[Any, Any]:
    (found,) = rows_of("steadiness", lists_then=then, lists_now=now, hour_events=[{"user_id": user} for user in busy])
    return found["users"], found["kept"]


def test_kept_is_the_mean_share_of_their_top_ten_that_quiet_users_have_again() -> None:
    then, now = lists(a="xyz", b="xy", c="xyzw"), lists(a="zyx", b="pq", c="xwpq")
    assert steadiness(then, now) == (3, 0.5)
    assert steadiness(then, now, None) == (3, 0.5)


def test_users_with_events_and_those_with_one_list_only_do_not_count() -> None:
    then, now = lists(a="xyz", busy="xy", gone="x"), lists(a="xyz", busy="pq", new="x")
    assert steadiness(then, now, "busy") == (1, 1.0)
    assert steadiness(lists(gone="x"), lists(new="x")) == (0, None)


def test_places_past_the_tenth_do_not_count() -> None:
    then, now = lists(a="abcdefghijk"), lists(a="abcdefghikj")
    assert steadiness(then, now) == (1, 0.9)
