"""Ten thousand hostile ids, queries and paths: stored as the text that they are, on both databases, or refused."""

import random
from pathlib import Path

import pytest
import sqlalchemy as sa
from corruptions import ODD_TEXTS
from handmade_shop import DERIVED, FIRST, event, ingest, item, open_shop, rows

from pipeline.errors import BadInput
from pipeline.hours import format_hour, parse_hour
from pipeline.line import run_stage
from pipeline.serving import database, read
from pipeline.serving.schema import check_version, user_recommendations

COUNT = 10_000
PARTS = [
    *(text for text in ODD_TEXTS if len(text) < 60),
    "'; drop table versions; --",
    "' or '1'='1",
    "\\'; delete from live; --",
    "$$; drop schema public cascade; $$",
    "/*", "*/", "--", ";", "'", '"', "`", "\\", "%", "_", "\\x00", "\\u0000", "E'\\x27'", "{{7*7}}", "${jndi:ldap://x}",
    "..", "/", "~", "//host/share", "file:///etc/passwd", "..%2f..%2f", "\r\nSet-Cookie: a=b", "\u2028", "\U000e0001",
]  # fmt: skip


def hostile_texts(seed: int, count: int) -> list[str]:
    """Different texts of a few hostile parts each, without white space at their edges, at most 200 characters long."""
    rng = random.Random(seed)
    texts: dict[str, None] = {}
    while len(texts) < count:
        text = "".join(rng.choice(PARTS) for _ in range(rng.randrange(1, 5))) + rng.choice(("", str(rng.random())))
        text = text.strip(" \t\n\r\v\f\u00a0")
        if text and len(text) <= 200:
            texts[text] = None
    return list(texts)


def test_hostile_ids_and_queries_come_through_as_text_and_hurt_nothing(serving_url: str, tmp_path: Path) -> None:
    texts = hostile_texts(7, COUNT)
    events = [event("click", text, "i0", minute=1 + place % 50) for place, text in enumerate(texts)]
    events += [event("search", "searcher", text, minute=1 + place % 50) for place, text in enumerate(texts)]
    items = [item(f"i{place}") for place in range(3)] + [item(text) for text in texts[:500]]
    settings = open_shop(tmp_path, items, events, serving_url=serving_url, k=3, unknown_items_limit=1.0)
    engine = database.connect(serving_url)
    with engine.begin() as connection:
        connection.execute(sa.text("create table canary (id integer)"))
        connection.execute(sa.text("insert into canary values (1)"))
    ingest(settings)
    assert {user for (user,) in rows(settings, "events", "user_id")} == {*texts, "searcher"}
    assert {query for (query,) in rows(settings, "events", "query")} == {*texts, None}
    assert set(texts[:500]) <= {item_id for (item_id,) in rows(settings, "items", "item_id")}
    for stage in (*DERIVED, "publish"):
        run_stage(stage, FIRST, settings)
    with engine.connect() as connection:
        users = set(connection.scalars(sa.select(user_recommendations.c.user_id).distinct()))
        assert users == {*texts, "searcher"} or users == set(texts)
        assert connection.scalar(sa.text("select count(*) from canary")) == 1
    for text in texts[:: COUNT // 200]:
        assert read.read_user(engine, settings.source, settings.arm, text).served_reason == "personal"
        assert len(read.read_query(engine, settings.source, settings.arm, text).rows) == 3
        assert len(read.read_similar(engine, settings.source, settings.arm, text).rows) == 3
    engine.dispose()


def test_a_hostile_text_is_never_an_hour_nor_a_version() -> None:
    for text in hostile_texts(8, COUNT):
        for read_text in (parse_hour, check_version):
            with pytest.raises(BadInput):
                read_text(text)


@pytest.mark.parametrize("around", ["../{}", "{}/..", "/{}", "{}\0", "{}%2e", " {}x", "{}" + "0" * 300])
def test_an_hour_with_something_around_it_is_refused(around: str) -> None:
    with pytest.raises(BadInput):
        parse_hour(around.format(format_hour(FIRST)))
