"""No user, session or typed text stands in a log, a manifest, or in what a stage hands on."""

import logging
from pathlib import Path

import pytest
from canary_shop import TRACES
from handmade_shop import FIRST

from pipeline.line import STAGES, run_stage
from pipeline.privacy.keys import hash_name, name_user
from pipeline.settings import Settings


def test_the_whole_line_says_nothing_about_anybody(canary_shop: Settings, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        results = [run_stage(stage, FIRST, canary_shop, repull=True) for stage in STAGES]
    told = [*caplog.messages, *map(repr, results)]
    told += [path.read_text(encoding="utf-8") for path in sorted(Path(canary_shop.lake).rglob("*.json"))]
    assert len(told) > len(STAGES)
    assert not [text for text in told if any(trace in text for trace in TRACES)]


def test_a_keyed_hash_tells_users_apart_and_is_another_one_under_another_key(tmp_path: Path) -> None:
    one, other = Settings(home=tmp_path, hash_key="one"), Settings(home=tmp_path, hash_key="other")
    assert name_user(one, "ann") == name_user(one, "ann") != name_user(one, "bob")
    assert name_user(one, "ann") != name_user(other, "ann")
    assert "ann" not in name_user(one, "ann")
    assert hash_name(b"key", "user", "ann") != hash_name(b"key", "session", "ann")
