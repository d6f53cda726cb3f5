"""Rules in a whole hour: what lists hold, what is said of each rule, and that an hour keeps the rules it was made with."""

from pathlib import Path
from typing import Any

import pytest
from handmade_shop import DERIVED, FIRST, derive, event, ingest, item, landed, lists_of, open_shop, rows

from pipeline import ruling
from pipeline.errors import AuditFailed, BadInput
from pipeline.line import run_stage
from pipeline.manifests import stage_facts
from pipeline.rules import rules_file
from pipeline.run import Run
from pipeline.serving import database
from pipeline.serving.contract import Asked
from pipeline.serving.lists import ListReader
from pipeline.settings import Settings
from pipeline.stages import publish as publishing
from pipeline.verify import verify_hour

CATALOG = [item(name, category="toys" if name in "abcd" else "tools") for name in "abcdefgh"]
EVENTS = [
    *(
        event("click", f"u{user}", name, minute=place)
        for user in range(12)
        for place, name in enumerate("abcdef"[user % 3 :])
    ),
    *(event("purchase", "u1", name, minute=20) for name in "ae"),
    *(event("search", f"u{user}", "lamp", minute=30) for user in range(4)),
    *(event("click", f"u{user}", "b", minute=31) for user in range(4)),
]
TABLES = {
    "user_recommendations": ("user_id", "item_id"),
    "query_recommendations": ("query", "item_id"),
    "similar_items": ("item_id", "similar_item_id"),
    "popular_items": ("segment", "item_id"),
}


def write_rules(settings: Settings, *lines: str) -> None:
    rules_file(settings).parent.mkdir(exist_ok=True)
    text = "\n".join(["rule,item_id,category,value,starts_at,ends_at", *lines])
    rules_file(settings).write_text(text, encoding="utf-8")


def run_hour(folder: Path, *lines: str, **knobs: Any) -> Settings:
    settings = open_shop(folder, CATALOG, EVENTS, **{"holdout_share": 0.0, "k": 4, "factors": 4, **knobs})
    if lines:
        write_rules(settings, *lines)
    ingest(settings)
    derive(settings)
    return settings


def lists(settings: Settings) -> dict[str, dict[str, list[str]]]:
    return {table: lists_of(settings, table, *names) for table, names in TABLES.items()}


def changed(settings: Settings) -> dict[int, dict[str, Any]]:
    found = stage_facts(Run(FIRST, settings), "recommend")["rules"]
    return {one["line"]: one["changed"] for one in found}


def test_what_is_blocked_stands_nowhere_and_lists_are_full_all_the_same(tmp_path: Path, serving_url: str) -> None:
    settings = run_hour(tmp_path, "block,b,,,,", serving_url=serving_url)
    for table, found in lists(settings).items():
        for owner, listed in found.items():
            assert "b" not in listed, (table, owner)
            assert len(listed) >= min(4, 7 - 2) or table == "popular_items"
    assert run_stage("publish", FIRST, settings).facts["outcome"] == "live"
    engine = database.connect(settings.serving)
    try:
        reader = ListReader(engine, settings.source, settings.arm, 90.0)
        asked = [Asked(user="u0"), Asked(user="nobody"), Asked(query="lamp"), Asked(item="a"), Asked(segment="toys")]
        answers = [reader.read(one).rows for one in asked]
    finally:
        engine.dispose()
    assert all(answers)
    assert "b" not in {row.item_id for answer in answers for row in answer}
    effects = changed(settings)[2]
    assert set(effects) == set(TABLES)
    assert all(0 < one["lists"] <= one["places"] for one in effects.values())


