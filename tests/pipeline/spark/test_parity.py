"""Two engines, one definition of each table: the same shop gives equal tables on DuckDB and on Spark, and like lists."""

import shutil
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from handmade_shop import FIRST, event, landed, landed_path

from pipeline.files import hash_file
from pipeline.hours import HOUR, hours_between
from pipeline.line import run_stage, run_stage_of_hours
from pipeline.manifests import stage_facts
from pipeline.model_files import read_factors
from pipeline.run import Run
from pipeline.settings import Settings, load_settings
from pipeline.shop.database import EVENTS
from pipeline.shop.simulate import simulate
from pipeline.stages.prepare import TABLES

pytestmark = [pytest.mark.spark, pytest.mark.timeout(1800), pytest.mark.usefixtures("has_spark")]

HOURS, K = 12, 10
KNOBS: dict[str, Any] = {"factors": 16, "iterations": 6, "k": K, "holdout_share": 0.2, "data_docs": False}
# What one engine could fold, trim or compare in another way than the other.
TEXTS = [
    "ΑΘΗΝΑΣ  ΣΑΣ",
    "İstanbul",
    "Cafe\u0301  NOIR",
    "CAFÉ noir",
    " tab\tand\u000bmore\n",
    "größe",
    "日本 語",
    "x'y\\z",
]
RULES = "rule,item_id,category,value\npin,i000003,,2\npin,i000007,,5\nblock,i000002,,\n"
OVERLAP = 0.5  # of the ten best of the two models; 0.71 and 0.75 were seen on such shops


@pytest.fixture(scope="module")
def twins(has_spark: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Settings]:
    """The same hour of the same shop, prepared and learnt from by each engine."""
    first = load_settings(home=tmp_path_factory.mktemp("shop") / "home", **KNOBS)
    hours = hours_between(FIRST - (HOURS - 1) * HOUR, FIRST)
    simulate(first.shop_url, hours[0], FIRST, seed=0, users=120, items=150, events_per_hour=250)
    add_texts(first.shop_url)
    for stage in ("ingest_events", "ingest_catalog"):
        list(run_stage_of_hours(stage, hours, first))
    (first.home / "rules").mkdir()
    (first.home / "rules" / "shop.csv").write_text(RULES, encoding="utf-8")
    found = {}
    for engine in ("duckdb", "spark"):
        home = shutil.copytree(first.home, first.home.with_name(engine))
        found[engine] = load_settings(home=home, engine=engine, **KNOBS)
        for stage in ("prepare", "train"):
            run_stage(stage, FIRST, found[engine])
    return found


def add_texts(url: str) -> None:
    """Three users type each of the texts and take two items, the third in a session of its own; two at one moment."""
    engine = sa.create_engine(url)
    rows = []
    for place, text in enumerate(TEXTS):
        for user, name in enumerate(["u000001", "u000002", None]):
            session = {"session_id": f"session {place} {user}"}
            minute = 5 * place + user
            rows += [event("search", name, text, minute=minute, **session)]
            rows += [event("search", name, f"{text} again", minute=minute, **session)] * (place == 0)
            rows += [event("click", name, f"i{place + thing:06}", minute=minute + 1, **session) for thing in range(2)]
    with engine.begin() as connection:
        start = connection.execute(sa.select(sa.func.max(EVENTS.c.row_id))).scalar_one()
        rows = [{"row_id": start + number, "event_id": f"z{number}"} | row for number, row in enumerate(rows, 1)]
        connection.execute(sa.insert(EVENTS), rows)
    engine.dispose()


@pytest.mark.parametrize("table", TABLES)
def test_a_table_is_the_same_row_for_row_and_in_its_types(twins: dict[str, Settings], table: str) -> None:
    ours, theirs = (landed(settings, table) for settings in twins.values())
    assert [(one.name, one.type) for one in ours.schema] == [(one.name, one.type) for one in theirs.schema]
    assert ours.to_pylist() == theirs.to_pylist()
    assert ours.num_rows or table in ("unknown_items",)


def test_what_is_said_of_the_hour_is_the_same(twins: dict[str, Settings]) -> None:
    ours, theirs = (stage_facts(Run(FIRST, settings), "prepare") for settings in twins.values())
    assert ours == theirs
    assert ours["tier"]["name"] == "full" and ours["rules"]["popular_items"]


def test_the_same_rows_are_the_same_bytes(twins: dict[str, Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.spark import tables

    settings = twins["spark"]
    before = {table: hash_file(landed_path(settings, table)) for table in TABLES}
    monkeypatch.setitem(tables.CONFIG, "spark.default.parallelism", "3")
    again = load_settings(
        home=shutil.copytree(settings.home, settings.home.with_name("again")), engine="spark", **KNOBS
    )
    run_stage("prepare", FIRST, again)
    assert {table: hash_file(landed_path(again, table)) for table in TABLES} == before


def test_models_have_the_same_scale_and_mostly_the_same_best_items(twins: dict[str, Settings]) -> None:
    ours, theirs = (stage_facts(Run(FIRST, settings), "train") for settings in twins.values())
    for name in ("users", "items", "pairs", "side_rows", "new_items"):
        assert ours[name] == theirs[name], name
    for name in ("alpha", "regularization"):
        assert ours[name] == pytest.approx(theirs[name], rel=1e-5), name
    best = [best_items(settings) for settings in twins.values()]
    assert best[0].keys() == best[1].keys()
    shares = [len(best[0][user] & best[1][user]) / K for user in best[0]]
    print(f"overlap of the {K} best: {np.mean(shares):.3f}")
    assert np.mean(shares) >= OVERLAP


def best_items(settings: Settings) -> dict[str, set[str]]:
    """The K items of highest score of each user."""
    users = read_factors(landed_path(settings, "user_factors"), "user_id")
    items = read_factors(landed_path(settings, "item_factors"), "item_id")
    order = np.argsort(-(users.vectors @ items.vectors.T), axis=1)[:, :K]
    return {user: set(items.ids[row]) for user, row in zip(users.ids, order, strict=True)}


def test_the_line_goes_on_from_what_spark_made(twins: dict[str, Settings]) -> None:
    for stage in ("evaluate", "recommend", "publish"):
        run_stage(stage, FIRST, twins["spark"])
    assert stage_facts(Run(FIRST, twins["spark"]), "publish")
    ours = landed(twins["spark"], "user_recommendations")
    assert ours.num_rows >= K * 80
