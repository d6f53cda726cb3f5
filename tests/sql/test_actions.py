"""sql/actions.sql: what is learnt from of what was done."""

from collections.abc import Iterable

from sql_tables import Row, items, rows_of


def learnt(
    *done: tuple[str | None, str, str | None], held_out: Iterable[Row] = ()
) -> list[tuple[str | None, str, str]]:
    """Of (user, actor, item) what is left; the catalog holds items a and b."""
    rows = rows_of(
        "actions",
        window_actions=[dict(zip(("user_id", "actor", "item_id"), one, strict=True)) for one in done],
        held_out=held_out,
        items=items("a", "b"),
    )
    return sorted(((row["user_id"], row["actor"], row["item_id"]) for row in rows), key=str)


def test_held_out_pairs_are_not_here_and_everything_around_them_is() -> None:
    rest = [("u", "u", "b"), ("v", "v", "a"), (None, "u", "a"), ("u", "u", None)]
    found = learnt(("u", "u", "a"), ("u", "u", "a"), *rest, held_out=[{"user_id": "u", "item_id": "a"}])
    assert found == sorted(rest, key=str)


def test_items_in_no_catalog_are_not_here_and_searches_without_an_item_are() -> None:
    assert learnt(("u", "u", "x"), ("u", "u", "a"), ("u", "u", None)) == [("u", "u", "a"), ("u", "u", None)]
