"""The look-up page and its login as HTML."""

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from pipeline.api.lookup.look import Found, Shown, Version
from pipeline.report.html import STYLE, Html, badge, card, element, join, number, page, table
from pipeline.serving.contract import LONGEST_TEXT, Listed

KINDS = {"user": "User", "item": "Item", "query": "Query"}
NONE = "none"
DONE = {"search": "searched", "click": "looked at", "add_to_cart": "put in the cart", "purchase": "bought"}
SOURCE_SAYS = {
    "personal": "own list",
    "query": "of this search",
    "similar": "similar",
    "searches": "searches",
    "segment": "segment",
    "popular": "popular",
}


@lru_cache(maxsize=1)
def security_headers() -> dict[str, str]:
    """Nothing is loaded or kept, nobody frames it: the one style sheet is known by its hash."""
    style = b64encode(hashlib.sha256(STYLE.read_bytes()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{style}'; img-src data:; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'"
    )
    return {"Content-Security-Policy": policy, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def login_page(where: str, trouble: str = "") -> str:
    """The form that asks for the password and then goes on to `where`."""
    form = element(
        "form",
        element("input", type="hidden", name_="where", value=where),
        element(
            "label",
            "Password ",
            element(
                "input", type="password", name_="password", autocomplete="current-password", autofocus="", required=""
            ),
        ),
        element("button", "Log in"),
        method="post",
        action="/look/login",
        class_="ask",
    )
    said = element("p", trouble, class_="trouble", role="alert") if trouble else None
    return page("Look-up", _head(), card("Log in", said, form, hint="What single people did is shown behind this."))


def trouble_page(sentence: str, asking: Html | None = None) -> str:
    """What is wrong, in a sentence."""
    return page(
        "Look-up", _head(True), asking, card("Nothing to show", element("p", sentence, role="alert"), class_="bad")
    )


def ask(versions: Sequence[Version], kind: str, of: str, version: str, beside: str) -> Html:
    """The form: what to look up, in which version, beside which other."""
    names = [(one.name, one.name + (" (live)" if one.is_live else "")) for one in versions]
    return element(
        "form",
        _select("kind", "Look up", list(KINDS.items()), kind),
        element(
            "input",
            name_="of",
            value=of,
            required="",
            maxlength=LONGEST_TEXT,
            placeholder="id, or what was typed",
            aria_label="Id or text",
        ),
        _select("version", "in", names, version),
        _select("beside", "beside", [(NONE, "no other"), *names], beside),
        element("button", "Look"),
        method="get",
        action="/look",
        class_="ask",
    )


def start_page(asking: Html, versions: Sequence[Version]) -> str:
    """Before anything is asked."""
    said = (
        "A user's recent searches and events beside the list and why each item is in it; what goes with an item; what goes "
        "with a search, in any spelling."
    )
    count = f"{len(versions)} version{'s' if len(versions) > 1 else ''} to look at; the live one is {versions[0].name}."
    return page(
        "Look-up", _head(True), asking, card("What there is", element("p", said), element("p", count, class_="soft"))
    )


def found_page(asking: Html, found: Found) -> str:
    """What was found: one list beside the user's events, or two lists side by side below them."""
    lists = [_list(one, before) for one, before in zip(found.lists, [*found.lists[1:], None], strict=True)]
    known = _item(found) if found.kind == "item" else _recent(found) if found.recent else None
    title = f"{KINDS[found.kind]} {found.of}"
    if found.kind == "user" and len(lists) == 1:
        body = element("div", known, lists, class_="two top")
    else:
        body = join(known, element("div", lists, class_="two"))
    return page(title, _head(True), asking, element("h2", title, class_="part"), body)


def _head(is_in: bool = False) -> Html:
    out = element("form", element("button", "Log out"), method="post", action="/look/out")
    name = element("h1", element("a", "Look-up", href="/look")) if is_in else element("h1", "Look-up")
    return element("header", name, element("nav", out) if is_in else None)


def _select(name: str, label: str, choices: Sequence[tuple[str, str]], chosen: str) -> Html:
    options = [
        element("option", said, value=value, selected="" if value == chosen else None) for value, said in choices
    ]
    return element("label", f"{label} ", element("select", options, name_=name))


def _item(found: Found) -> Html:
    item = found.item
    if item is None:
        return card("In the catalog", element("p", "This version's catalog does not know the item."), class_="warn")
    price = f"{item['price']:,.2f} {item['currency'] or ''}" if item["price"] is not None else "none"
    facts = [
        ("title", item["title"] or "none"),
        ("category", item["category"] or "none"),
        ("brand", item["brand"] or "none"),
        ("price", price),
        ("on sale", "yes" if item["is_available"] else "no"),
        ("changed last", _moment(item["updated_at"])),
    ]
    return card("In the catalog", table([name for name, _ in facts], [[value for _, value in facts]]))


def _recent(found: Found) -> Html:
    recent, titles = found.recent, found.titles or {}
    assert recent is not None  # noqa: S101 (asked by the caller)
    if recent.since is None:
        return card("What they did", element("p", "No hour's events are on this machine (TREASURE_HUNT_HOME)."))
    rows = [
        [_moment(one["occurred_at"]), DONE.get(one["event_type"], one["event_type"]), _thing(one, titles)]
        for one in recent.events
    ]
    hint = f"The newest {len(rows)} of the hours since {_moment(recent.since)}." if rows else ""
    if recent.is_cut:
        hint += " Time was up: load the page again to look further back."
    nothing = element("p", f"Nothing since {_moment(recent.since)} ({number(recent.hours)} hours looked through).")
    return card(
        "What they did", table(["when (UTC)", "what", ""], rows, class_="dated") if rows else nothing, hint=hint
    )


def _thing(event: dict[str, Any], titles: dict[str, str | None]) -> Any:
    item_id = event["item_id"]
    if not item_id:
        return _link("query", event["query"] or "")
    return join(titles.get(item_id) or "", " ", _link("item", item_id))


def _link(kind: str, of: str) -> Html:
    return element("a", of, href="/look?" + urlencode({"kind": kind, "of": of}))


def _list(shown: Shown, before: Shown | None) -> Html:
    version = shown.version
    ranks = {row.item_id: row.rank for row in before.rows} if before else {}
    heads = ["", "item", "price", "why", "from"]
    rows = [
        [_rank(row, ranks, before is not None), _name(row), _price(row), row.reason, _from(row)] for row in shown.rows
    ]
    cutoff = f"{version.name}; data up to {_moment(version.data_cutoff)}"
    if before:
        same = sum(row.item_id in ranks for row in shown.rows)
        cutoff += f"; {same} of {len(shown.rows)} items stood in {before.version.name} too"
    title = "What is shown" if version.is_live else "What this version holds"
    if not rows:
        return card(title, element("p", "The rows of this version were removed."), hint=cutoff, class_="warn")
    return card(title, table(heads, rows, ("price",)), hint=cutoff)


def _rank(row: Listed, ranks: dict[str, int], is_compared: bool) -> Any:
    if not is_compared or ranks.get(row.item_id) == row.rank:
        return str(row.rank)
    if row.item_id not in ranks:
        return join(f"{row.rank} ", badge("new", "live"))
    moved = ranks[row.item_id] - row.rank
    return join(f"{row.rank} ", badge(f"{'▲' if moved > 0 else '▼'} {abs(moved)}"))


def _name(row: Listed) -> Html:
    return join(row.title or "", " ", _link("item", row.item_id))


def _price(row: Listed) -> str:
    return f"{row.price:,.2f} {row.currency or ''}".strip() if row.price is not None else ""


def _from(row: Listed) -> Html:
    return badge(SOURCE_SAYS[row.source])


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "unknown"
