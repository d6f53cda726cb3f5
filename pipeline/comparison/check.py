"""Whether a judgement that somebody published comes out again from the same bundles and log."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.comparison.judge import COLUMNS, Options
from pipeline.errors import BadInput

# What is read of a judgement before it is made again; the rest is compared.
NEEDED: dict[str, Any] = {
    "type": "object",
    "required": ["log", "options", "arms", "figures"],
    "properties": {
        "log": {"type": "object", "required": ["log_hash"]},
        "options": {
            "type": "object",
            "required": ["horizon_hours", "stale_minutes", "prices", "seed"],
            "properties": {
                "horizon_hours": {"type": "integer", "minimum": 1},
                "stale_minutes": {"type": "number", "minimum": 0},
                "prices": {
                    "type": "object",
                    "required": ["id", "per_cpu_hour", "per_gb_hour"],
                    "properties": {"per_cpu_hour": {"type": "number"}, "per_gb_hour": {"type": "number"}},
                },
                "seed": {"type": "integer", "minimum": 0},
            },
        },
        "arms": {"type": "array", "items": {"type": "object", "required": ["arm", "bundles"]}},
        "figures": {"type": "array", "items": {"type": "object", "required": COLUMNS.names}},
    },
}
KEY = ("arm", "family", "measure", "slice")
Judgement = Mapping[str, Any]


def read_judgement(folder: Path) -> dict[str, Any]:
    """A published judgement; raises `BadInput` where the folder holds none, or table and document disagree."""
    try:
        found: dict[str, Any] = json.loads((folder / "judgement.json").read_text(encoding="utf-8"))
        for error in jsonschema.Draft202012Validator(NEEDED).iter_errors(found):
            raise BadInput(f"{folder / 'judgement.json'} is damaged: {error.json_path}: {error.message[:200]}.")
        table = pq.read_table(folder / "judgement.parquet")
        figures = pa.Table.from_pylist(found["figures"], schema=COLUMNS)
    except (OSError, ValueError, TypeError, pa.ArrowException) as error:
        raise BadInput(f"{folder} holds no judgement ({error}); `treasure-hunt compare --out` makes one.") from None
    if not table.equals(figures):
        raise BadInput(f"{folder}: judgement.parquet and judgement.json do not hold the same figures; one was altered.")
    return found


def options_of(published: Judgement) -> Options:
    """The options that it was made with."""
    said = published["options"]
    return Options(said["horizon_hours"], said["stale_minutes"], said["prices"], said["seed"])


def differences(published: Judgement, again: Judgement) -> list[str]:
    """A sentence for each thing that is not as it was published; none when all of it comes out again."""
    said = []
    if published["log"]["log_hash"] != again["log"]["log_hash"]:
        said.append("The log is another one.")
    bundles = [{one["arm"]: one["bundles"] for one in of["arms"]} for of in (published, again)]
    for arm in sorted(bundles[0].keys() | bundles[1].keys()):
        if bundles[0].get(arm) != bundles[1].get(arm):
            said.append(f"{arm}: its bundles are others, or not all of them are there.")
    before, after = ({tuple(row[name] for name in KEY): row for row in of["figures"]} for of in (published, again))
    for key in sorted(before.keys() | after.keys()):
        was, now = before.get(key), after.get(key)
        if was != now:
            values = (row["value"] if row else "missing" for row in (was, now))
            said.append(f"{' / '.join(key)}: published {next(values)}, computed again {next(values)}.")
    rest = (published.keys() | again.keys()) - {"log", "arms", "figures"}
    said += [f"{name} is not what the figures say." for name in sorted(rest) if published.get(name) != again.get(name)]
    return said
