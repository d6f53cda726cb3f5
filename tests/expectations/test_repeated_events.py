from pathlib import Path

from broken_tables import broken_rules

SAME = [{"row": 1, "what_changed": None}]
OTHER = {"row": 2, "what_changed": "item_id"}


def test_a_repeated_id_with_another_body_breaks_the_rule(tmp_path: Path) -> None:
    assert broken_rules("repeated_events", [*SAME, OTHER], [OTHER], tmp_path) == (["event_id_reused"], [])


def test_a_repeated_id_with_the_same_body_breaks_none(tmp_path: Path) -> None:
    assert broken_rules("repeated_events", SAME, [OTHER], tmp_path) == ([], [])
