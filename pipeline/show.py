"""What a person sees in the terminal: tables of stages, hours, lists and versions."""

import logging
import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.table import Table

from pipeline.hours import format_hour
from pipeline.run import StageResult
from pipeline.serving.compare import TOP, Difference, Mover
from pipeline.serving.contract import Answer

# Where there is no terminal (a log, a pipe) nothing should be folded at 80 columns.
console = Console(highlight=False, width=None if sys.stdout.isatty() else 140, soft_wrap=False)


def log_plainly() -> None:
    """Warnings of libraries are lines on standard error."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")


def sentence(text: str, style: str | None = None) -> None:
    """One sentence on one line, however long: what reads a pipe or a log must find it whole."""
    console.print(text, style=style, markup=False, soft_wrap=True)


def age(seconds: float) -> str:
    """A number of seconds as people say it: `42 s`, `17 min`, `3 h 05 min`, `12 days`."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    if seconds < 172_800:
        return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:02.0f} min"
    return f"{seconds / 86_400:,.0f} days"


def plain(text: str, length: int = 100) -> str:
    """Text from outside on one line, cut, and without anything that a terminal would obey."""
    cut = text if len(text) <= length else f"{text[:length]}… ({len(text):,} characters)"
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in cut)


def table(title: str, *columns: str, right: Iterable[str] = ()) -> Table:
    """An empty table in the one style there is; columns named in `right` hold numbers."""
    made = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return made


def stage_line(result: StageResult) -> None:
    """One line about a stage that ended, and its notes."""
    what = "reused" if result.reused else f"{result.seconds:.2f} s"
    console.print(
        f"{result.hour}  {result.stage:<15} {what:>8}  {result.rows_in:>11,} rows in  {result.rows_out:>11,} rows out"
    )
    for note in result.notes:
        sentence(f"    {note}", style="yellow" if note.startswith("warning") else "dim")


def answer(title: str, found: Answer, note: str = "") -> None:
    """A list as it is served, with the version it comes from and the age of its data."""
    rows = table(title, "rank", "item", "title", "price", "score", "from", "why", right=("rank", "price", "score"))
    for row in found.rows:
        price = f"{row.price:.2f} {row.currency or ''}".strip() if row.price is not None else ""
        rows.add_row(str(row.rank), row.item_id, row.title or "", price, f"{row.score:.3f}", row.source, row.reason)
    if note:
        console.print(note, style="yellow", markup=False)
    console.print(rows)
    told = f"{age(found.age_seconds)} old{', which is stale' if found.is_stale else ''}"
    sentence(f"{found.served_reason} list of version {found.version}; data is {told}", style="dim")


def item(item_id: str, intervals: list[dict[str, Any]]) -> Table:
    """What an item's catalog row said, and from which hour up to which; nothing in `to` is still."""
    made = table(f"Item {item_id}", "from", "to", "price", "available", "title", "category", "brand", right=("price",))
    for one in intervals:
        price = f"{one['price']:.2f} {one['currency'] or ''}".strip() if one["price"] is not None else ""
        until = format_hour(one["valid_to"]) if one["valid_to"] else ""
        words = (one[name] or "" for name in ("title", "category", "brand"))
        made.add_row(format_hour(one["valid_from"]), until, price, "yes" if one["is_available"] else "no", *words)
    return made


def hours(states: list[dict[str, Any]]) -> Table:
    """The hours and their ledgers: delivered = accepted + quarantined + duplicate; excluded are among the quarantined."""
    fates = ("delivered", "accepted", "quarantined", "excluded", "duplicate")
    numbers = (*fates, "failed", "warned", "seconds")
    made = table("Hours, newest first", "hour", *numbers, "stages", "version", right=numbers)
    for state in states:
        ledger, rules = state["ledger"] or {}, state["rules"]
        counts = [f"{ledger[name]:,}" if ledger else "" for name in fates]
        counts += [str(rules["failed"] or ""), str(rules["warned"] or ""), f"{state['seconds']:.1f}"]
        made.add_row(state["hour"], *counts, str(len(state["stages"])), state["version"] or "")
    return made


def difference(found: Difference) -> Table:
    """The figures of two versions side by side, and what users kept."""
    made = table("Lists", "", "A", "B", "change", right=("A", "B", "change"))
    words = {
        "users": "users with a list",
        "queries": "queries with a list",
        "recommended": "items that users' lists recommend",
        "available": "items that can be bought",
    }
    for name, said in words.items():
        was, became = getattr(found.before, name), getattr(found.after, name)
        change = f"{became / was - 1:+.1%}" if was else ""
        made.add_row(said, f"{was:,}", f"{became:,}", change)
    overlap = found.overlap
    made.add_row("users in one of them only", f"{overlap.only_before:,}", f"{overlap.only_after:,}", "")
    if overlap.kept is not None:
        made.add_row(
            f"of users in both: those whose top {TOP} changed", "", f"{overlap.changed / overlap.both:.1%}", ""
        )
        made.add_row(f"of users in both: mean share of the top {TOP} kept", "", f"{overlap.kept:.1%}", "")
    return made


def movers(title: str, found: Iterable[Mover]) -> Table:
    """Items and in how many users' tops they stand, before and after."""
    made = table(title, "item", "title", "A", "B", "change", right=("A", "B", "change"))
    for one in found:
        change = f"{one.after - one.before:+,}"
        made.add_row(plain(one.item_id), plain(one.title or ""), f"{one.before:,}", f"{one.after:,}", change)
    return made
