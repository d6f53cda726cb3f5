"""The pages of docs/ that are made from code: `python -m pipeline.documentation [--check]`.

A page that says what the code does must not be able to say something else; CI checks that they are up to date.
"""

import sys
from importlib import import_module
from typing import Any

from pydantic.fields import FieldInfo

from pipeline.boundary import ID_LENGTH
from pipeline.comparison.bundle import LOG_TABLES, TABLES, file_of, schema_of
from pipeline.files import ROOT
from pipeline.gates import GATES
from pipeline.seeds import event_types
from pipeline.serving.dictionary import describe_schema
from pipeline.settings import PREFIX, Settings
from pipeline.stages.ingest_catalog import TEXT_LENGTH
from pipeline.stages.ingest_events import QUERY_LENGTH, SKEW_SECONDS
from pipeline.tables import JUDGED_BY_EVALUATE, PASSING, PRODUCERS
from pipeline.validation import silence_library

MADE = "Made by `make docs` from {}; do not edit it here.\n"


def pages() -> dict[str, str]:
    """File name below docs/ and text of every generated page."""
    return {
        "bundles.md": describe_bundles(),
        "data-dictionary.md": describe_schema(),
        "data-quality.md": describe_rules(),
        "settings.md": describe_settings(),
    }


def describe_bundles() -> str:
    """Every field and column of a log and of an arm's bundle, from the schemas that both are checked against."""
    parts = [
        "# Bundles and logs, column by column\n",
        MADE.format("`pipeline/comparison/schemas/v1/`"),
        "Version 1. Timestamps are in UTC and microseconds, text is UTF-8, columns stand in this order, and none is null "
        "that does not say so. What a bundle is for and how to make one: [the comparison](comparison.md).\n",
    ]
    sections = {"A bundle: what an arm leaves": ("arm", *TABLES), "A log": ("log", *LOG_TABLES)}
    for title, folder in (sections | {"What goes wrong on purpose": ("fault_plan",)}).items():
        parts.append(f"## {title}\n")
        for name in folder:
            schema = schema_of(name)
            is_table = name in (*TABLES, *LOG_TABLES)
            called = file_of(name) if is_table else f"{name}.json" if name != "fault_plan" else schema["title"]
            lines = [f"### {called}\n", f"{schema['description']}\n"]
            lines += ["| column | type | null | meaning |" if is_table else "| field | type | null | meaning |"]
            lines += ["|---|---|---|---|"]
            for field, said in schema["properties"].items():
                lines.append(f"| `{field}` | {' | '.join(_field(said))} |")
                inner = said.get("items", {}).get("properties", {})
                lines += [f"| `{field}[].{name}` | {' | '.join(_field(one))} |" for name, one in inner.items()]
            parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _field(said: dict[str, Any]) -> tuple[str, str, str]:
    """Type, whether it may be null, and meaning with what is allowed."""
    kinds = said.get("type", "")
    names = [kind for kind in ([kinds] if isinstance(kinds, str) else kinds) if kind != "null"]
    words = said["description"]
    if allowed := said.get("enum"):
        words += f": {', '.join(f'`{value}`' for value in allowed)}" if "x-column" in said else ""
    kind = said.get("x-column") or ("`1`" if "const" in said else " or ".join(names) or "string")
    return kind, "may be" if "null" in kinds and not isinstance(kinds, str) else "", words


def describe_settings() -> str:
    """Every setting with its default and meaning."""
    lines = ["# Settings\n", MADE.format("`pipeline/settings.py`")]
    lines += ["Environment variables, read when a command or a task starts. An unknown one is refused by name.\n"]
    lines += ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        lines.append(f"| `{PREFIX}{name.upper()}` | {_default(name, field)} | {field.description} |")
    return "\n".join(lines) + "\n"


def _default(name: str, field: FieldInfo) -> str:
    if name == "start":
        return "`2026-01-01T00`"
    return f"`{field.default}`" if str(field.default) else ""


def suite_limits() -> dict[str, dict[str, Any]]:
    """What the suites are called with under default settings."""
    defaults = Settings.model_construct()
    lists = {"k": defaults.k}
    return {
        "events": {
            "event_types": event_types(),
            "lookback_hours": defaults.lookback_hours,
            "skew_seconds": SKEW_SECONDS,
            "id_length": ID_LENGTH,
            "query_length": QUERY_LENGTH,
        },
        "items": {"id_length": ID_LENGTH, "text_length": TEXT_LENGTH},
        "interactions": {"kinds": event_types(), "most_weight": round(defaults.max_pair_weight * 1_000_000)},
        "user_recommendations": lists,
        "query_recommendations": lists,
        "similar_items": lists,
    }


def describe_rules() -> str:
    """Every rule of every suite: what it says, how severe it is, and what becomes of a row that breaks it."""
    silence_library()
    defaults = Settings.model_construct()
    parts = [
        "# Data quality: the rules\n",
        MADE.format("the suites in `expectations/` and the default settings"),
        "A *refusing* rule sends the single row to quarantine, with the rule's name and the row as it came; the first rule "
        "in this order decides, every broken one is counted. Any other *critical* rule stops the hour: nothing of that "
        "stage lands, the last good version keeps serving. A *warning* lets the hour pass and is shown in the log, the "
        "manifest and `treasure-hunt run`.\n",
        "## Gates\n",
        "Beside the suites, these are asked of an hour as a whole; a critical one stops it.\n",
        describe_gates(defaults),
        "A model whose vectors are not finite, all zero or all the same is refused. Gates that judge a version are asked in "
        "the serving database after the load; the rows of a version that they refuse can be looked at there.\n",
    ]
    limits = suite_limits()
    for table, stage in (PASSING | PRODUCERS).items():
        if table in JUDGED_BY_EVALUATE:
            continue
        lines = [
            f"## {table}\n",
            f"{'Judged' if table in PASSING else 'Landed'} by `{stage}`.\n",
            "| rule | severity | fate | a row or table breaks it when |",
        ]
        lines.append("|---|---|---|---|")
        for expectation in import_module(f"expectations.{table}").suite(**limits.get(table, {})):
            meta = expectation.meta
            severity = getattr(expectation.severity, "value", expectation.severity)
            fate = "row refused" if meta["refuses"] else ("hour stops" if severity == "critical" else "shown")
            lines.append(f"| `{meta['rule']}` | {severity} | {fate} | {meta['sentence']} |")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def describe_gates(defaults: Settings) -> str:
    """Every gate: what it judges, how severe it is, when it fails under default settings, and what to do then."""
    lines = ["| gate | judges | severity | fails when | what to do |", "|---|---|---|---|---|"]
    for name, gate in GATES.items():
        sentence = gate.sentence.format(**defaults.model_dump())
        lines.append(f"| `{name}` | {', '.join(gate.tables)} | {gate.severity} | {sentence} | {gate.remedy} |")
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    """Write the pages, or with --check say which are out of date."""
    stale = []
    for name, text in pages().items():
        path = ROOT / "docs" / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in arguments:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if stale:
        print(f"docs: {', '.join(stale)} {'out of date; run `make docs`' if '--check' in arguments else 'written'}")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
