"""For monitoring: whether readers get fresh lists."""

import json
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from pipeline.errors import TreasureHuntError
from pipeline.probe import Verdict, probe
from pipeline.settings import load_settings

app = typer.Typer(help=__doc__)


@app.command("probe")
def probe_command(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a sentence.")] = False,
) -> None:
    """Whether the live version is fresh: exit code 0 fresh, 1 stale, 2 cannot tell. Asks the serving database alone."""
    now = datetime.now(UTC)
    try:
        verdict = probe(load_settings(), now)
    except TreasureHuntError as error:  # a wrong setting; its usual exit code would say stale
        verdict = Verdict("unknown", f"cannot tell: {error}")
    print(json.dumps(describe(verdict, now)) if as_json else verdict.sentence)
    sys.exit(verdict.code)


def describe(verdict: Verdict, now: datetime) -> dict[str, str | float | None]:
    """The verdict as JSON says it; moments in UTC."""
    return {
        "state": verdict.state,
        "sentence": verdict.sentence,
        "version": verdict.version,
        "data_cutoff": verdict.data_cutoff.isoformat() if verdict.data_cutoff else None,
        "age_seconds": verdict.age_seconds,
        "stale_since": verdict.stale_since.isoformat() if verdict.stale_since else None,
        "asked_at": now.isoformat(timespec="seconds"),
    }
