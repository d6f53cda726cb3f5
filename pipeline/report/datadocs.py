"""Data Docs: an hour's findings as Great Expectations' own pages, made to work without the network.

Its renderers are real; the findings are those kept in the manifests, so no row is read again and no value is shown. The
library is imported late: that costs seconds. Where it is in memory anyway, the stage `report` makes these pages every hour.
"""

import shutil
from functools import cache
from html import escape
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import NotLanded
from pipeline.report.account import Account, read_account
from pipeline.report.files import datadocs_path, write_text
from pipeline.report.html import Html, badge, element, page, table
from pipeline.run import Run
from pipeline.validation import silence_library

if TYPE_CHECKING:
    from great_expectations.core import ExpectationSuiteValidationResult

KEPT_HOURS = 168
STYLE = Path(__file__).with_name("datadocs.css")
# What asks for other files or runs; the pages need neither.
DROPPED = {"script", "style", "link", "img", "footer"}
ADDRESSES = {"href", "src", "action", "data", "poster", "srcset"}
WITHOUT_END = {"link", "img", "input", "br", "meta", "hr"}


def make_datadocs(run: Run) -> Path:
    """Pages of the hour's tables and an index of them are there; returns the index. Only the last made hours are kept.

    Raises `NotLanded` for an hour of which nothing has run.
    """
    account, hour = read_account(run), run.hour
    if not account["quality"]:
        raise NotLanded(
            f"nothing of {run.name} has run, so no rule has found anything; run `treasure-hunt run {run.name}`."
        )
    home = datadocs_path(run.settings.reports, run.name).parent
    staging = run.settings.reports / f".staging-{run.name}"  # hours may be told of side by side
    shutil.rmtree(home, ignore_errors=True)
    rows: list[list[Any]] = []
    for stage, name in dict.fromkeys((found["stage"], found["table"]) for found in account["quality"]):
        findings = [found for found in account["quality"] if found["table"] == name and found["stage"] == stage]
        text = render_table(account, stage, name, findings)
        if text:
            write_text(home / f"{name}.html", text, staging)
            broken = sum(not found["passed"] for found in findings)
            state = badge("passed") if not broken else badge(f"{broken} broken", "failed")
            rows.append([element("a", name, href=f"{name}.html"), stage, len(findings), state])
    title = f"Data Docs of {account['hour']}"
    back = element("a", "report of the hour", href=f"../../{hour:%Y-%m-%d}/{hour:%H}.html")
    heads = ["table", "stage", "rules", ""]
    made = page(
        title, element("header", element("h1", title), element("nav", back)), table(heads, rows, right=("rules",))
    )
    write_text(home / "index.html", made, staging)
    shutil.rmtree(staging, ignore_errors=True)
    for old in sorted(home.parent.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)[KEPT_HOURS:]:
        shutil.rmtree(old, ignore_errors=True)
    return home / "index.html"


def render_table(account: Account, stage: str, name: str, findings: list[dict[str, Any]]) -> str | None:
    """Great Expectations' page of one table, loading nothing; None for what no suite of this code has asked."""
    result = rebuild_result(account, stage, name, findings)
    if result is None:
        return None
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer

    rendered = ValidationResultsPageRenderer(run_info_at_end=True).render(result)
    return cut_loose(_open_view().render(rendered))


@cache  # each view compiles its templates anew, which takes three times as long as all else about a page
def _open_view() -> Any:
    from great_expectations.render.view import DefaultJinjaPageView

    return DefaultJinjaPageView()


def rebuild_result(
    account: Account, stage: str, name: str, findings: list[dict[str, Any]]
) -> "ExpectationSuiteValidationResult | None":
    """The validation result that these findings were taken from, as far as they go: counts, and no value of a row."""
    suite = name.removeprefix("typed_")
    limits = account["limits"].get(stage, {}).get(suite)
    if limits is None:
        return None
    silence_library()
    from great_expectations.core import ExpectationSuiteValidationResult, ExpectationValidationResult

    found = {one["rule"]: one for one in findings}
    asked = [one for one in import_module(f"expectations.{suite}").suite(**limits) if one.meta["rule"] in found]
    results = [
        ExpectationValidationResult(
            success=found[one.meta["rule"]]["passed"],
            expectation_config=one.configuration,
            result=_counts(found[one.meta["rule"]]),
            exception_info={"raised_exception": False, "exception_message": None, "exception_traceback": None},
            meta={},
        )
        for one in asked
    ]
    if not results:
        return None
    passed = sum(bool(result.success) for result in results)
    return ExpectationSuiteValidationResult(
        success=passed == len(results),
        results=results,
        suite_name=name,
        statistics={
            "evaluated_expectations": len(results),
            "successful_expectations": passed,
            "unsuccessful_expectations": len(results) - passed,
            "success_percent": 100 * passed / len(results),
        },
        meta={"run_id": {"run_name": account["hour"], "run_time": f"{account['hour']}:00:00+00:00"}},
    )


def _counts(found: dict[str, Any]) -> dict[str, Any]:
    rows, failed = found["checked"] or 0, found["failed"] or 0
    share = 100 * failed / rows if rows else 0.0
    counts = {"element_count": rows, "unexpected_count": failed, "unexpected_percent": share}
    counts |= {"unexpected_percent_total": share, "unexpected_percent_nonmissing": share, "partial_unexpected_list": []}
    observed = found["observed"]
    return (
        counts if observed is None else {**counts, "observed_value": int(observed) if observed % 1 == 0 else observed}
    )


def cut_loose(text: str) -> str:
    """The page without anything that it would load or run, under our own style sheet; links out of it are plain text."""
    cutter = _Cutter()
    cutter.feed(text)
    style = element("style", Html(STYLE.read_text(encoding="utf-8")))
    return "".join(cutter.parts).replace("</head>", f"{style}</head>", 1)


class _Cutter(HTMLParser):
    """Writes a page again, tag by tag, leaving out what is in DROPPED and every address but those within the page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.parts: list[str] = []
        self.inside: list[str] = []  # dropped elements that are open

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Keep the tag without what loads or runs."""
        if tag in DROPPED and tag not in WITHOUT_END:
            self.inside.append(tag)
        if tag in DROPPED or self.inside:
            return
        kept = [(name, _within(name, value or "")) for name, value in attributes if not name.startswith("on")]
        said = "".join(f' {name}="{escape(value)}"' for name, value in kept if value is not None)
        self.parts.append(f"<{tag}{said}>")

    def handle_endtag(self, tag: str) -> None:
        """Close what was kept."""
        if self.inside:
            if tag == self.inside[-1]:
                self.inside.pop()
        elif tag not in DROPPED and tag not in WITHOUT_END:
            self.parts.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        """Keep text as it stands."""
        if not self.inside:
            self.parts.append(data)

    def handle_entityref(self, name: str) -> None:
        """Keep `&lt;` and the like as they stand."""
        self.handle_data(f"&{name};")

    def handle_charref(self, name: str) -> None:
        """Keep `&#60;` and the like as they stand."""
        self.handle_data(f"&#{name};")

    def handle_decl(self, decl: str) -> None:
        """Keep the document type."""
        self.parts.append(f"<!{decl}>")


def _within(name: str, value: str) -> str | None:
    """An attribute's value, or None when it would lead out of the page."""
    if name in ADDRESSES:
        return value if value.startswith("#") else "index.html" if value.endswith("/index.html") else None
    return None if "url(" in value or "://" in value else value
