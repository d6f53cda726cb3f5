"""The streaming reference's consumer: what it accepts, and what an event makes of a list."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from pipeline import als, topk
from pipeline.comparison.consumer import Consumer, Given, Row, fold_in, read_moment
from pipeline.duck import connect
from pipeline.model_files import Factors
from pipeline.settings import Settings, load_settings

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
AT = datetime(2026, 1, 5, 10, 30, tzinfo=UTC)
ITEMS = [f"i{number}" for number in range(12)]
D = 4


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(home=tmp_path, factors=D, k=5)


def model(seed: int = 0, items: list[str] = ITEMS, popular: list[str] = ITEMS) -> Given:
    vectors = np.random.default_rng(seed).normal(0, 0.5, (len(items), D)).astype(np.float32)
    return Given(Factors(pd.Index(items), vectors), alpha=3.0, regularization=0.7, popular=popular)


def event(item: str | None = "i1", user: str | None = "u", kind: str = "click", **other: Any) -> Row:
    row = {"event_id": f"{user}-{item}-{kind}", "user_id": user, "session_id": "s", "event_type": kind, "query": None}
    return row | {"item_id": item, "occurred_at": "2026-01-05T10:29:00Z", "delivered_at": AT} | other


def taught(settings: Settings, *rows: Row, given: Given | None = None) -> Consumer:
    consumer = Consumer(settings, AT - timedelta(days=1))
    consumer.learn(given or model(), AT)
    consumer.take(rows, AT)
    return consumer


def test_a_vector_and_its_list_are_those_of_the_model(settings: Settings) -> None:
    given, weights = model(), {"i1": 3.0, "i4": 8.0, "i9": 400.0}
    values = np.minimum(list(weights.values()), settings.max_pair_weight)
    whole = np.round(values * als.UNIT).astype(np.int64)
    rows, columns = np.zeros(3, np.int32), np.array([1, 4, 9], np.int32)
    matrix = als.confidence(whole, np.ones(3, bool), rows, columns, (1, len(ITEMS)), given.alpha)
    vectors = als.fold_in(given.items.vectors, matrix, given.regularization, settings)
    vector = fold_in(given, weights, 1.0, settings.max_pair_weight)
    np.testing.assert_allclose(vector, vectors[0], rtol=1e-3, atol=1e-5)

    consumer = Consumer(settings, AT)
    consumer.learn(given, AT)
    consumer.never = {"i3"}
    rows_of_user = [
        event(item, kind=kind) for item, kind in (("i1", "click"), ("i4", "purchase"), ("i9", "add_to_cart"))
    ]
    (listed,) = consumer.take(rows_of_user, AT)[2]
    vectors = fold_in(given, {"i1": 2.0, "i4": 8.0, "i9": 4.0}, consumer.fade(AT), 50.0)
    assert vectors is not None
    owned = sp.csr_matrix((np.ones(1, np.float32), ([0], [4])), shape=(1, len(ITEMS)))
    top = topk.best_items(vectors[None], given.items.vectors, settings.k, owned, np.array([3], np.int32), settings)
    assert listed.items == [ITEMS[place] for place in top.indices[0]]
    np.testing.assert_allclose(listed.scores, top.scores[0], rtol=1e-3, atol=1e-5)


def test_a_list_never_holds_what_was_bought_or_cannot_be_bought_and_is_filled_from_the_popular(
    settings: Settings,
) -> None:
    consumer = Consumer(settings, AT)
    consumer.never = {"i0"}
    consumer.learn(model(items=ITEMS[:3], popular=ITEMS), AT)
    (listed,) = consumer.take([event("i1", kind="purchase"), event("i2")], AT)[2]
    assert listed.items == ["i2", "i3", "i4", "i5", "i6"]
    assert listed.found == 1
    assert listed.scores[1:] == [0.0] * 4


def test_what_a_user_cares_for_grows_with_the_deed_and_fades(settings: Settings) -> None:
    consumer = taught(settings, event("i1", kind="purchase"), event("i2", kind="click"))
    weights = consumer.people["u"].weights
    assert weights["i1"] == pytest.approx(4 * weights["i2"])
    half = AT + timedelta(days=settings.half_life_days)
    assert consumer.fade(half) == pytest.approx(2 * consumer.fade(AT))


@pytest.mark.parametrize(
    "row",
    [
        event(kind="search", query="shoes", item=None),
        event(user=None),
        event("new"),
    ],
    ids=["a search", "somebody without a name", "an item that the model does not know"],
)
def test_an_event_that_says_nothing_to_the_model_is_accepted_and_changes_no_list(settings: Settings, row: Row) -> None:
    assert taught(settings).take([row], AT) == (["accepted"], [False], [])


def test_before_the_first_model_nobody_has_a_list_and_with_it_everybody_known_has(settings: Settings) -> None:
    consumer = Consumer(settings, AT)
    assert consumer.take([event("i1", user="v"), event("i2", user="u")], AT) == (["accepted"] * 2, [False] * 2, [])
    assert [listed.user for listed in consumer.learn(model(), AT)] == ["u", "v"]


def test_an_event_counts_once_however_often_it_comes(settings: Settings) -> None:
    consumer = taught(settings, event())
    before = dict(consumer.people["u"].weights)
    fates, changes, listed = consumer.take([event(), event(event_id=" u-i1-click ")], AT)
    assert (fates, changes, listed) == (["duplicate", "duplicate"], [False, False], [])
    assert consumer.people["u"].weights == before


def test_a_user_who_acts_twice_in_a_micro_batch_has_one_list(settings: Settings) -> None:
    fates, changes, listed = taught(settings).take([event("i1"), event("i2"), event("i1", user="v")], AT)
    assert (fates, changes) == (["accepted"] * 3, [True] * 3)
    assert [one.user for one in listed] == ["u", "v"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"occurred_at": "yesterday"},
        {"occurred_at": None},
        {"occurred_at": "2026-01-05T11:05:01Z"},
        {"occurred_at": "2026-01-05T03:59:59Z"},
        {"event_type": "veiw"},
        {"event_type": None},
        {"item_id": " "},
        {"user_id": None, "session_id": None},
        {"event_type": "search", "query": ""},
        {"event_id": ""},
        {"item_id": "i" * 201},
        {"user_id": "a\0b"},
    ],
    ids=str,
)
def test_a_row_that_breaks_a_rule_is_quarantined_and_teaches_nothing(settings: Settings, wrong: dict[str, Any]) -> None:
    consumer = taught(settings)
    assert consumer.take([event(**wrong)], AT) == (["quarantined"], [False], [])
    assert not consumer.people
    assert not consumer.seen


def test_what_a_consumer_holds_grows_with_its_model_its_people_and_what_it_has_seen(settings: Settings) -> None:
    consumer = Consumer(settings, AT)
    sizes = [consumer.count_bytes()]
    consumer.learn(model(), AT)
    sizes.append(consumer.count_bytes())
    consumer.take([event("i1")], AT)
    sizes.append(consumer.count_bytes())
    consumer.take([event("new", user=None)], AT)
    sizes.append(consumer.count_bytes())
    assert sizes == sorted(set(sizes))
    assert sizes[1] - sizes[0] >= model().items.vectors.nbytes


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    folder = tmp_path_factory.mktemp("moments")
    with connect(Settings(home=folder), folder) as opened:
        yield opened


SPELT = st.from_regex(r"\A ?2026-0[0-3]-[0-3][0-9][T ][0-2]\d:[0-6]\d:[0-6]\d(\.\d{1,9})?(Z|[+-]1\d(:?\d\d)?)?\Z")


@given(st.one_of(st.text(max_size=30), SPELT))
def test_moments_are_read_as_the_pipeline_reads_them(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    (row,) = connection.execute("select epoch_us(read_moment(trim($text)))", {"text": text}).fetchall()
    found = read_moment(text)
    assert (found and (found - EPOCH) // timedelta(microseconds=1)) == row[0]
