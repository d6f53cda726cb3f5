"""`treasure-hunt rules check`: what the file would mean, and nothing is changed by asking."""

import pytest
from handmade_shop import FIRST, ingest, item, lake_files, open_shop

from pipeline.hours import format_hour
from pipeline.rules import rules_file
from pipeline.rules_check import check_rules
from pipeline.settings import Settings

LINES = """rule,item_id,category,value,starts_at,ends_at,note
block,a,,,,,recalled
boost,,toys,2,2026-01-05T12:01Z,,
block,gone,,,,,
pin,b,,30,,2026-01-05T11:30Z,
fresh,,,0.01,,,
"""


@pytest.fixture
def shop(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    catalog = [item("a", category="toys"), item("b", category="toys"), item("c")]
    settings = open_shop(tmp_path_factory.mktemp("shop"), catalog, [])
    rules_file(settings).parent.mkdir()
    rules_file(settings).write_text(LINES, encoding="utf-8")
    ingest(settings)
    return settings


def test_each_line_is_said_to_hold_or_not_and_how_many_items_it_names(shop: Settings) -> None:
    before = lake_files(shop)
    checked = check_rules(shop, FIRST, FIRST.replace(hour=11))
    assert [(line.line, line.state, line.items) for line in checked.lines] == [
        (2, "active", 1),
        (3, "to come", 2),
        (4, "active", 0),
        (5, "over", 1),
        (6, "active", None),
    ]
    assert [remark.partition(" (")[0] for remark in checked.remarks] == ["line 4", "line 5", "line 6"]
    assert lake_files(shop) == before


def test_a_pin_of_what_cannot_be_bought_is_warned_of(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = open_shop(tmp_path_factory.mktemp("shop"), [item("a", is_available=False), item("b")], [])
    rules_file(settings).parent.mkdir()
    rules_file(settings).write_text("rule,item_id,value\npin,a,1\npin,b,2\n", encoding="utf-8")
    ingest(settings)
    told = "line 2 (pin item a (1)) names an item that cannot be bought: it is not shown"
    assert check_rules(settings, FIRST, FIRST).remarks == [told]


def test_a_file_that_blocks_everything_is_warned_of(shop: Settings) -> None:
    rules_file(shop).write_text("rule,category\nblock,toys\nblock,games\n", encoding="utf-8")
    assert "everything that is available is blocked: such an hour is refused" in check_rules(shop, FIRST, FIRST).remarks


def test_without_a_catalog_or_an_hour_the_file_is_read_all_the_same(shop: Settings) -> None:
    checked = check_rules(shop, None, None)
    assert {(line.state, line.items) for line in checked.lines} == {("given", None)}


def test_the_command_shows_the_lines_and_what_is_odd(
    shop: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pipeline import cli

    monkeypatch.setenv("TREASURE_HUNT_HOME", str(shop.home))
    monkeypatch.setattr("sys.argv", ["treasure-hunt", "rules", "check", "--hour", format_hour(FIRST.replace(hour=11))])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr().out
    assert ended.value.code == 0
    assert "block item a" in said and "recalled" in said
    assert "3 active, 1 to come, 1 over" in said
    assert "line 4 (block item gone) names nothing of the catalog in use" in said