def test_a_version_that_lists_a_blocked_item_is_refused(
    tmp_path: Path, serving_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = run_hour(tmp_path, serving_url=serving_url)
    monkeypatch.setattr(publishing, "blocked_ids", lambda ruling: ["b"])
    with pytest.raises(AuditFailed, match="rows list an item that a rule blocks"):
        run_stage("publish", FIRST, settings)


def test_so_many_items_may_be_blocked_that_lists_are_short(tmp_path: Path, serving_url: str) -> None:
    settings = run_hour(tmp_path, "block,,tools,,,", "block,a,,,,", "block,b,,,,", serving_url=serving_url)
    assert run_stage("publish", FIRST, settings).facts["outcome"] == "live"
    assert lists(settings)["popular_items"]["all"] == ["c", "d"]
    assert lists(settings)["similar_items"]["c"] == ["d"]
    assert set(lists(settings)["similar_items"]["b"]) == {"c", "d"}


def test_a_rule_changes_what_it_is_about_and_one_that_changed_nothing_is_said(tmp_path: Path) -> None:
    lines = ["pin,h,,1,,", "block,gone,,,,", "boost,,tools,2,2026-01-05T11:00Z,", "boost,,tools,2,2026-01-05T11:01Z,"]
    settings = run_hour(tmp_path, *lines)
    found = lists(settings)
    assert {listed[0] for listed in found["user_recommendations"].values()} == {"h"}
    assert found["popular_items"]["all"][0] == "h"
    effects = changed(settings)
    assert effects[2]["user_recommendations"] == {"places": 12, "lists": 12}
    assert effects[2]["popular_items"] == {"places": 1, "lists": 1}
    assert effects[3] == effects[5] == {}
    facts = stage_facts(Run(FIRST, settings), "recommend")
    assert [one["is_active"] for one in facts["rules"]] == [True, True, True, False]
    notes = run_stage("recommend", FIRST, settings).notes
    assert any("3 of 4 hold" in note and "line 3 (block item gone)" in note for note in notes)


def test_a_cap_bounds_a_category_in_users_lists_alone(tmp_path: Path) -> None:
    settings = run_hour(tmp_path, "cap,,,2,,")
    for listed in lists(settings)["user_recommendations"].values():
        assert len([name for name in listed if name in "abcd"]) == 2
    assert set(changed(settings)[2]) == {"user_recommendations"}


def test_what_was_bought_comes_back_when_a_rule_says_so(tmp_path: Path, serving_url: str) -> None:
    owned = {"a", "e"}
    plain = run_hour(tmp_path / "plain", k=8)
    assert not owned & set(lists(plain)["user_recommendations"]["u1"])
    again = run_hour(tmp_path / "again", "rebuy,,toys,0,,", k=8, serving_url=serving_url)
    assert owned & set(lists(again)["user_recommendations"]["u1"]) == {"a"}
    assert changed(again)[2] == {"user_recommendations": {"places": 1, "lists": 1}}
    assert run_stage("publish", FIRST, again).facts["outcome"] == "live"


def test_items_that_are_new_in_the_catalog_have_their_share_and_without_an_earlier_catalog_none_is(
    tmp_path: Path,
) -> None:
    settings = open_shop(tmp_path, CATALOG, EVENTS, holdout_share=0.0, k=4, factors=4, fresh_hours=1)
    write_rules(settings, "fresh,,,0.25,,")
    ingest(settings)
    results = derive(settings)
    assert any("no item counts as fresh" in note for note in results["recommend"].notes)
    import sqlalchemy as sa

    from pipeline.shop.database import CATALOG as STOCK

    engine = sa.create_engine(settings.shop_url)
    with engine.begin() as connection:
        connection.execute(sa.insert(STOCK), [item("new 1"), item("new 2")])
    engine.dispose()
    ingest(settings, 2)
    derive(settings, 1)
    for listed in lists_of(settings, "user_recommendations", "user_id", hour=1).values():
        assert len([name for name in listed if name.startswith("new")]) == 1
    assert len(landed(settings, "user_recommendations", 1)) == 12 * 4


def test_without_an_active_rule_lists_are_what_they_are_without_a_file(tmp_path: Path) -> None:
    plain = run_hour(tmp_path / "plain")
    ended = run_hour(tmp_path / "ended", "block,b,,,,2026-01-05T11:00Z")
    for table in TABLES:
        assert landed(plain, table).equals(landed(ended, table)), table


def test_an_hour_keeps_its_rules_until_it_is_pulled_again(tmp_path: Path) -> None:
    settings = run_hour(tmp_path, "block,b,,,,")
    write_rules(settings, "block,c,,,,")
    derive(settings)
    assert rows(settings, "shop_rules", "item_id") == [("b",)]
    assert "b" not in lists(settings)["popular_items"]["all"]
    run_stage("prepare", FIRST, settings, repull=True)
    assert rows(settings, "shop_rules", "item_id") == [("c",)]
    for stage in DERIVED[1:]:
        run_stage(stage, FIRST, settings)
    assert "c" not in lists(settings)["popular_items"]["all"]


def test_an_hour_is_verified_with_the_rules_that_it_was_made_with(tmp_path: Path) -> None:
    settings = run_hour(tmp_path, "block,b,,,,", "pin,h,,2,,")
    write_rules(settings, "block,c,,,,")
    results, _ = verify_hour(FIRST, settings)
    assert {one.table for one in results} >= {"shop_rules", "user_recommendations"}
    assert not [one.table for one in results if one.is_broken]


def test_a_cap_holds_though_all_candidates_are_of_one_category(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ruling, "CANDIDATES", 1)
    settings = run_hour(tmp_path, "cap,,,1,,", k=2)
    listed = lists(settings)["user_recommendations"]
    assert len(listed) == 12
    del listed["u1"]  # who bought the only other item that is looked at
    assert {tuple(sorted(name in "abcd" for name in names)) for names in listed.values()} == {(False, True)}


def test_a_line_that_cannot_be_meant_stops_the_hour(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, CATALOG, EVENTS)
    write_rules(settings, "ban,b,,,,")
    ingest(settings)
    with pytest.raises(BadInput, match=r"shop\.csv, line 2: there is no rule 'ban'"):
        run_stage("prepare", FIRST, settings)


def test_a_pin_is_read_at_its_rank_also_among_what_fills_a_list(tmp_path: Path, serving_url: str) -> None:
    settings = run_hour(tmp_path, "pin,a,,8,,", k=8, serving_url=serving_url)
    assert run_stage("publish", FIRST, settings).facts["outcome"] == "live"
    engine = database.connect(settings.serving)
    try:
        answer = ListReader(engine, settings.source, settings.arm, 90.0).read(Asked(user="u0"))
    finally:
        engine.dispose()
    assert {row.item_id for row in answer.rows[5:7]} == {"g", "h"}, "what fills the list"
    assert (answer.rows[7].item_id, answer.rows[7].source) == ("a", "popular")
