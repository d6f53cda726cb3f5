"""What a version is: an id that comes from its content, and the facts that stand beside it in `versions`."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pipeline.hours import format_hour
from pipeline.serving.schema import check_version


@dataclass(frozen=True)
class VersionInfo:
    """What the row in `versions` says; made by `describe_version`."""

    version: str
    source: str
    arm: str
    interval_start: datetime
    interval_end: datetime
    data_cutoff: datetime
    content_hash: str
    code_version: str
    max_rank: int | None = None
    notes: str | None = None
    tier: str | None = None


def describe_version(
    source: str,
    arm: str,
    interval_start: datetime,
    interval_end: datetime,
    data_cutoff: datetime,
    hashes: Mapping[str, str],
    code_version: str,
    max_rank: int | None = None,
    notes: str | None = None,
    tier: str | None = None,
) -> VersionInfo:
    """The version that these Parquet files (table: SHA-256) make: the same content has the same id wherever it is made.

    Of every list the ranks up to `max_rank` are published.
    """
    hour = format_hour(interval_start)
    content = [source, arm, hour, max_rank, sorted(hashes.items())]
    digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    return VersionInfo(
        version=check_version(f"{hour}-{digest[:12]}"),
        source=source,
        arm=arm,
        interval_start=interval_start,
        interval_end=interval_end,
        data_cutoff=data_cutoff,
        content_hash=digest,
        code_version=code_version,
        max_rank=max_rank,
        notes=notes,
        tier=tier,
    )
