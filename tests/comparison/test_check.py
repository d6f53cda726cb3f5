"""A published judgement comes out again from the same bundles, and whatever does not is named."""

import json
from pathlib import Path
from typing import Any

import pytest
from arms_world import answer, event, listed, make_bundle, make_log
from typer.testing import CliRunner

from pipeline import cli_compare
from pipeline.cli import app
from pipeline.comparison.check import differences, options_of, read_judgement
from pipeline.comparison.judge import Options, judge, write_judgement
from pipeline.errors import BadInput

EVENTS = [event(1, "u", "a"), event(11, "u", "b"), event(13, "w", "c")]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return make_log(tmp_path / "log", EVENTS, [(10, "u"), (12, "w")])


@pytest.fixture
def bundle(tmp_path: Path, log: Path) -> Path:
    tables = {"recommendations": listed("v1", None, "ab", 1.1), "reads": [answer(10, "u", "v1"), answer(12, "w", "v1")]}
    return make_bundle(tmp_path / "bundle", log, tables)


def publish(folder: Path, bundle: Path, log: Path, options: Options) -> dict[str, Any]:
    write_judgement(folder, judge([bundle], log, options))
    return read_judgement(folder)


def test_nothing_differs_when_it_is_made_again_with_its_own_options(tmp_path: Path, log: Path, bundle: Path) -> None:
    published = publish(tmp_path / "out", bundle, log, Options(horizon_hours=3, stale_minutes=50))
    again = judge([bundle], log, options_of(published))
    assert differences(published, json.loads(json.dumps(again))) == []


def test_a_figure_a_bundle_and_a_sentence_that_differ_are_named(tmp_path: Path, log: Path, bundle: Path) -> None:
    published = publish(tmp_path / "out", bundle, log, Options())
    again = json.loads(json.dumps(published))
    [row] = [
        one for one in again["figures"] if (one["family"], one["measure"], one["slice"]) == ("quality", "ndcg", "all")
    ]
    row["value"] += 0.1
    again["arms"][0]["bundles"] = ["other"]
    again["headline"] = "Everybody won."
    assert [sentence.split(":")[0] for sentence in differences(published, again)] == [
        "hand",
        "hand / quality / ndcg / all",
        "headline is not what the figures say.",
    ]


def test_a_judgement_whose_table_was_altered_is_refused(tmp_path: Path, log: Path, bundle: Path) -> None:
    publish(tmp_path / "out", bundle, log, Options())
    document = json.loads((tmp_path / "out" / "judgement.json").read_text())
    document["figures"][0]["n"] += 1
    (tmp_path / "out" / "judgement.json").write_text(json.dumps(document))
    with pytest.raises(BadInput, match="do not hold the same figures"):
        read_judgement(tmp_path / "out")
    with pytest.raises(BadInput, match="holds no judgement"):
        read_judgement(tmp_path)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ({"options": None}, r"\$\.options: None is not of type 'object'"),
        ({"options": {"horizon_hours": 24, "stale_minutes": 75, "seed": 0}}, r"\$\.options: 'prices' is a required"),
        ({"arms": [{"arm": "hand"}]}, r"\$\.arms\[0\]: 'bundles' is a required"),
        ({"figures": ["none"]}, r"\$\.figures\[0\]: 'none' is not of type 'object'"),
    ],
)
def test_a_damaged_judgement_is_one_sentence(
    tmp_path: Path, log: Path, bundle: Path, damage: dict[str, Any], said: str
) -> None:
    published = publish(tmp_path / "out", bundle, log, Options())
    path = tmp_path / "out" / "judgement.json"
    path.write_text(json.dumps(published | damage))
    with pytest.raises(BadInput, match=rf"judgement\.json is damaged: {said}"):
        read_judgement(tmp_path / "out")
    path.write_text(json.dumps({name: one for name, one in published.items() if name not in damage}))
    with pytest.raises(BadInput, match=f"'{next(iter(damage))}' is a required property"):
        read_judgement(tmp_path / "out")


@pytest.mark.parametrize("option", ["--horizon", "--stale-after", "--prices", "--seed"])
def test_a_check_goes_by_the_published_options_alone(tmp_path: Path, log: Path, bundle: Path, option: str) -> None:
    command = ["compare", str(bundle), "--log", str(log), "--check", str(tmp_path), option, "24"]
    refused = CliRunner().invoke(app, command).exception
    assert isinstance(refused, BadInput)
    assert str(refused).startswith(f"{option} beside --check")


def test_a_judgement_is_not_written_where_something_else_is(
    tmp_path: Path, log: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_compare, "judge", None)  # refused before it is asked
    (tmp_path / "file").touch()
    for out in (log, bundle, tmp_path / "file", tmp_path / "file" / "below"):
        refused = CliRunner().invoke(app, ["compare", str(bundle), "--log", str(log), "--out", str(out)]).exception
        assert isinstance(refused, BadInput), out
        assert "give --out" in str(refused)


def test_where_the_page_cannot_be_drawn_nothing_is_written(
    tmp_path: Path, log: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_judgement: dict[str, Any]) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr(cli_compare, "comparison_page", fail)
    ran = CliRunner().invoke(app, ["compare", str(bundle), "--log", str(log), "--out", str(tmp_path / "out")])
    assert isinstance(ran.exception, ZeroDivisionError)
    assert not (tmp_path / "out").exists()


def test_the_command_checks_or_makes_but_not_both(tmp_path: Path, log: Path, bundle: Path) -> None:
    publish(tmp_path / "out", bundle, log, Options(horizon_hours=3))
    command = ["compare", str(bundle), "--log", str(log)]
    checked = CliRunner().invoke(app, [*command, "--check", str(tmp_path / "out")])
    assert checked.exit_code == 0, checked.output
    assert "figures come out again" in checked.output
    assert isinstance(CliRunner().invoke(app, command).exception, BadInput)
    other = make_bundle(tmp_path / "bundle", log, {"recommendations": listed("v1", None, "bc", 1.1)})
    differing = CliRunner().invoke(app, ["compare", str(other), "--log", str(log), "--check", str(tmp_path / "out")])
    assert isinstance(differing.exception, BadInput)
    assert "hand: its bundles are others" in differing.output
