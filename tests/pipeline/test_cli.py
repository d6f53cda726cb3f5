"""The command line: what a person types, what a person reads, and one sentence for everything that can be mended."""

import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from handmade_shop import FIRST, event, ingest, is_conserved, item, ledger, lists_of, open_shop, rows

from pipeline import cli
from pipeline.files import ROOT
from pipeline.hours import HOUR, floor_hour, format_hour
from pipeline.line import run_stage
from pipeline.manifests import hour_folder, landed_hours
from pipeline.report.files import page_path
from pipeline.serving.contract import LONGEST_TEXT
from pipeline.settings import Settings
from pipeline.shop.database import read_world
from pipeline.tables import PRODUCERS

LAST = FIRST + 6 * HOUR


class Said(NamedTuple):
    """What came of a command."""

    code: int
    out: str
    err: str


Call = Callable[..., Said]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Call:
    """Calls the command line as the console script does, in the home of this test."""
    monkeypatch.setenv("TREASURE_HUNT_HOME", str(tmp_path / "var"))
    monkeypatch.setenv("TREASURE_HUNT_FACTORS", "8")
    monkeypatch.setenv("TREASURE_HUNT_ITERATIONS", "2")

    def run(*arguments: str, **environment: str) -> Said:
        with monkeypatch.context() as patched:
            for name, value in environment.items():
                patched.setenv(f"TREASURE_HUNT_{name.upper()}", value)
            patched.setattr(sys, "argv", ["treasure-hunt", *arguments])
            code = 0
            try:
                cli.main()
            except SystemExit as stop:
                code = int(stop.code or 0)
        out, err = capsys.readouterr()
        return Said(code, out, err)

    return run


def refused(said: Said) -> str:
    """The one sentence on standard error of a command that could not be done."""
    assert said.code == 1
    assert "Traceback" not in said.err + said.out
    (line,) = [line for line in said.err.splitlines() if line]
    assert line.startswith("treasure-hunt: ")
    return line.removeprefix("treasure-hunt: ")


# wrong input ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [["run"], ["verify"], ["backfill", "2026-01-01T00"]])
def test_an_hour_in_another_format_is_one_sentence(call: Call, command: list[str]) -> None:
    sentence = refused(call(*command, "2026-01-01 13:00"))
    assert sentence == "'2026-01-01 13:00' is not an hour; write it like 2026-01-01T13 (UTC)."


def test_an_hour_that_is_not_over_is_refused_with_the_newest_one_that_is(call: Call) -> None:
    now = floor_hour(datetime.now(UTC))
    newest = {format_hour(now - HOUR), format_hour(floor_hour(datetime.now(UTC)) - HOUR)}
    for hour in (format_hour(now), "2100-01-01T00"):
        for command in (["run", hour], ["backfill", "2026-01-01T00", hour]):
            sentence = refused(call(*command))
            assert sentence.startswith(f"{hour} is not over yet; the newest hour that can run is ")
            newest.add(format_hour(floor_hour(datetime.now(UTC)) - HOUR))  # the hour may just have turned
            assert sentence.rstrip(".").split()[-1] in newest


def test_a_range_that_ends_before_it_starts_is_one_sentence(call: Call) -> None:
    sentence = refused(call("backfill", "2026-01-02T00", "2026-01-01T00"))
    assert sentence == "the range ends (2026-01-01T00) before it starts (2026-01-02T00)."


def test_an_unknown_stage_source_or_setting_is_answered_with_the_valid_ones(call: Call) -> None:
    assert "cook is not a stage; the stages are ingest_events" in refused(
        call("run", "2026-01-01T00", "--only", "cook")
    )
    assert (
        "there is no source 'bakery'; the sources are bestbuy, csv_folder, json_folder, online_retail, parquet_folder, shop."
        in refused(call("run", "2026-01-01T00", source="bakery"))
    )
    assert "TREASURE_HUNT_KK is not a setting; did you mean TREASURE_HUNT_K?" in refused(call("status", kk="3"))
    assert refused(call("status", k="many")).startswith("TREASURE_HUNT_K='many': ")
    assert "TREASURE_HUNT_START='soon': 'soon' is not an hour" in refused(call("status", start="soon"))


