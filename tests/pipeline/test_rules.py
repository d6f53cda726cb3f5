"""The rules file: what may stand in a line, and what is said of one that cannot be meant."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.errors import BadInput
from pipeline.rules import COLUMNS, describe, is_active, read_rules

HEADER = ",".join(COLUMNS)


def write(folder: Path, *lines: str, header: str = HEADER) -> Path:
    path = folder / "shop.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def test_no_file_is_no_rules(tmp_path: Path) -> None:
    assert read_rules(tmp_path / "shop.csv").num_rows == 0
    assert read_rules(write(tmp_path)).num_rows == 0


def test_lines_are_typed_and_known_by_their_number_in_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "block,a,,,,,recalled", "", " boost , ,toys,2.5,2026-11-27,2026-11-28T06:00+06:00,")
    block, boost = read_rules(path).to_pylist()
    assert (block["line"], block["rule"], block["item_id"], block["value"]) == (2, "block", "a", None)
    assert (boost["line"], boost["rule"], boost["category"], boost["value"]) == (4, "boost", "toys", 2.5)
    assert (boost["starts_at"], boost["ends_at"]) == (
        datetime(2026, 11, 27, tzinfo=UTC),
        datetime(2026, 11, 28, tzinfo=UTC),
    )
    assert [describe(block), describe(boost)] == ["block item a", "boost category toys (2.5)"]


def test_columns_that_are_not_needed_may_be_left_out_and_a_mark_at_the_start_of_the_file_does_not_matter(
    tmp_path: Path,
) -> None:
    path = write(tmp_path, "a,block", header="\ufeffitem_id,rule")
    assert [row["item_id"] for row in read_rules(path).to_pylist()] == ["a"]


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (["ban,a,,,,,"], "line 2: there is no rule 'ban'; the rules are block, pin, boost, cap, rebuy, fresh"),
        (["block,a,,,,,", "block,,,,,,"], "line 3: block is about an item_id or a category"),
        (["block,a,toys,,,,"], "line 2: block is about an item_id or a category"),
        (["pin,,toys,1,,,"], "line 2: pin is about an item_id"),
        (["cap,a,,1,,,"], "line 2: cap is about a category or neither item_id nor category"),
        (["fresh,a,,0.1,,,"], "line 2: fresh is about neither item_id nor category"),
        (["block,a,,1,,,"], "line 2: block has no value; leave '1' out"),
        (["pin,a,,1.5,,,"], "line 2: the value of pin is the rank: a whole number from 1 to 1000, not '1.5'"),
        (
            ["boost,a,,0,,,"],
            "line 2: the value of boost is the factor of the score: a number from 0.01 to 100, not '0'",
        ),
        (["boost,a,,nan,,,"], "line 2: the value of boost is the factor of the score"),
        (["fresh,,,10%,,,"], "line 2: the value of fresh is the share of a list: a number from 0 to 1, not '10%'"),
        (
            ["rebuy,,,,,,"],
            "line 2: the value of rebuy is days since the last purchase: a number from 0 to 3650, not ''",
        ),
        (["block,a,,,tomorrow,,"], "line 2: starts_at is a moment such as 2026-11-27"),
        (["block,a,,,2026-11-28,2026-11-28,"], "line 2: ends_at is not after starts_at"),
        (["block,a,,"], "line 2: 4 cells under 7 columns"),
        (["ban,,,,,,", "ban,,,,,,", "ban,,,,,,"], r"\(2 more lines are wrong\)"),
        (["pin,a,,1,,,", "pin,b,,1,,,"], "line 3: it pins an item to the rank of line 2 at the same time; leave one"),
        (["pin,a,,1,,,", "pin,a,,2,,,"], "line 3: it says something else about the same than line 2 at the same time"),
        (["fresh,,,0.1,,,", "fresh,,,0.2,,,"], "line 3: it says something else about the same than line 2"),
    ],
)
def test_a_line_that_cannot_be_meant_is_named(tmp_path: Path, lines: list[str], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence) as refused:
        read_rules(write(tmp_path, *lines))
    assert str(tmp_path / "shop.csv") in str(refused.value)


@pytest.mark.parametrize("header", ["item_id,category", "rule;item_id", "rule,rule", "rule,who"])
def test_other_columns_are_refused(tmp_path: Path, header: str) -> None:
    with pytest.raises(BadInput, match="line 1: the columns are rule, item_id"):
        read_rules(write(tmp_path, header=header))


def test_bytes_that_are_no_text_and_more_lines_than_can_be_meant_are_refused(tmp_path: Path) -> None:
    (tmp_path / "shop.csv").write_bytes(b"rule,item_id\nblock,\xff\n")
    with pytest.raises(BadInput, match="is not a CSV file in UTF-8"):
        read_rules(tmp_path / "shop.csv")
    with pytest.raises(BadInput, match="holds 10,001 rules"):
        read_rules(write(tmp_path, *["block,a,,,,,"] * 10_001))


def test_rules_about_the_same_may_follow_each_other(tmp_path: Path) -> None:
    path = write(tmp_path, "pin,a,,1,,2026-11-27,", "pin,b,,1,2026-11-27,,", "boost,a,,2,,,", "boost,a,,3,,,")
    first, second, *_ = read_rules(path).to_pylist()
    moment = datetime(2026, 11, 27, tzinfo=UTC)
    assert [is_active(first, moment), is_active(second, moment)] == [False, True]
