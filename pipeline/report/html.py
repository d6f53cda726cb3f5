"""Pages of HTML that load nothing: elements whose text is always escaped, and the one style sheet."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

STYLE = Path(__file__).with_name("page.css")


class Html(str):
    """Text that is HTML already; any other text is escaped when it becomes part of an element."""

    __slots__ = ()


def element(name: str, *children: Any, **attributes: Any) -> Html:
    """One element; `class_` is its class, None leaves a child or an attribute out."""
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inside = join(*children)
    return Html(f"<{name}{said}>{inside}</{name}>")


def join(*children: Any) -> Html:
    """The children one after the other, escaped unless they are HTML; lists are gone through."""
    parts: list[str] = []
    for child in children:
        if isinstance(child, (list, tuple)):
            parts.append(join(*child))
        elif child is not None:
            parts.append(child if isinstance(child, Html) else escape(str(child)))
    return Html("".join(parts))


def table(heads: list[str], rows: list[list[Any]], right: tuple[str, ...] = (), class_: str | None = None) -> Html:
    """A table; the columns named in `right` hold numbers."""
    sides = ["right" if head in right else None for head in heads]
    head = element("tr", [element("th", name, class_=side) for name, side in zip(heads, sides, strict=True)])
    body = [
        element("tr", [element("td", cell, class_=side) for cell, side in zip(row, sides, strict=True)]) for row in rows
    ]
    made = element("table", element("thead", head), element("tbody", body), class_=class_)
    return element("div", made, class_="scroll")


def card(title: str, *children: Any, hint: str = "", class_: str = "") -> Html:
    """A titled part of a page."""
    said = element("p", hint, class_="hint") if hint else None
    return element("section", element("h2", title), said, *children, class_=f"card {class_}".strip())


def badge(text: str, kind: str | None = None) -> Html:
    """A small coloured word; its colour follows `kind` (default: the word)."""
    return element("span", text, class_=f"badge {(kind or text).replace(' ', '-')}")


def number(value: float | None, digits: int = 4) -> str:
    """A count with separators, a share with `digits` significant ones, nothing for None."""
    if value is None:
        return ""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.{digits}g}"


def tiles(pairs: Sequence[tuple[str, str]]) -> Html:
    """A row of figures, each with what it is."""
    shown = [element("div", element("b", figure), element("span", what), class_="tile") for figure, what in pairs]
    return element("div", shown, class_="tiles")


def age(seconds: float) -> str:
    """A number of seconds as people say it: `42 s`, `17 min`, `3.1 h`, `12 days`."""
    if seconds < 120:
        return f"{seconds:.0f} s" if seconds >= 0.5 else "< 1 s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:,.1f} h" if seconds < 172_800 else f"{seconds / 86_400:,.0f} days"


def page(title: str, *children: Any) -> str:
    """The whole document."""
    head = [
        Html('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
        Html('<meta name="referrer" content="no-referrer"><link rel="icon" href="data:,">'),
        element("title", title),
        element("style", Html(STYLE.read_text(encoding="utf-8"))),
    ]
    return "<!doctype html>\n" + element(
        "html", element("head", head), element("body", element("main", children)), lang="en"
    )
