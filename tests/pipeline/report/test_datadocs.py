"""Data Docs: real pages of Great Expectations over the kept findings, which load nothing and show no value."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from handmade_shop import FIRST, event, ingest, item, open_shop

from pipeline.errors import NotLanded
from pipeline.report import datadocs
from pipeline.report.datadocs import cut_loose, make_datadocs
from pipeline.run import Run
from pipeline.settings import Settings

CANARY = "canary-5417"


class Tags(HTMLParser):
    """Collects the tags of a page and every address in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value or "" for name, value in attributes if name in datadocs.ADDRESSES]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A shop with an hour in which rules about queries and users refused rows."""
    rows = [event("click", f"u{place}", "a") for place in range(6)]
    rows += [event("search", f"{CANARY} user", f"{CANARY}\0"), event("search", f"{CANARY}" * 40, f"{CANARY} query")]
    settings = open_shop(tmp_path_factory.mktemp("docs"), [item("a"), item("b", title="")], rows)
    ingest(settings)
    return settings


@pytest.fixture(scope="module")
def made(shop: Settings) -> Path:
    """Data Docs of that hour; the folder of its pages."""
    return make_datadocs(Run(FIRST, shop)).parent


def test_pages_made_after_others_compile_no_template_and_are_the_same(
    made: Path, shop: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read() -> dict[str, str]:
        ids = r"[0-9a-f]{8}-[0-9a-f-]{27}"
        return {path.name: re.sub(ids, "", path.read_text(encoding="utf-8")) for path in made.iterdir()}

    def compiling(*_: object, **__: object) -> None:
        raise AssertionError("a template is compiled anew")

    first = read()
    monkeypatch.setattr("jinja2.Environment.compile", compiling)
    make_datadocs(Run(FIRST, shop))
    assert read() == first


def test_every_table_that_a_suite_judged_has_a_page_and_the_index_leads_to_it(made: Path) -> None:
    pages = {path.stem for path in made.iterdir()} - {"index"}
    assert {"typed_events", "events", "quarantined_events", "typed_items", "items", "quarantined_items"} <= pages
    index = (made / "index.html").read_text(encoding="utf-8")
    assert set(re.findall(r'href="(\w+)\.html"', index)) == pages


def test_the_pages_load_and_run_nothing(made: Path) -> None:
    for path in made.iterdir():
        text = path.read_text(encoding="utf-8")
        found = Tags(text)
        assert not found.tags & {"script", "img", "iframe", "object", "embed"}, path.name
        assert not [address for address in found.addresses if "//" in address], path.name
        assert not re.search(r"https?://|@import|url\(", text), path.name


def test_they_are_great_expectations_own_pages_with_the_counts_that_were_found(made: Path) -> None:
    text = (made / "typed_events.html").read_text(encoding="utf-8")
    assert "Evaluated Expectations" in text
    assert "values must match this regular expression" in text
    assert "1 unexpected values found. 12.5% of 8 total rows." in re.sub(r"<[^>]+>|\s+", " ", text).replace("  ", " ")
    assert "Unsuccessful Expectations" in (made / "items.html").read_text(encoding="utf-8")


def test_no_value_of_a_row_stands_in_them(made: Path) -> None:
    assert not [path.name for path in made.iterdir() if CANARY in path.read_text(encoding="utf-8")]


def test_an_hour_of_which_nothing_has_run_has_none(tmp_path: Path) -> None:
    with pytest.raises(NotLanded, match="nothing of 2026-01-05T10 has run"):
        make_datadocs(Run(FIRST, Settings(home=tmp_path)))


def test_only_the_hours_made_last_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datadocs, "KEPT_HOURS", 2)
    settings = open_shop(tmp_path, [item("a")], [event("click", "u", "a")])
    ingest(settings, 3)
    for hour in range(3):
        made = make_datadocs(Run(FIRST.replace(hour=10 + hour), settings)).parent
    assert sorted(path.name for path in made.parent.iterdir()) == ["2026-01-05T11", "2026-01-05T12"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ('<p>a<script src="https://x/y.js">bad()</script>b</p>', "<p>ab</p>"),
        ('<a href="https://x/">out</a><a href="#one">in</a>', '<a>out</a><a href="#one">in</a>'),
        ('<img src="//x/y.png">&lt;b&gt; &#65;', "&lt;b&gt; &#65;"),
        ('<div onclick="bad()" style="background:url(//x)" class="c">t</div>', '<div class="c">t</div>'),
        ("<style>@import 'x'</style><link href='//x'><br>", "<br>"),
        ("<p>before</p><script>if (a < b) { '</p>' }</script><p>after</p>", "<p>before</p><p>after</p>"),
    ],
)
def test_what_loads_or_runs_is_cut_out_and_the_rest_stays(given: str, kept: str) -> None:
    assert cut_loose(given) == kept