def test_a_source_that_is_not_there_is_one_sentence(call: Call, tmp_path: Path) -> None:
    assert "there is no database" in refused(call("run", "2026-01-01T00"))
    sentence = refused(call("run", "2026-01-01T00", source="bestbuy", source_url=str(tmp_path / "nowhere")))
    assert "nowhere is not a folder" in sentence
    (tmp_path / "file").write_text("no database" * 1000)
    assert "file is not a database" in refused(call("run", "2026-01-01T00", source_url=f"sqlite:///{tmp_path}/file"))
    sentence = refused(call("run", "2026-01-01T00", source_url="postgresql+psycopg://u:secret@127.0.0.1:1/x"))
    assert "does not answer" in sentence
    assert "secret" not in sentence


def test_a_home_that_cannot_be_used_is_one_sentence(call: Call, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for command in (["run", "2026-01-01T00"], ["simulate", "--from", "2026-01-01T00", "--to", "2026-01-01T00"]):
        assert "cannot be used" in refused(call(*command, home=str(tmp_path / "file")))


@pytest.mark.parametrize(
    "command", [["recommend", "u"], ["search", "q"], ["similar", "i"], ["versions"], ["rollback"], ["diff"], ["pin"]]
)
def test_a_serving_database_that_is_not_there_not_filled_or_not_one_is_one_sentence(
    call: Call, command: list[str], tmp_path: Path
) -> None:
    assert "nothing is published yet" in refused(call(*command))
    sentence = refused(call(*command, serving_url="postgresql://u:secret@127.0.0.1:1/x"))
    assert "does not answer" in sentence
    assert "secret" not in sentence
    assert "must be an SQLite file or PostgreSQL" in refused(call(*command, serving_url="mysql://u:secret@h/x"))


@pytest.mark.parametrize("command", ["recommend", "search", "similar"])
def test_bytes_that_are_no_text_are_one_sentence(call: Call, command: str) -> None:
    assert refused(call(command, "\udcff")) == r"'\udcff' is not text in UTF-8."


def test_an_empty_query_is_one_sentence(call: Call) -> None:
    assert refused(call("search", " \t ")) == "the query is empty; give what somebody would type."


def test_an_hour_that_did_not_run_cannot_be_verified(call: Call) -> None:
    assert "2026-01-01T00 has not run for source shop" in refused(call("verify", "2026-01-01T00"))


def test_an_unknown_command_or_option_is_explained_without_a_traceback(call: Call) -> None:
    for command in (["rnu"], ["run"], ["run", "2026-01-01T00", "--onyl", "train"], ["status", "--hours", "some"]):
        said = call(*command)
        assert said.code == 2
        assert "Traceback" not in said.err
        assert "Usage: " in said.err
        assert "Error: " in said.err


def test_the_script_itself_prints_no_traceback(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "TREASURE_HUNT_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "run", "yesterday"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "treasure-hunt: 'yesterday' is not an hour; write it like 2026-01-01T13 (UTC).\n"


def test_a_defect_is_not_dressed_up_as_a_mistake_of_the_person(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(cli, "load_settings", crash)
    with pytest.raises(ZeroDivisionError):
        call("status")


# the shop ------------------------------------------------------------------------------------------------------------


def test_simulate_trades_the_hours_named_and_says_so(call: Call, tmp_path: Path) -> None:
    arguments = ("--users", "30", "--items", "40", "--events-per-hour", "50", "--seed", "3")
    said = call("simulate", "--from", "2026-01-05T10", "--to", "2026-01-05T12", *arguments)
    assert said.code == 0
    assert re.search(r"\d+ rows traded from 2026-01-05T10 to 2026-01-05T12 in sqlite:///", said.out.replace("\n", " "))
    world = read_world(f"sqlite:///{tmp_path}/var/shop.db")
    assert (world.seed, world.users, world.items) == (3, 30, 40)
    sentence = refused(call("simulate", "--from", "2026-01-05T10", "--to", "2026-01-05T10", "--users", "31"))
    assert "holds the shop of seed=3, users=30, items=40" in sentence


def test_run_runs_every_stage_and_run_only_those_named(call: Call, traded: Settings) -> None:
    said = call("run", "2026-01-05T10", "--only", "ingest_catalog,ingest_events")
    assert said.code == 0
    assert [line.split()[1] for line in said.out.splitlines() if line.startswith("2026")] == [
        "ingest_events",
        "ingest_catalog",
    ]
    said = call("run", "2026-01-05T10")
    assert said.code == 0
    lines = [line for line in said.out.splitlines() if line.startswith("2026-01-05T10")]
    assert [line.split()[1] for line in lines][-3:] == ["publish", "review", "report"]
    assert [("reused" in line) for line in lines] == [True, True] + [False] * 7
    assert "rows in" in lines[0]
    assert "is live" in said.out
    again = call("run", "2026-01-05T10", "--only", "ingest_events", "--repull")
    assert "reused" not in again.out


def test_a_stage_that_cannot_run_yet_says_what_comes_first(call: Call, traded: Settings) -> None:
    assert refused(call("run", "2026-01-05T10", "--only", "train")) == (
        "train of 2026-01-05T10 needs interactions, which has not landed; run prepare first."
    )


def test_a_failed_run_leaves_its_manifest_and_status_shows_the_sentence(call: Call, traded: Settings) -> None:
    sentence = refused(call("run", "2026-01-05T10", malformed_limit="0", gate_min_rows="1"))
    assert "rows are malformed" in sentence
    assert (hour_folder(traded.lake, FIRST) / "failed/ingest_events/manifest.json").exists()
    call("run", "2026-01-05T11", "--only", "ingest_events")
    said = call("status")
    assert said.code == 0
    assert "nothing is published yet" in said.out
    assert "failed: 2026-01-05T10 ingest_events: events:" in said.out
    assert str(traded.reports / "index.html") in said.out.replace("\n", "")
    assert page_path(traded.reports, FIRST).exists()  # a blocked hour is reported as well


def test_a_backfill_that_is_refused_reports_its_hours_all_the_same(call: Call, traded: Settings) -> None:
    sentence = refused(call("backfill", "2026-01-05T10", "2026-01-05T12", malformed_limit="0", gate_min_rows="1"))
    assert "rows are malformed" in sentence
    assert page_path(traded.reports, FIRST).exists()
    assert not page_path(traded.reports, FIRST + HOUR).exists()  # nothing of it has run


def test_backfill_runs_a_range_and_prints_the_sum_of_the_ledgers(call: Call, traded: Settings) -> None:
    said = call("backfill", "2026-01-05T10", "2026-01-05T12", "--only", "ingest_events,ingest_catalog")
    assert said.code == 0
    assert landed_hours(traded.lake, "ingest_catalog", FIRST, FIRST + 9 * HOUR) == [
        FIRST,
        FIRST + HOUR,
        FIRST + 2 * HOUR,
    ]
    numbers = {name: int(count.replace(",", "")) for name, count in re.findall(r"events (\w+) +([\d,]+)", said.out)}
    assert is_conserved(numbers | {"by_rule": {"all": numbers["quarantined"]}})
    assert numbers["delivered"] == sum(ledger(traded, step)["delivered"] for step in range(3))


# what is served ------------------------------------------------------------------------------------------------------


def listed(said: Said) -> list[str]:
    """The item ids of a printed list."""
    return [
        words[1] for line in said.out.splitlines() if (words := line.split()) and words[0].isdigit() and len(words) > 1
    ]


def test_status_shows_what_is_live_its_age_and_the_hours(call: Call, ran: Settings) -> None:
    said = call("status", "--hours", "3")
    assert said.code == 0
    assert re.search(
        r"live: shop/batch 2026-01-05T16-[0-9a-f]{12}, tier full, data to 2026-01-05 17:00 UTC, .* old", said.out
    )
    assert [line.split()[0] for line in said.out.splitlines() if line.startswith("2026")] == [
        "2026-01-05T16",
        "2026-01-05T15",
        "2026-01-05T14",
    ]


def test_status_tells_how_the_hours_went_while_the_serving_database_is_down(call: Call, traded: Settings) -> None:
    refused(call("run", "2026-01-05T10", malformed_limit="0", gate_min_rows="1"))
    said = call("status", serving_url="postgresql://me:secret@127.0.0.1:1/shop")
    assert said.code == 0
    lines = said.out.splitlines()
    (silent,) = (line for line in lines if "does not answer" in line)
    assert silent.startswith("the serving database postgresql+psycopg://me:***@127.0.0.1:1/shop does not answer: ")
    (failed,) = (line for line in lines if line.startswith("failed: 2026-01-05T10 ingest_events: "))
    assert len(failed) > 140, "a sentence is never folded in a pipe"


def test_status_before_anything_ran_says_what_to_do(call: Call, tmp_path: Path) -> None:
    said = call("status")
    assert said.code == 0
    assert "nothing has landed yet for source shop" in said.out
    assert not (tmp_path / "var").exists()


def test_recommend_prints_the_users_list_in_order(call: Call, ran: Settings) -> None:
    user, expected = next(iter(lists_of(ran, "user_recommendations", "user_id", hour=6).items()))
    said = call("recommend", user)
    assert said.code == 0
    assert listed(said) == expected
    assert "personal list of version 2026-01-05T16-" in said.out


def popular(settings: Settings) -> list[str]:
    return lists_of(settings, "popular_items", "segment", hour=6)["all"][: settings.k]


def test_an_unknown_user_gets_the_popular_list_and_it_is_said(call: Call, ran: Settings) -> None:
    said = call("recommend", "nobody'; drop table live; --")
    assert said.code == 0
    assert 'user "nobody\'; drop table live; --" has no list of their own: the popular one' in said.out
    assert listed(said)[: ran.k] == popular(ran)


def test_search_prints_the_list_of_a_query_however_it_is_typed(call: Call, ran: Settings) -> None:
    query, expected = next(iter(lists_of(ran, "query_recommendations", "query", hour=6).items()))
    for typed in (query, f"  {query.upper()} "):
        said = call("search", typed)
        assert said.code == 0
        assert listed(said) == expected
    said = call("search", "something that nobody ever typed")
    assert "'something that nobody ever typed' is too rare for a list of its own: the popular list" in said.out
    assert listed(said)[: ran.k] == popular(ran)


def test_similar_prints_the_list_of_an_item(call: Call, ran: Settings) -> None:
    name, expected = next(iter(lists_of(ran, "similar_items", "item_id", "similar_item_id", hour=6).items()))
    said = call("similar", name)
    assert listed(said) == expected
    said = call("similar", "nothing")
    assert "item 'nothing' has no list of its own: the popular one" in said.out
    assert listed(said)[: ran.k] == popular(ran)


@pytest.mark.parametrize("command", ["recommend", "search", "similar", "item"])
@pytest.mark.parametrize("name", ["", "u" * (LONGEST_TEXT + 1)])
def test_names_are_as_long_as_over_http(call: Call, command: str, name: str) -> None:
    assert refused(call(command, name)) == f"give between 1 and 512 characters, not {len(name)}."


@pytest.mark.parametrize("command", ["recommend", "status", "versions", "rollback", "diff", "probe"])
def test_a_serving_database_that_is_none_is_one_sentence(
    call: Call, tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "other.db"
    monkeypatch.setenv("TREASURE_HUNT_SERVING_URL", f"sqlite:///{path}")
    asked = [command, "u1"] if command == "recommend" else [command]
    assert "there is no such file" in (said := call(*asked)).out + said.err
    assert not path.exists()
    path.write_bytes(b"garbage" * 1000)
    said = call(*asked)
    assert f"{path} is damaged, or is no SQLite file (file is not a database)" in said.out + said.err
    assert "Traceback" not in said.out + said.err


def test_item_prints_what_the_catalogs_said_over_time(call: Call, tmp_path: Path) -> None:
    first, second = "2026-01-05 00:00:00", "2026-01-05 11:30:00"
    catalog = [
        item("a", price=1, updated_at=first),
        item("a", price=2, is_available=False, updated_at=second),
        item("b"),
    ]
    settings = open_shop(tmp_path / "var", catalog, [])
    for step in range(2):
        run_stage("ingest_catalog", FIRST + step * HOUR, settings)
    lines = [line.split()[:5] for line in call("item", "a").out.splitlines() if line.startswith("2026")]
    assert lines == [
        ["2026-01-05T10", "2026-01-05T11", "1.00", "EUR", "yes"],
        ["2026-01-05T11", "2.00", "EUR", "no", "Title"],
    ]
    (line,) = [line for line in call("item", "a", "--at", "2026-01-05T10").out.splitlines() if line.startswith("2026")]
    assert "1.00 EUR" in line
    with sqlite3.connect(tmp_path / "var" / "shop.db") as shop:
        shop.execute("delete from catalog where item_id = 'b'")
    run_stage("ingest_catalog", FIRST + 2 * HOUR, settings)
    assert refused(call("item", "b", "--at", "2026-01-05T12")) == (
        "item 'b' is not in the catalog of 2026-01-05T12; it was until 2026-01-05T12."
    )
    assert refused(call("item", "x")) == "item 'x' is not in the catalog of 2025-12-06T12 to 2026-01-05T12."


def test_item_before_anything_landed_says_what_to_do(call: Call) -> None:
    assert refused(call("item", "a")) == "nothing has landed yet for source shop; run `treasure-hunt run HOUR`."


def test_status_says_when_the_catalog_in_use_is_not_the_hours_own(call: Call, tmp_path: Path) -> None:
    settings = open_shop(tmp_path / "var", [item("a")], [])
    ingest(settings)
    with sqlite3.connect(tmp_path / "var" / "shop.db") as shop:
        shop.execute("delete from catalog")
    ingest(settings, 2)
    said = call("status").out
    assert "catalog: 2026-01-05T11 uses that of 2026-01-05T10, 1.0 h old at its end (catalog_empty_delivered)" in said
    assert said.count("catalog: ") == 1


def test_rollback_goes_back_one_version_or_to_the_one_named_and_versions_shows_it(call: Call, ran: Settings) -> None:
    def versions() -> dict[str, bool]:
        found = re.findall(r"^(2026-\S+) +published .*?(live)?\s*$", call("versions").out, re.MULTILINE)
        return {version: bool(live) for version, live in found}

    (newer, older), before = versions(), versions()
    assert before == {newer: True, older: False}
    assert (
        call("rollback").out.strip() == f"{older} is live until a newer hour is published; `treasure-hunt pin` keeps it"
    )
    assert versions() == {newer: False, older: True}
    assert "there is no version before it" in refused(call("rollback"))
    assert call("rollback", newer).out.startswith(f"{newer} is live until")
    assert "is not a version to go back to" in refused(call("rollback", "2020-01-01T00-0123456789ab"))
    assert versions() == before


def test_a_pinned_version_stays_until_it_is_unpinned_and_every_command_says_so(call: Call, ran: Settings) -> None:
    newer, older = re.findall(r"^(2026-\S+) +published", call("versions").out, re.MULTILINE)
    said = call("rollback", "--pin", "--why", "bad prices").out
    assert f"{older} is live" in said
    assert re.search(rf"{older} is pinned since .* UTC \(bad prices\); `treasure-hunt unpin`", said)
    assert re.search(rf"^{older} .*pinned, live\s*$", call("versions").out, re.MULTILINE)
    assert f"{older} is pinned since" in call("status").out
    until = "until the next hour is published (`--advance` goes to the newest at once)"
    assert call("unpin").out.strip() == f"nothing is pinned any more; {older} is live {until}"
    assert "nothing to unpin" in refused(call("unpin"))
    assert f"{older} is pinned since " in call("pin", "--why", "a sale").out
    assert re.search(rf"{older} is pinned since .* UTC \(a sale\); `treasure-hunt unpin`", call("pin").out)
    assert call("unpin", "--advance").out.strip() == f"nothing is pinned any more; {newer} is live"


def test_diff_compares_live_with_the_version_before_it_and_names_no_user(call: Call, ran: Settings) -> None:
    newer, older = re.findall(r"^(2026-\S+) +published", call("versions").out, re.MULTILINE)
    said = call("diff").out
    assert said.startswith(f"A {older}\nB {newer}\n")
    assert re.search(r"^users with a list +\d+ +\d+ +[+-]\d+\.\d%", said, re.MULTILINE)
    assert re.search(r"mean share of the top 10 kept +\d+\.\d%", said)
    assert "Items that gained most places in users' top 10" in said
    assert not re.search(r"\bu\d{6}\b", said)
    assert call("diff", newer, older).out.startswith(f"A {newer}\nB {older}\n")
    assert "is not in the serving database" in refused(call("diff", older, "2020-01-01T00-0123456789ab"))
    assert call("diff", newer[:13], older[:13]).out.startswith(f"A {newer}\nB {older}\n")
    assert f"A and B are both {newer}; `treasure-hunt versions`" in refused(call("diff", newer))


def test_verify_says_that_all_tables_are_the_same_or_names_those_that_differ(call: Call, ran: Settings) -> None:
    said = call("verify", "2026-01-05T16")
    assert said.code == 0
    assert f"all {len(PRODUCERS)} tables are byte-identical" in said.out
    manifest = hour_folder(ran.lake, LAST) / "recommend.json"
    sha = re.search(r'"similar_items": \{.*?"sha256": "(\w+)"', manifest.read_text(), re.DOTALL)
    assert sha
    manifest.write_text(manifest.read_text().replace(sha[1], "0" * 64))
    said = call("verify", "2026-01-05T16")
    assert said.code == 1
    sentence = "tables differ or are damaged: similar_items; docs/runbook.md says what that may mean."
    assert f"1 of {len(PRODUCERS)} {sentence}" in " ".join(said.err.split())
    assert "DAMAGED" in said.out


def test_no_answer_repeats_what_somebody_typed_in_a_log(
    call: Call, ran: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    query = rows(ran, "query_recommendations", "query", hour=6)[0][0]
    call("search", query)
    call("recommend", "somebody")
    assert query not in caplog.text
    assert "somebody" not in caplog.text


# a refused model -----------------------------------------------------------------------------------------------------


def test_run_accepts_a_refused_model_when_it_is_told_why_and_only_then(call: Call, tmp_path: Path) -> None:
    names = "abcdefghijklmnop"
    events = [
        event("click", f"u{user:02}", names[user % 2 * 8 + (user + step) % 8], minute=step)
        for user in range(60)
        for step in range(5)
    ]
    settings = open_shop(tmp_path / "var", [item(name) for name in names], events)
    small = {"min_model_users": "0", "min_joined_share": "0", "min_titled_share": "0", "data_docs": "false", "k": "3"}
    small["holdout_share"] = "0.5"
    hour, release = "2026-01-05T11", ("--only", "evaluate,recommend,publish,report")
    assert call("run", "2026-01-05T10", **small).code == 0
    sentence = refused(call("run", hour, **small, predecessor_limit="9"))
    assert "finds less than 9 times the hidden items" in sentence
    assert "--accept WHY" in sentence
    assert re.search(r"^live: shop/batch 2026-01-05T10-", call("status").out, re.MULTILINE)

    assert refused(call("run", hour, *release, "--accept", "  ", **small, predecessor_limit="9")) == sentence
    said = call("run", hour, *release, "--accept", "a new catalog", **small, predecessor_limit="9")
    assert (said.code, said.err) == (0, "")
    assert "accepted all the same: a new catalog" in said.out
    told = call("status").out
    assert re.search(r"^live: shop/batch 2026-01-05T11-", told, re.MULTILINE)
    assert "warned: 2026-01-05T11" in told and "a new catalog" in told
    page = page_path(settings.reports, FIRST + HOUR).read_text(encoding="utf-8")
    assert "and accepted: a new catalog" in page
