"""What the README and the analysts' page promise: their SQL runs on both databases, commands and files exist."""

import itertools
import re
from datetime import UTC, datetime
from pathlib import Path

from small_shop import open_small_shop
from sqlalchemy import text
from typer.testing import CliRunner

from pipeline import cli
from pipeline.hours import HOUR, parse_hour
from pipeline.line import STAGES, run_stage, run_stage_of_hours
from pipeline.serving import database

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ANALYSTS = (ROOT / "docs" / "analysts.md").read_text(encoding="utf-8")
FIRST = parse_hour("2026-02-02T10")


def test_every_query_of_the_readme_and_for_analysts_finds_rows(tmp_path: Path, serving_url: str) -> None:
    of_pages = [re.findall(r"```sql\n(.*?)```", page, flags=re.DOTALL) for page in (README, ANALYSTS)]
    assert [len(queries) for queries in of_pages] == [3, 11]
    settings = open_small_shop(tmp_path / "var", FIRST, 3, serving_url=serving_url)
    for stage in ("ingest_events", "ingest_catalog"):
        list(run_stage_of_hours(stage, [FIRST, FIRST + HOUR, FIRST + 2 * HOUR], settings))
    for stage in ("prepare", "train", "evaluate", "recommend"):  # the lists that the next hour's are scored beside
        run_stage(stage, FIRST + HOUR, settings)
    for stage in list(STAGES)[2:]:
        run_stage(stage, FIRST + 2 * HOUR, settings)
    engine = database.connect(settings.serving)
    with engine.connect() as connection:
        user = connection.execute(text("select min(user_id) from live_user_recommendations")).scalar_one()
        query = connection.execute(text("select min(query) from live_query_recommendations")).scalar_one()
        now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}"
        for statement in itertools.chain(*of_pages):
            asked = statement.replace("u000012", user).replace("running shoes", query.replace("'", "''"))
            asked = asked.replace("2026-01-01 14:30:00", now)
            assert connection.execute(text(asked)).fetchall(), statement
    engine.dispose()


def test_every_command_of_the_readme_exists() -> None:
    known = set(re.findall(r"^\W*([a-z]+)  ", CliRunner().invoke(cli.app, ["--help"]).output, flags=re.MULTILINE))
    named = set(re.findall(r"treasure-hunt ([a-z]+)", README))
    assert named and named <= known, named - known
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"`?make ([a-z-]+)`?", README.replace("`make` and", ""))) <= targets


def test_every_file_that_a_page_links_to_is_there() -> None:
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
