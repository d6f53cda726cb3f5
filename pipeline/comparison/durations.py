"""What each stage of each run took, kept beside a bundle, so that another run can go by the same clock."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.comparison.clock import Interval
from pipeline.comparison.interval import Ran
from pipeline.comparison.log import spell
from pipeline.errors import BadInput

FILE = "durations.json"
SCHEMA = 1
Durations = Mapping[str, Mapping[str, float]]  # end of the interval: stage: seconds


def write_durations(bundle: Path, ran: Sequence[Ran]) -> None:
    """The seconds of every stage of every run stand beside the bundle."""
    runs = {spell(one.interval.end): {took.stage: took.seconds for took in one.took} for one in ran}
    document = {"schema": SCHEMA, "runs": runs}
    (bundle / FILE).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def read_durations(bundle: Path, intervals: Sequence[Interval]) -> Durations:
    """The seconds of an earlier bundle of the same intervals; raises `BadInput` when it has none or has others."""
    path = bundle / FILE
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["schema"] != SCHEMA:
            raise BadInput(f"{path} has schema {document['schema']}; this reads schema {SCHEMA}.")
        durations = {
            end: {stage: float(seconds) for stage, seconds in stages.items()}
            for end, stages in document["runs"].items()
        }
    except FileNotFoundError:
        raise BadInput(f"{bundle} has no {FILE}; only the bundle of a batch arm has.") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"{path} is damaged ({type(error).__name__}: {error}).") from None
    wanted = [spell(interval.end) for interval in intervals]
    if list(durations) != wanted:
        raise BadInput(
            f"{path} has {len(durations)} runs and not the {len(wanted)} that end from {wanted[0]} to {wanted[-1]}: it is "
            "of another log or cadence."
        )
    return durations
