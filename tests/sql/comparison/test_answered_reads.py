from typing import Any

from sql_tables import Row, clock, rows_of

ORDER = [{"source": name, "place": place} for place, name in enumerate(("personal", "searches", "popular"))]


def listed(version: str, user: str | None, since: str, until: str | None = None, *sources: str) -> list[Row]:
    rows = []
    for rank, source in enumerate(sources or ("personal",), start=1):
        row = {"version": version, "user_id": user, "rank": rank, "item_id": f"i{rank}", "source": source}
        rows.append({**row, "valid_from": clock(since), "valid_to": clock(until) if until else None})
    return rows


def answered(lists: list[Row], *asked: tuple[str, str]) -> list[Row]:
    reads = [{"place": place, "t": clock(at), "user_id": user} for place, (at, user) in enumerate(asked)]
    cutoffs = [{"version": version, "cutoff": clock("10:00")} for version in {row["version"] for row in lists}]
    tables: dict[str, Any] = {"recommendations": lists, "cutoffs": cutoffs, "source_order": ORDER}
    return rows_of("comparison/answered_reads", asked=reads, **tables)


def test_a_read_gets_the_list_that_could_be_read_then_and_never_a_later_one() -> None:
    lists = listed("v1", "u", "10:05", "11:05") + listed("v2", "u", "11:05")
    asked = ("10:04", "u"), ("10:05", "u"), ("11:04:59", "u"), ("11:05", "u")
    assert [(row["status"], row["version"]) for row in answered(lists, *asked)] == [
        (503, None),
        (200, "v1"),
        (200, "v1"),
        (200, "v2"),
    ]


def test_who_has_no_list_at_that_moment_gets_that_of_everyone() -> None:
    lists = listed("v1", None, "10:05", None, "popular", "popular") + listed("v2", "u", "10:10", "10:20")
    found = answered(lists, ("10:09", "u"), ("10:15", "u"), ("10:20", "u"), ("10:15", "x"))
    assert [row["version"] for row in found] == ["v1", "v2", "v1", "v1"]
    assert [row["items"] for row in found] == [2, 1, 2, 2]
    assert [row["served_reason"] for row in found] == ["popular", "personal", "popular", "popular"]


def test_a_list_is_served_for_its_best_source_and_is_as_old_as_its_data() -> None:
    (found,) = answered(listed("v1", "u", "10:05", None, "popular", "searches", "popular"), ("10:30", "u"))
    assert (found["served_reason"], found["items"], found["list_age_seconds"]) == ("searches", 3, 1800.0)
