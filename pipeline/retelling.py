"""After an erasure: ledgers in the serving database and pages say again what is in the lake."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

from pipeline.errors import TreasureHuntError
from pipeline.hours import format_hour, parse_hour
from pipeline.line import ALWAYS, run_stage_of_hours
from pipeline.manifests import read_manifest
from pipeline.privacy.erase import lakes_of
from pipeline.privacy.rewrite import landed_hours_of
from pipeline.run import Run
from pipeline.settings import Settings

NOBODY = "nobody of that name was found; whatever is delivered of them later will be refused"


def retell_hours(settings: Settings, number: int) -> tuple[int, list[str]]:
    """The hours whose events this erasure rewrote are reported again, in every source of this home.

    Returns how many, and a sentence for each source of which they could not be: the erasure itself is done all the same.
    """
    count, troubles = 0, []
    for lake in lakes_of(settings):
        own = settings.model_copy(update={"source": lake.name})
        hours = list(find_rewritten(own, number))
        try:
            if hours:
                count += len(list(run_stage_of_hours(ALWAYS, hours, own)))
        except TreasureHuntError as error:
            command = f"treasure-hunt backfill {format_hour(hours[0])} {format_hour(hours[-1])} --only {ALWAYS}"
            troubles.append(
                f"source {own.source}: the ledger and pages of {len(hours)} rewritten hours still count the erased rows: "
                f"{error} Then run `{command}`."
            )
    return count, troubles


def find_rewritten(settings: Settings, number: int) -> Iterator[datetime]:
    """The hours of a source whose landed events this erasure rewrote, and those that left evidence of a failure, which
    may have been; oldest first.
    """
    for folder in landed_hours_of(settings.lake):
        hour, manifest = parse_hour(f"{folder.parent.name}T{folder.name}"), None
        with suppress(TreasureHuntError):  # a damaged manifest: there is nothing to tell of it
            manifest = read_manifest(Run(hour, settings), "ingest_events")
        changes = manifest.get("erasures", []) if manifest else []
        is_rewritten = any(change["request"] == str(number) and change["tables"] for change in changes)
        if is_rewritten or (folder / "failed" / "ingest_events" / "manifest.json").exists():
            yield hour
