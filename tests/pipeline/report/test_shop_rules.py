"""Of an hour's page: what each rule of the shop changed."""

from pipeline.report.shop_rules import MOST_ROWS, shop_rules


def told(line: int, is_active: bool = True, **changed: dict[str, int]) -> dict[str, object]:
    return {"line": line, "rule": f"block item <{line}>", "note": None, "is_active": is_active, "changed": changed}


def test_without_rules_there_is_no_card() -> None:
    assert shop_rules([]) is None


def test_each_rule_has_its_counts_and_one_that_changed_nothing_is_said() -> None:
    page = shop_rules([told(2, user_recommendations={"places": 1234, "lists": 56}), told(3), told(4, is_active=False)])
    assert page is not None
    assert "The shop&#x27;s rules: 2 hold, 1 of them changed no list" in page
    assert "1,234" in page and "in 56" in page
    assert page.count("changed nothing") == 1
    assert page.count("not at this time") == 1
    assert "&lt;2&gt;" in page and "<2>" not in page


def test_a_long_file_is_cut_and_its_rest_counted_with_what_holds_first() -> None:
    page = shop_rules([told(line, is_active=line > 50) for line in range(2, MOST_ROWS + 52)])
    assert page is not None
    assert "and 50 more" in page
    assert f"&lt;{MOST_ROWS + 50}&gt;" in page
