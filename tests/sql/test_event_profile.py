from typing import Any

from sql_tables import Row, rows_of

FILLED = dict.fromkeys(("has_user", "has_session", "has_quantity", "has_position", "has_search"), True)


def event(event_id: str, kind: str, is_reference: bool = False, is_joined: bool = True, **columns: Any) -> Row:
    of_kind = {"query_bucket": 7} if kind == "search" else {"category": "games"}
    return {
        "event_id": event_id,
        "event_type": kind,
        "is_reference": is_reference,
        "is_joined": is_joined,
        **FILLED,
        **of_kind,
        **columns,
    }


def profile(*events: Row) -> dict[tuple[str, str], tuple[int, int]]:
    """(feature, bucket): events of the hour and of its reference hours."""
    rows = rows_of("event_profile", profiled_events=events)
    keys = [(row["feature"], row["bucket"]) for row in rows]
    assert keys == sorted(set(keys))
    return {key: (row["events"], row["usual_events"]) for key, row in zip(keys, rows, strict=True)}


def test_events_are_counted_by_feature_and_bucket_for_the_hour_and_for_its_references() -> None:
    found = profile(event("a", "search"), event("b", "click"), event("c", "click", is_reference=True))
    assert found == {
        ("event_type", "search"): (1, 0),
        ("event_type", "click"): (1, 1),
        ("query", "07"): (1, 0),
        ("category", "games"): (1, 1),
        ("user_id", "filled"): (2, 1),
        ("session_id", "filled"): (2, 1),
        ("position", "filled"): (1, 1),
        ("search", "joined"): (1, 0),
        ("after_search", "filled"): (1, 1),
        ("item", "known"): (1, 1),
    }


def test_what_is_missing_stands_in_buckets_of_its_own() -> None:
    found = profile(
        event("a", "search", is_joined=False, has_user=False, has_session=False),
        event("b", "click", is_joined=False, category=None, has_position=False, has_search=False),
        event("c", "purchase", category=None, has_quantity=False, has_position=False),
    )
    assert found[("search", "unjoined")] == (1, 0)
    assert found[("item", "unknown")] == found[("item", "known")] == (1, 0)
    assert found[("category", "(unknown item)")] == found[("category", "(none)")] == (1, 0)
    assert found[("user_id", "empty")] == found[("session_id", "empty")] == (1, 0)
    assert found[("position", "empty")] == (1, 0)
    assert found[("quantity", "empty")] == (1, 0)
    assert found[("after_search", "empty")] == found[("after_search", "filled")] == (1, 0)
    assert ("quantity", "filled") not in found


def test_no_events_have_no_profile() -> None:
    assert profile() == {}
