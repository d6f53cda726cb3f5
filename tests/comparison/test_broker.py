"""Rows through a broker: a real one, and the mock cluster that comes with librdkafka, in this process."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import confluent_kafka as kafka
import pytest

from pipeline.comparison import broker as brokers
from pipeline.comparison.broker import Broker
from pipeline.errors import BadInput, Unreachable

AT = datetime(2026, 1, 5, 10, 30, 0, 123456, tzinfo=UTC)


@pytest.fixture(scope="module", params=["real", "mock"])
def servers(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "real":
        yield request.getfixturevalue("broker")
        return
    host = kafka.Producer({"test.mock.num.brokers": 1, "log_level": 0})
    (one,) = host.list_topics(timeout=10).brokers.values()
    yield f"{one.host}:{one.port}"
    del host


def row(number: int, **other: Any) -> dict[str, Any]:
    return {"event_id": f"e{number}", "query": None, "item_id": "ü", "delivered_at": AT} | other


def test_rows_come_back_as_they_were_sent_and_in_their_order(servers: str) -> None:
    broker = Broker(servers, "order")
    for first in (0, 200):
        sent = [row(number) for number in range(first, first + 200)]
        assert broker.carry(sent) == sent
    assert broker.carry([]) == []
    broker.close()


def test_what_stood_in_the_topic_before_is_not_taken(servers: str) -> None:
    before = Broker(servers, "again")
    before.carry([row(1)])
    before.close()
    after = Broker(servers, "again")
    assert after.carry([row(2)]) == [row(2)]
    after.close()


def test_more_rows_than_the_client_keeps_are_sent_in_parts(servers: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brokers, "MOST_ROWS", 40)
    broker = Broker(servers, "parts")
    monkeypatch.setattr(
        broker, "_carry_some", lambda rows, carry=broker._carry_some: sizes.append(len(rows)) or carry(rows)
    )
    sizes: list[int] = []
    sent = [row(number) for number in range(100)]
    assert broker.carry(sent) == sent
    assert sizes == [40, 40, 20]
    broker.close()


def test_a_row_of_somebody_else_is_not_taken_for_an_own_one(servers: str) -> None:
    ours, theirs = Broker(servers, "shared"), Broker(servers, "shared")
    assert ours.carry([row(1)]) == [row(1)]
    with pytest.raises(
        BadInput, match="topic shared holds what this arm did not send just now; give it a topic to itself"
    ):
        theirs.carry([row(1)])
    ours.close()
    theirs.close()


def test_a_row_that_is_too_large_is_one_sentence(servers: str) -> None:
    broker = Broker(servers, "large")
    with pytest.raises(
        BadInput, match=r"a row of 2,000,\d{3} bytes cannot be sent through broker .*; run the arm without it"
    ):
        broker.carry([row(1, query="x" * 2_000_000)])
    assert broker.carry([]) == []
    broker.close()


def test_a_broker_that_is_not_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brokers, "PATIENCE_SECONDS", 1)
    with pytest.raises(Unreachable, match=r"broker 127\.0\.0\.1:1 does not answer"):
        Broker("127.0.0.1:1", "none")
