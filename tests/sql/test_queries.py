from typing import Any

from sql_tables import Row, rows_of


def search(actor: str, query: str | None, user_id: str | None = None) -> Row:
    return {"actor": actor, "user_id": user_id, "query": query, "event_type": "search"}


def queries(*events: Row, **values: Any) -> list[Row]:
    return rows_of("queries", values, actions=events)


def test_searchers_are_different_users_or_sessions_and_not_searches() -> None:
    rows = queries(*[search("u", "red", "u")] * 5, search("s", "red"), search("v", "blue", "v"))
    assert rows == [
        {"query": "blue", "searchers": 1, "users": 1},
        {"query": "red", "searchers": 2, "users": 1},
    ]


def test_a_query_after_which_nothing_was_taken_is_there_and_one_that_only_came_with_a_click_is_not() -> None:
    click = {**search("u", "clicked", "u"), "event_type": "click", "item_id": "a"}
    assert [row["query"] for row in queries(search("u", "nothing", "u"), click)] == ["nothing"]


def test_the_empty_query_and_the_tiers_that_leave_searches_out_have_none() -> None:
    assert queries(search("u", None, "u")) == []
    assert queries(search("u", "red", "u"), tier="behaviour") == []
