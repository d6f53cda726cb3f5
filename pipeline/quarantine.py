"""Looking at what was refused: by rule over hours, from the manifests alone, and row by row.

Rows of a landed hour stand in `quarantined_<kind>`; those of a blocked hour, of which nothing landed, in its evidence.
"""

import csv
import json
import shlex
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.errors import BadInput, NotLanded
from pipeline.history import newest_hour
from pipeline.hours import HOUR, format_hour
from pipeline.inbox import list_inboxes
from pipeline.manifests import hour_folder, read_manifest
from pipeline.privacy.tombstones import ERASED
from pipeline.run import Run
from pipeline.settings import Settings
from pipeline.sources.columns import COLUMNS
from pipeline.tables import PRODUCERS

KINDS = tuple(COLUMNS)
EXCLUDED = "excluded"
UNKNOWN_TYPE = "event_type_unknown"
LONGEST_WORD = 40  # characters of a word that a sentence quotes
EDIT = (
    "edit the rows: `treasure-hunt quarantine show {hour} --rule {rule} --csv FILE`, then "
    "`treasure-hunt quarantine replay {hour} --file FILE`"
)
REMEDIES = {
    UNKNOWN_TYPE: "map the word: `treasure-hunt quarantine replay {hour} --rule {rule} --map event_type:OLD=NEW`",
    "too_late": "let them count: `treasure-hunt quarantine replay {hour} --rule {rule}`",
    "future": "let them count once their own hour is the next to run: "
    "`treasure-hunt quarantine replay {hour} --rule {rule}`",
    "event_id_reused": f"give each an id of its own; {EDIT}",
    EXCLUDED: "nothing: the source says that they are not for us; if it is wrong, "
    '`treasure-hunt quarantine replay {hour} --rule excluded --map "excluded:REASON="`',
    ERASED: "nothing: the person asked to be forgotten, and nothing is left of the rows but where they stand",
}
OF_ITEMS = "mend the catalog at the source: the next snapshot brings it"
OF_BLOCKED = (
    "nothing of these hours has landed: mend the source, or map its words in sql/sources/{source}/mapping.csv, "
    "then `treasure-hunt run {hour} --repull`"
)


@dataclass(frozen=True)
class Refusals:
    """Where the refused rows of one kind of one hour are, and how many by rule; `is_blocked` when the hour never landed."""

    hour: datetime
    kind: str
    path: Path
    by_rule: dict[str, int]
    is_blocked: bool


@dataclass
class RuleSummary:
    """What one rule refused over some hours."""

    kind: str
    rule: str
    is_blocked: bool
    hours: int = 0
    rows: int = 0
    replayed: int = 0
    newest: Refusals = field(default=None)  # type: ignore[assignment]  # set with the first hour that is counted

    def sentence(self) -> str:
        """What is wrong with the rows, as their newest hour says."""
        read = pq.read_table(self.newest.path, columns=["rule", "sentence"])
        said = read.filter(pc.equal(read["rule"], self.rule))["sentence"]
        if self.rule == EXCLUDED:
            return f"the source excludes them ({said[0]})"
        words = ", ".join(f"{word!r} ({rows:,})" for word, rows in self.words()[:3])
        return f"{said[0]}: {words}" if words else str(said[0])

    def words(self) -> list[tuple[str, int]]:
        """What a mapping would mend, most frequent first, with the rows of the newest hour that say so."""
        if self.rule != UNKNOWN_TYPE:
            return []
        read = pq.read_table(self.newest.path, columns=["rule", "raw_row"])
        raw = read.filter(pc.equal(read["rule"], self.rule))["raw_row"].to_pylist()
        return Counter((json.loads(row)["event_type"] or "").strip()[:LONGEST_WORD] for row in raw).most_common()

    def remedy(self, source: str) -> str:
        """What a person does about it."""
        text = REMEDIES.get(self.rule, EDIT)
        if self.rows and self.replayed >= self.rows:
            text = "nothing: all of them were replayed"
        if self.kind == "items":
            text = OF_ITEMS
        if self.is_blocked:
            text = OF_BLOCKED
        text = text.format(hour=format_hour(self.newest.hour), rule=self.rule, source=source)
        word = next((word for word, _ in self.words() if len(word) < LONGEST_WORD), "OLD")
        return text.replace("event_type:OLD=NEW", shlex.quote(f"event_type:{word}=NEW"))


