"""Who is let in: the key, how often, and only text that is text. Each says in one sentence what to do."""

import hmac
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes

KNOWN_CALLERS = 10_000  # the one that was not seen for longest is forgotten first


@dataclass(frozen=True)
class Refusal:
    """Why a request is not answered."""

    status: int
    sentence: str
    headers: Mapping[str, str] = field(default_factory=dict)


class RateLimit:
    """A bucket for each caller that holds one second's requests, or `at_once`, and fills up evenly."""

    def __init__(self, per_second: float, at_once: float = 1.0) -> None:
        self.per_second, self.size = per_second, max(at_once, per_second)
        self.buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def seconds_to_wait(self, caller: str) -> float:
        """0 when the request is within the limit (and counted), else how long until one is again."""
        now = time.monotonic()
        left, then = self.buckets.pop(caller, (self.size, now))
        left = min(self.size, left + (now - then) * self.per_second)
        allowed = left >= 1
        self.buckets[caller] = (left - 1 if allowed else left, now)
        if len(self.buckets) > KNOWN_CALLERS:
            self.buckets.popitem(last=False)
        return 0.0 if allowed else (1 - left) / self.per_second


def check_key(given: bytes, key: str) -> Refusal | None:
    """A refusal unless the key is right or none is asked for; takes as long for a wrong key as for the right one."""
    if not key or hmac.compare_digest(given, key.encode()):
        return None
    sentence = "the API key is wrong." if given else "this needs an API key: send it in the header X-API-Key."
    return Refusal(401, sentence)


def check_text(scope: Mapping[str, Any]) -> Refusal | None:
    """A refusal of a path or query string that is not UTF-8; decoded leniently it would name something else."""
    for where, raw in (("path", scope.get("raw_path") or b""), ("query string", scope["query_string"])):
        if b"%" in raw:
            try:
                unquote_to_bytes(raw).decode()
            except UnicodeDecodeError:
                return Refusal(
                    422, f"the {where} is not text in UTF-8; percent-encode the UTF-8 bytes of what is meant."
                )
    return None


def check_rate(limit: RateLimit, caller: str) -> Refusal | None:
    """A refusal with the seconds to wait when this caller asks too often."""
    seconds = limit.seconds_to_wait(caller)
    if not seconds:
        return None
    sentence = f"more than {limit.per_second:g} requests a second; wait {seconds:.1f} s."
    return Refusal(429, sentence, {"Retry-After": str(int(seconds) + 1)})
