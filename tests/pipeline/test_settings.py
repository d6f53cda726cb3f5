"""Settings: read from the environment, and every mistake is one sentence that names the setting."""

from pathlib import Path

import pytest

from pipeline.errors import BadInput
from pipeline.hours import parse_hour
from pipeline.settings import load_settings


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TREASURE_HUNT_FACTORS", "12")
    monkeypatch.setenv("TREASURE_HUNT_START", "2025-06-01T07")
    settings = load_settings()
    assert settings.factors == 12
    assert settings.start == parse_hour("2025-06-01T07")
    assert load_settings(factors=13).factors == 13


def test_an_unknown_setting_is_named_with_the_nearest_and_where_all_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TREASURE_HUNT_FACTOR", "12")
    with pytest.raises(BadInput) as error:
        load_settings()
    sentence = str(error.value)
    assert sentence == (
        "TREASURE_HUNT_FACTOR is not a setting; did you mean TREASURE_HUNT_FACTORS? docs/settings.md lists them all."
    )


def test_an_unknown_setting_like_no_other_is_named_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TREASURE_HUNT_ZZZZZZZZZZZZZZZZZZZZZZ", "1")
    with pytest.raises(BadInput, match=r"^TREASURE_HUNT_Z+ is not a setting; docs/settings\.md lists them all\.$"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FACTORS", "many"),
        ("FACTORS", "0"),
        ("FACTORS", "1.5"),
        ("K", "0"),
        ("K", "1001"),
        ("WINDOW_DAYS", "0"),
        ("HALF_LIFE_DAYS", "0"),
        ("HALF_LIFE_DAYS", "nan"),
        ("HALF_LIFE_DAYS", "inf"),
        ("ALPHA", "inf"),
        ("REGULARIZATION", "-1"),
        ("HOLDOUT_SHARE", "0.6"),
        ("MALFORMED_LIMIT", "5%"),
        ("LOOKBACK_HOURS", "-1"),
        ("THREADS", "0"),
        ("SEED", "-1"),
        ("MEMORY_LIMIT", "plenty"),
        ("START", "2026-01-01"),
        ("START", "tomorrow"),
    ],
)
def test_a_wrong_value_is_one_sentence_that_names_the_setting_and_the_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"TREASURE_HUNT_{name}", value)
    with pytest.raises(BadInput) as error:
        load_settings()
    sentence = str(error.value)
    assert sentence.startswith(f"TREASURE_HUNT_{name}={value!r}: ")
    assert "\n" not in sentence


def test_a_wrong_start_says_how_an_hour_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TREASURE_HUNT_START", "2026-01-01 13:00")
    with pytest.raises(BadInput, match="write it like 2026-01-01T13"):
        load_settings()


@pytest.mark.parametrize("limit", ["4GB", "512MB", "1.5 GiB", "800 KB"])
def test_memory_is_written_with_its_unit(limit: str) -> None:
    assert load_settings(memory_limit=limit).memory_limit == limit


def test_places_are_absolute_and_two_sources_never_share_a_lake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shop, games = load_settings(), load_settings(source="bestbuy", home="elsewhere")
    assert shop.home == tmp_path / "var"
    assert shop.lake == tmp_path / "var" / "lake" / "shop"
    assert games.lake == tmp_path / "elsewhere" / "lake" / "bestbuy"
    assert shop.serving == f"sqlite:///{tmp_path}/var/serving.db"
    assert load_settings(serving_url="postgresql://there/here").serving == "postgresql://there/here"
