"""Stage `review`: which lists are scored, against what, and what is said of them."""

from pathlib import Path

import pytest
from handmade_shop import FIRST, derive, event, ingest, item, landed, lists_of, open_shop, rows
from sqlalchemy import select

from pipeline.hours import HOUR
from pipeline.line import run_stage
from pipeline.manifests import hour_folder, read_manifest
from pipeline.run import Run
from pipeline.serving.database import connect, reading
from pipeline.serving.schema import prequential
from pipeline.settings import Settings
from pipeline.stages import review as stage
from pipeline.verify import verify_hour

NOTHING = "no hour of the 24 before this one has lists: there is nothing to score"
ITEMS = [item(name) for name in "abcdefgh"]
BEFORE = [event("click", f"u{user}", name, minute=at) for user in range(30) for at, name in enumerate("abc")]


def worked(home: Path, *events: dict[str, object], **knobs: object) -> Settings:
    """A shop whose 30 users clicked a, b and c in hour 0, of which there are lists; these events are of hour 1 or later."""
    settings = open_shop(home, ITEMS, [*BEFORE, *events], **knobs)
    ingest(settings, 3)
    derive(settings)
    return settings


def took(name: str, users: int, hour: int = 1, kind: str = "click") -> list[dict[str, object]]:
    return [event(kind, f"u{user}", name, hour=hour) for user in range(users)]


def inputs(settings: Settings, hour: int) -> dict[str, str]:
    manifest = read_manifest(Run(FIRST + hour * HOUR, settings), "review")
    assert manifest
    return dict(manifest["inputs"])


def figures(settings: Settings, hour: int = 1) -> dict[tuple[str, ...], float]:
    found = rows(settings, "prequential", "list", "slice", "metric", "value", "k", hour=hour)
    most = max((row[4] for row in found), default=0)
    return {row[:3]: row[3] for row in found if row[4] == most}


def test_the_first_hour_has_no_lists_before_it_and_says_so(tmp_path: Path) -> None:
    settings = open_shop(tmp_path, ITEMS, BEFORE)
    ingest(settings)
    derive(settings)
    assert run_stage("review", FIRST, settings).notes == (NOTHING,)
    assert landed(settings, "prequential").num_rows == 0


def test_figures_are_those_of_the_lists_that_the_hour_before_landed(tmp_path: Path) -> None:
    settings = worked(tmp_path, *took("d", 25), *took("a", 5), k=3)
    result = run_stage("review", FIRST + HOUR, settings)
    lists = lists_of(settings, "user_recommendations", "user_id")
    wanted = {f"u{user}": {"d"} | ({"a"} if user < 5 else set()) for user in range(25)}
    expected = sum(len(wanted[user] & set(lists[user])) / len(wanted[user]) for user in wanted) / 25
    assert figures(settings)["served", "all", "recall"] == pytest.approx(expected, abs=1e-9)
    popular = {row[1] for row in rows(settings, "popular_items", "segment", "item_id", "rank") if row[2] <= 3}
    assert popular == {"a", "b", "c"}
    assert figures(settings)["popular", "all", "recall"] == pytest.approx(5 / 2 / 25, abs=1e-9)
    assert result.facts["lists_of"] == "2026-01-05T10" and result.facts["users"] == 25
    assert set(rows(settings, "prequential", "age_hours", hour=1)) == {(1,)}


def test_lists_are_those_of_the_latest_hour_that_has_any_and_their_age_is_said(tmp_path: Path) -> None:
    settings = worked(tmp_path, *took("a", 25, hour=2))
    derive(settings, 1, ("prepare", "train"))  # no lists yet
    assert run_stage("review", FIRST + 2 * HOUR, settings).facts["age_hours"] == 2
    derive(settings, 1)
    assert run_stage("review", FIRST + 2 * HOUR, settings).facts["age_hours"] == 1
    assert {name for name in inputs(settings, 2) if name.endswith("@2026-01-05T11")} == {
        f"{table}@2026-01-05T11" for table in (*stage.BEFORE, "events")
    }


def test_an_hour_whose_lists_were_made_from_tables_that_are_gone_is_passed_over(tmp_path: Path) -> None:
    settings = worked(tmp_path, *took("a", 25, hour=2))
    derive(settings, 1)
    derive(settings.model_copy(update={"half_life_days": 1.0}), 1, ("prepare",))
    assert run_stage("review", FIRST + 2 * HOUR, settings).facts["lists_of"] == "2026-01-05T10"


