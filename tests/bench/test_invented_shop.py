"""The invented shop: the same hour is the same bytes, and people behave as the model expects of people."""

from pathlib import Path

from invented_shop import DIRT, STEPS, Size, invent_catalog, invent_events, write_hours

from pipeline.hours import HOUR, parse_hour

FIRST = parse_hour("2026-02-01T10")
SIZE = Size(users=2_000, items=1_000, events=20_000)


def test_an_hour_is_the_same_every_time_and_no_two_hours_are() -> None:
    assert invent_events(SIZE, FIRST).equals(invent_events(SIZE, FIRST))
    both = [set(invent_events(SIZE, hour)["event_id"].to_pylist()) for hour in (FIRST, FIRST + HOUR)]
    assert len(both[0]) == SIZE.events and not both[0] & both[1]


def test_sessions_are_a_search_two_clicks_and_something_taken() -> None:
    events = invent_events(SIZE, FIRST).to_pandas()
    kinds = events["event_type"].value_counts()
    sessions = SIZE.events // STEPS
    assert kinds["veiw"] == SIZE.events // DIRT
    assert 0.95 * sessions < kinds["search"] < sessions and 1.9 * sessions < kinds["click"] < 2 * sessions
    assert events["user_id"].isna().mean() < 0.15
    assert (events["occurred_at"] >= "2026-02-01 10:00").all() and (events["occurred_at"] < "2026-02-01 11:00").all()


def test_few_items_are_wanted_much_and_all_are_in_the_catalog() -> None:
    items = invent_events(SIZE, FIRST).to_pandas()["item_id"].dropna()
    catalog = invent_catalog(SIZE, FIRST).to_pandas()
    assert set(items) <= set(catalog["item_id"]) and catalog["item_id"].is_unique and len(catalog) == SIZE.items
    assert items.value_counts().head(SIZE.items // 10).sum() > 0.3 * len(items)
    prices = catalog["price"] != invent_catalog(SIZE, FIRST + HOUR).to_pandas()["price"]
    assert prices.sum() == SIZE.items // 100


def test_files_lie_where_the_source_looks_for_them(tmp_path: Path) -> None:
    written = write_hours(tmp_path, SIZE, [FIRST], with_catalog=True)
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert [str(path.relative_to(tmp_path)) for path in files] == [
        "events/2026-02-01/10/hour.parquet",
        "items/2026-02-01/10/hour.parquet",
    ]
    assert written == sum(path.stat().st_size for path in files)
