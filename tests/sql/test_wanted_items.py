from sql_tables import Row, rows_of

POPULAR = [
    {"segment": segment, "rank": rank, "item_id": name, "score": score}
    for segment in ("all", "category:games")
    for rank, (name, score) in enumerate([("a", 5.0), ("b", 3.0), ("c", 2.0), ("d", 0.0)], start=1)
]


def took(*taken: tuple[str | None, str | None], kind: str = "click") -> list[Row]:
    return [{"user_id": user, "item_id": item, "event_type": kind} for user, item in taken]


def wanted(events: list[Row], catalog: str = "abcdn", **before: list[Row]) -> list[Row]:
    tables = {name: before.get(name, []) for name in ("interactions", "holdout", "bought")}
    popular = before.get("popular_items", POPULAR)
    items = [{"item_id": name} for name in catalog]
    return rows_of("wanted_items", hour_events=events, items=items, popular_items=popular, **tables)


def test_clicks_carts_and_purchases_count_once_and_searches_do_not() -> None:
    events = took(("u", "a"), ("u", "a")) + took(("u", "a"), kind="add_to_cart") + took(("u", "b"), kind="purchase")
    events += took(("u", "c"), kind="search")
    assert [(row["user_id"], row["item_id"]) for row in wanted(events)] == [("u", "a"), ("u", "b")]


def test_nobody_s_events_events_without_item_and_unknown_items_do_not_count() -> None:
    assert wanted(took((None, "a"), ("u", None), ("u", "unknown"))) == []


def test_items_are_named_by_their_place_in_the_popular_list_of_everybody() -> None:
    found = wanted(took(("u", "a"), ("u", "d"), ("u", "n")))
    assert [(row["item_id"], row["place"]) for row in found] == [("a", 0), ("d", 3), ("n", -1)]


def test_an_item_that_the_user_had_met_or_bought_or_is_held_out_is_not_new() -> None:
    found = wanted(
        took(*(("u", name) for name in "abcd"), ("v", "a")),
        interactions=[
            {"user_id": "u", "item_id": "a", "kind": "click"},
            {"user_id": "u", "item_id": "d", "kind": "search"},
        ],
        holdout=[{"user_id": "u", "item_id": "b", "kind": "click"}],
        bought=[{"user_id": "u", "item_id": "c"}],
    )
    assert {(row["user_id"], row["item_id"]): row["is_new"] for row in found} == {
        ("u", "a"): False,
        ("u", "b"): False,
        ("u", "c"): False,
        ("u", "d"): True,  # implied by a search, never met
        ("v", "a"): True,
    }


def test_the_head_is_the_items_that_make_up_half_of_what_was_taken() -> None:
    def head(*scores: float) -> list[str]:
        popular = [
            {"segment": "all", "rank": rank, "item_id": name, "score": score}
            for rank, (name, score) in enumerate(zip("abcd", scores, strict=True), start=1)
        ]
        events = took(*(("u", name) for name in "abcdn"))
        return [row["item_id"] for row in wanted(events, popular_items=popular) if row["is_head"]]

    assert head(5, 3, 2, 0) == ["a"]
    assert head(4, 3, 2, 1) == ["a", "b"]
    assert head(1, 1, 1, 1) == ["a", "b"]
    assert head(0, 0, 0, 0) == []