def test_lists_older_than_the_look_back_are_not_scored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = worked(tmp_path, *took("a", 25, hour=2))
    monkeypatch.setattr(stage, "LOOK_BACK", 1)
    assert run_stage("review", FIRST + 2 * HOUR, settings).notes[0].startswith("no hour of the 1 before")


@pytest.mark.parametrize(("users", "hour"), [(0, 1), (1, 1), (19, 1)])
def test_few_users_or_none_are_said_and_have_no_figures(tmp_path: Path, users: int, hour: int) -> None:
    settings = worked(tmp_path, *took("a", users), *took("a", 25, kind="search"))
    (note,) = run_stage("review", FIRST + hour * HOUR, settings).notes
    assert note == f"only {users} users took a known item, too few to score lists by; from 20 on there are figures"
    assert landed(settings, "prequential", hour).num_rows == 0


def test_users_without_a_list_of_their_own_are_served_the_popular_one(tmp_path: Path) -> None:
    strangers = [event("click", f"stranger {user}", "a", hour=1) for user in range(30)]
    settings = worked(tmp_path, *strangers, k=3)
    run_stage("review", FIRST + HOUR, settings)
    found = figures(settings)
    assert found["served", "popular", "recall"] == 1 == found["popular", "all", "recall"]
    assert found["served", "all", "recall_gain"] == 0
    assert ("served", "personal", "recall") not in found


def test_lists_that_the_popular_one_beats_beyond_chance_are_a_warning_that_stops_nothing(tmp_path: Path) -> None:
    bought = [event("purchase", f"u{user}", name, minute=30) for user in range(30) for name in "abc"]
    settings = worked(tmp_path, *bought, *took("a", 30), k=3)  # whoever bought a is not shown it again
    notes = run_stage("review", FIRST + HOUR, settings).notes
    assert any(note.startswith("warning: prequential: the popular list would have served") for note in notes)
    assert landed(settings, "prequential", 1).num_rows > 0


def test_an_hour_is_verified_from_the_lists_it_was_made_from_also_when_others_landed_since(tmp_path: Path) -> None:
    settings = worked(tmp_path, *took("a", 25, hour=2))
    derive(settings, 2)
    run_stage("review", FIRST + 2 * HOUR, settings)
    derive(settings, 1)  # now there are newer lists before it
    results, remarks = verify_hour(FIRST + 2 * HOUR, settings)
    assert "prequential" in {result.table for result in results}
    assert all(result.is_same for result in results) and remarks == []
    derive(settings.model_copy(update={"factors": 5}))
    results, remarks = verify_hour(FIRST + 2 * HOUR, settings)
    assert "review was made from another user_recommendations@2026-01-05T10, which has landed anew since" in remarks


def test_the_same_hour_gives_the_same_bytes_on_any_number_of_threads(ran: Settings) -> None:
    path = hour_folder(ran.lake, FIRST + 6 * HOUR) / "review.json"
    before = path.read_text()
    run_stage("review", FIRST + 6 * HOUR, ran.model_copy(update={"threads": 1}))
    hashes = [text.split('"sha256": "')[1][:64] for text in (before, path.read_text())]
    assert hashes[0] == hashes[1]
    assert landed(ran, "prequential", 6).num_rows > 0


def test_figures_stand_in_the_serving_database_and_on_the_page_and_name_nobody(
    tmp_path: Path, serving_url: str
) -> None:
    settings = worked(tmp_path, *took("d", 25), *took("a", 5), k=3, serving_url=serving_url)
    derive(settings, 1, ("prepare", "train", "evaluate", "recommend", "publish", "review", "report"))
    columns = ("list", "slice", "k", "metric", "users", "value", "low", "high", "age_hours")
    engine = connect(settings.serving)
    with reading(engine) as connection:
        found = connection.execute(select(*(prequential.c[name] for name in columns))).all()
    engine.dispose()
    assert sorted(map(str, found)) == sorted(map(str, rows(settings, "prequential", *columns, hour=1)))
    assert found
    page = (settings.reports / "2026-01-05" / "11.html").read_text(encoding="utf-8")
    assert "What served lists were worth" in page and "Recall of served lists" in page and 'class="band c0"' in page
    assert "u1" not in page.replace("u1f", "")


def test_figures_that_cannot_be_read_any_more_leave_the_report_without_them(tmp_path: Path) -> None:
    settings = worked(tmp_path, *took("d", 25))
    derive(settings, 1, ("prepare", "review"))
    for path in hour_folder(settings.lake, FIRST + HOUR).glob("prequential.*.parquet"):
        path.write_bytes(b"damaged")
    result = run_stage("report", FIRST + HOUR, settings)
    assert any("prequential of 2026-01-05T11 cannot be read" in note for note in result.notes)