def find_refusals(settings: Settings, hour: datetime, kind: str) -> list[Refusals]:
    """What was refused in an hour: of the landed one, and of an attempt that was blocked after it, in this order."""
    stage, table = PRODUCERS[kind], f"quarantined_{kind}"
    folder = hour_folder(settings.lake, hour)
    found = []
    manifest = read_manifest(Run(hour, settings), stage)
    if manifest:
        path = folder / manifest["tables"][table]["file"]
        found.append(Refusals(hour, kind, path, manifest["facts"]["ledger"]["by_rule"], is_blocked=False))
    evidence = folder / "failed" / stage
    if (evidence / "manifest.json").exists() and (evidence / f"{table}.parquet").exists():
        failure = json.loads((evidence / "manifest.json").read_text(encoding="utf-8"))
        by_rule = failure["facts"].get("ledger", {}).get("by_rule", {})
        found.append(Refusals(hour, kind, evidence / f"{table}.parquet", by_rule, is_blocked=True))
    return found


def choose_hours(settings: Settings, count: int) -> tuple[datetime, datetime]:
    """The first and the last of the newest `count` hours; raises `NotLanded` when nothing ever ran."""
    newest = newest_hour(settings)
    if newest is None:
        raise NotLanded(f"nothing has landed yet for source {settings.source}; run `treasure-hunt run HOUR`.")
    return newest - (count - 1) * HOUR, newest


def summarize_rules(
    settings: Settings, first: datetime, last: datetime, kinds: Iterable[str] = KINDS
) -> list[RuleSummary]:
    """What each rule refused in the hours from first to last, most rows first; what was replayed of it since."""
    replayed: dict[tuple[str, str], int] = defaultdict(int)
    newest = newest_hour(settings) or last
    for _, batch in list_inboxes(settings.lake, first, max(last, newest) + HOUR):
        for hour, by_rule in batch["of"].items():
            for rule, rows in by_rule.items():
                replayed[hour, rule] += rows
    found: dict[tuple[str, str, bool], RuleSummary] = {}
    for kind in kinds:
        hour = first
        while hour <= last:
            for refusals in find_refusals(settings, hour, kind):
                for rule, rows in refusals.by_rule.items():
                    key = (kind, rule, refusals.is_blocked)
                    summary = found.setdefault(key, RuleSummary(*key))
                    summary.hours += 1
                    summary.rows += rows
                    summary.newest = refusals
                    if kind == "events" and not refusals.is_blocked:
                        summary.replayed += replayed[format_hour(hour), rule]
            hour += HOUR
    order = {kind: place for place, kind in enumerate(KINDS)}
    return sorted(found.values(), key=lambda one: (one.is_blocked, order[one.kind], -one.rows, one.rule))


def refused_rows(settings: Settings, hour: datetime, kind: str, rule: str | None = None) -> list[dict[str, Any]]:
    """The refused rows of an hour in the order in which they came: locator, rule, sentence, and `raw`, a dict of texts.

    Of an hour that did not land, those of its evidence. Raises `NotLanded` for an hour that never ran and `BadInput` for a
    rule that refused none of its rows.
    """
    found = find_refusals(settings, hour, kind)
    if not found:
        raise NotLanded(f"{PRODUCERS[kind]} of {format_hour(hour)} has not run for source {settings.source}.")
    rows = pq.read_table(found[0].path).to_pylist()
    check_rule(rule, {row["rule"] for row in rows}, format_hour(hour))
    return [{**row, "raw": json.loads(row.pop("raw_row"))} for row in rows if rule is None or row["rule"] == rule]


def check_rule(rule: str | None, known: Iterable[str], where: str) -> None:
    """Raises `BadInput` that names the rules which did refuse rows there, when this one did not."""
    names = sorted(known)
    if rule is not None and rule not in names:
        others = f"those that did are {', '.join(names)}" if names else "no rule did"
        raise BadInput(f"rule {rule!r} refused no row of {where}; {others}.")


def write_csv(rows: Sequence[dict[str, Any]], kind: str, target: Path) -> None:
    """A new file holds the rows for a person to edit: locator, rule, and a column for each of the source's.

    Raises `BadInput` when there is such a file already, which may hold somebody's work.
    """
    columns = [column for column in COLUMNS[kind] if column != "locator"]
    try:
        with target.open("x", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["locator", "rule", *columns])
            for row in rows:
                writer.writerow([row["locator"], row["rule"], *(row["raw"].get(column) for column in columns)])
    except FileExistsError:
        raise BadInput(f"{target} is there already; name a new file.") from None
