"""The DAG that forgets a user: it is told a number, and says a number."""

import logging
from typing import Any

import pytest

from pipeline.privacy import erase as erasing
from pipeline.settings import Settings

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def erase_dag(dag_bag: Any) -> Any:
    return dag_bag.dags["treasure_hunt_erase"]


def test_it_runs_only_when_told_and_its_form_has_a_number_and_nothing_else(erase_dag: Any) -> None:
    assert not erase_dag.timetable.can_be_scheduled
    assert list(erase_dag.params) == ["number"]
    assert erase_dag.params.get_param("number").schema == {"type": "integer", "minimum": 1}


def test_a_run_carries_out_the_request_and_hands_on_counts_only(
    erase_dag: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def erase_request(settings: Settings, number: int) -> dict[str, int]:
        asked.append(number)
        return {"lake shop: events": 3, "serving database: user_recommendations": 4}

    monkeypatch.setattr(erasing, "erase_request", erase_request)
    run = erase_dag.test(run_conf={"number": 7})
    assert run.state == "success"
    assert asked == [7]


def test_a_wrong_number_is_one_sentence_in_the_log(erase_dag: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "treasure_hunt"):
        run = erase_dag.test(run_conf={"number": 7})
    assert run.state == "failed"
    assert any("there is no request 7; open are: none" in text for text in caplog.messages)
