"""Rows of a log carried through a broker that speaks the Kafka protocol, for the streaming arm: sent, and waited for.

One partition, so that rows arrive in the order in which they were sent, and no consumer group to join: the arm reads from
where the topic ended when it began (a first group took a real broker 23 s to set up). Every message has a key that no other
run gives and that counts, so that a row of somebody else, or one that came twice or not at all, is not taken for another.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from pipeline.errors import BadInput, Unreachable

PATIENCE_SECONDS = 30
PARTITION = 0
MOST_ROWS = 10_000  # sent before they are waited for; the client refuses to keep more than 100,000
# Idempotent: a row whose receipt is lost with its connection is sent again, and stands in the topic once.
SEND = {"enable.idempotence": True, "linger.ms": 0, "message.timeout.ms": PATIENCE_SECONDS * 1000}
TAKE = {"enable.auto.commit": False, "fetch.wait.max.ms": 5}
Row = Mapping[str, Any]  # of the log's events


class Broker:
    """A topic at a broker; `carry` sends rows there and hands back what arrives."""

    def __init__(self, servers: str, topic: str) -> None:
        """`servers` like `localhost:9092`; raises `Unreachable` when none answers or the topic cannot be had."""
        try:
            import confluent_kafka as kafka
        except ModuleNotFoundError:
            raise BadInput(
                "a broker needs confluent-kafka; install it with `pip install treasure-hunt[kafka]`."
            ) from None
        self.servers, self.topic = servers, topic
        self._run, self._sent = uuid4().hex, 0
        self._kafka = kafka
        self._producer = kafka.Producer({"bootstrap.servers": servers, **SEND})
        self._consumer = kafka.Consumer({"bootstrap.servers": servers, "group.id": topic, **TAKE})
        try:
            # Asking for it makes it, where the broker is set to do so.
            known = self._producer.list_topics(topic, timeout=PATIENCE_SECONDS).topics[topic]
            if known.error:
                raise Unreachable(
                    f"broker {servers}: topic {topic} is not there ({known.error}); make it, of one partition."
                )
            place = kafka.TopicPartition(topic, PARTITION)
            place.offset = self._consumer.get_watermark_offsets(place, timeout=PATIENCE_SECONDS)[1]
            self._consumer.assign([place])
        except kafka.KafkaException as error:
            raise Unreachable(f"broker {servers} does not answer: {error}") from None

    def carry(self, rows: Sequence[Row]) -> Sequence[Row]:
        """The rows as they come back, in the order in which they were sent; raises `Unreachable` when they do not, and
        `BadInput` for a row that the broker cannot take and a topic that others write to.
        """
        arrived: list[Row] = []
        for first in range(0, len(rows), MOST_ROWS):
            arrived += self._carry_some(rows[first : first + MOST_ROWS])
        return arrived

    def _carry_some(self, rows: Sequence[Row]) -> list[Row]:
        keys = [f"{self._run} {number}".encode() for number in range(self._sent, self._sent + len(rows))]
        self._sent += len(rows)
        for key, message in zip(keys, map(spell, rows), strict=True):
            try:
                self._producer.produce(self.topic, message, key=key, partition=PARTITION)
            except self._kafka.KafkaException as error:
                raise BadInput(
                    f"a row of {len(message):,} bytes cannot be sent through broker {self.servers}: {error}; run the arm "
                    "without it."
                ) from None
        if self._producer.flush(PATIENCE_SECONDS):
            raise Unreachable(
                f"broker {self.servers} took not all of {len(rows)} rows within {PATIENCE_SECONDS} seconds."
            )
        arrived: list[Row] = []
        while len(arrived) < len(rows):
            messages = self._consumer.consume(len(rows) - len(arrived), timeout=PATIENCE_SECONDS)
            failed = [message.error() for message in messages if message.error()]
            if failed or not messages:
                why = failed[0] if failed else f"silent for {PATIENCE_SECONDS} seconds"
                raise Unreachable(f"broker {self.servers} handed back {len(arrived)} of {len(rows)} rows: {why}.")
            for answer in messages:
                if answer.key() != keys[len(arrived)]:
                    raise BadInput(
                        f"broker {self.servers}: topic {self.topic} holds what this arm did not send just now; give it a "
                        "topic to itself, and run one such arm at a time."
                    )
                arrived.append(read(answer.value() or b"{}"))
        return arrived

    def close(self) -> None:
        """The broker is let go."""
        self._producer.purge()  # what was given up is not sent any more
        self._consumer.close()


def spell(row: Row) -> bytes:
    """A row of the log as a message: JSON in UTF-8."""
    return json.dumps({**row, "delivered_at": row["delivered_at"].isoformat()}).encode()


def read(message: bytes) -> Row:
    """The row that `spell` wrote."""
    row = json.loads(message)
    return {**row, "delivered_at": datetime.fromisoformat(row["delivered_at"])}
