"""What is said of arms: who won what, and what is not said where nobody can know."""

from typing import Any

import pytest

from pipeline.comparison.verdict import decide, rivals_of

ARM = {"kind": "other", "cadence_seconds": None}


def decided(**arms: dict[str, Any]) -> dict[str, Any]:
    """The verdict on arms by their p50, NDCG, dollars, and upper bound of how far they are behind the best."""
    figures = []
    for arm, said in arms.items():
        behind = {"value": said.get("behind", 0.0), "low": None, "high": said.get("high")}
        rows: dict[tuple[str, str], dict[str, Any]] = {
            ("freshness", "p50"): {"value": said.get("p50", 60.0)},
            ("quality", "ndcg"): {"value": said.get("ndcg", 0.2), "low": None, "high": None},
            ("behind_best", "ndcg"): behind,
            ("cost", "usd_per_million_events"): {"value": said.get("usd")},
        }
        figures += [
            {"arm": arm, "family": family, "measure": measure, "slice": "all"} | row
            for (family, measure), row in rows.items()
        ]
        rival = {"arm": arm, "family": "behind_best", "measure": "ndcg", "slice": "rivals"}
        figures += [
            {"arm": arm, "family": "recovery", "measure": "bad_rows", "slice": name} for name in said.get("met", ())
        ]
        figures.append(rival | behind | {"high": said.get("rival", said.get("high"))})
    return decide([ARM | {"arm": arm, "kind": said.get("kind", "other")} for arm, said in arms.items()], figures)


def test_of_too_few_users_nobody_is_as_good_as_the_best_and_nothing_is_enough() -> None:
    found = decided(quick={"p50": 1.0}, slow={"behind": -0.1, "ndcg": 0.1})
    assert [one["is_as_good"] for one in found["frontier"]] == [None, None]
    assert found["enough"] is None
    assert any("too few users to say whether slow differ" in sentence for sentence in found["sentences"])
    assert not any(sentence.startswith("Past ") for sentence in found["sentences"])


def test_of_enough_users_the_slowest_as_good_as_the_best_is_enough() -> None:
    found = decided(quick={"p50": 1.0, "high": 0.0}, slow={"behind": -0.1, "ndcg": 0.1, "high": 0.01})
    assert [one["is_as_good"] for one in found["frontier"]] == [True, True]
    assert found["enough"] == "slow"
    assert found["sentences"][-1].startswith("Past slow ")


def test_the_best_rival_is_held_against_the_other_rivals_when_a_control_beats_them_all() -> None:
    control = {"kind": "control", "ndcg": 0.15, "high": 0.0}
    a, b = {"ndcg": 0.1, "high": -0.04, "rival": 0.0}, {"ndcg": 0.0999, "high": -0.0401, "rival": 0.0003}
    found = decided(a=a, b=b, c=control)
    assert "Best lists: a, though not beyond chance." in found["headline"]
    assert (
        "Best lists were those of a: NDCG 0.1000, behind the control c with 0.1500; not to be told from b."
        in found["sentences"]
    )
    sure = decided(a=a, b=b | {"ndcg": 0.07, "rival": -0.02}, c=control)
    assert "Best lists: a." in sure["headline"]
    assert any(sentence.endswith("with 0.1500; beyond chance better than b.") for sentence in sure["sentences"])


def test_an_arm_that_met_faults_wins_nothing_where_two_others_met_none() -> None:
    faulty = {"p50": 1.0, "usd": 1.0, "ndcg": 0.3, "high": 0.0, "met": ("killed",)}
    hourly = {"p50": 60.0, "usd": 2.0, "ndcg": 0.2, "high": -0.09, "rival": 0.0}
    slow = {"p50": 90.0, "usd": 3.0, "ndcg": 0.1, "high": -0.19, "rival": -0.09}
    found = decided(faulty=faulty, hourly=hourly, slow=slow)
    assert found["headline"] == "Freshest: hourly. Best lists: hourly. Cheapest: hourly."
    assert any(
        "0.2000, behind faulty with 0.3000; beyond chance better than slow." in one for one in found["sentences"]
    )


@pytest.mark.parametrize(
    ("kinds", "faulty", "rivals"),
    [
        ({"a": "batch", "b": "other", "c": "control"}, "", "ab"),
        ({"a": "batch", "b": "batch", "c": "batch"}, "b", "ac"),
        ({"a": "batch", "b": "batch", "c": "control"}, "b", "ac"),  # one rival alone: the control is compared too
        ({"a": "batch", "b": "batch"}, "b", "ab"),
        ({"a": "batch", "b": "batch", "c": "control"}, "abc", "ab"),  # all met the same
        ({"a": "batch", "b": "control", "c": "control"}, "ab", "abc"),
        ({"a": "batch"}, "", "a"),
    ],
)
def test_rivals_are_no_controls_and_met_no_faults_where_there_are_two_such(
    kinds: dict[str, str], faulty: str, rivals: str
) -> None:
    assert rivals_of([{"arm": arm, "kind": kind} for arm, kind in kinds.items()], faulty) == list(rivals)


@pytest.mark.parametrize(
    ("third", "said"),
    [
        ({"usd": 2.0}, "The lowest price is that of all arms: 2 USD a million events by the price sheet."),
        ({"usd": 3.0}, "The lowest price is that of a, b: 2 USD a million events by the price sheet."),
        ({"usd": 1.0}, "Cheapest was c: 1 USD a million events by the price sheet; dearest was b with 2 USD."),
    ],
)
def test_equal_prices_have_no_winner(third: dict[str, Any], said: str) -> None:
    found = decided(a={"usd": 2.0}, b={"usd": 2.0}, c=third)
    assert said in found["sentences"]
    assert ("Cheapest" in found["headline"]) == said.startswith("Cheapest")


@pytest.mark.parametrize(("second", "is_told"), [(2.1, False), (2.11, True)])
def test_prices_within_5_percent_have_no_winner(second: float, is_told: bool) -> None:
    found = decided(a={"usd": second}, b={"usd": 2.0}, c={"usd": 4.0})
    close = "Cheapest, within 5 %, were b and a: 2 to 2.1 USD a million events by the price sheet."
    alone = "Cheapest was b: 2 USD a million events by the price sheet; dearest was c with 4 USD."
    assert (alone if is_told else close) in found["sentences"]
    assert ("Cheapest: b." in found["headline"]) == is_told


def test_one_arm_alone_wins_nothing() -> None:
    found = decided(only={"usd": 2.0, "high": 0.0})
    assert (found["headline"], found["enough"]) == ("", None)
    assert found["sentences"] == [
        "only: half of the events visible within 60 s, NDCG 0.2000, 2 USD a million events by the price sheet. "
        "There is no other arm to compare it with."
    ]
