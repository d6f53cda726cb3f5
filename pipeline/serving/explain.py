"""The sentence why an item is shown, made from a reason when it is read."""

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache

# code: (sentence with a reference, sentence without one)
SENTENCES = {
    "searched": ("because you searched for '{}'", "fits your search"),
    "clicked": ("because you looked at {}", "often clicked after this search"),
    "added_to_cart": ("because you put {} in your cart", "often put in the cart after this search"),
    "bought_together": ("because you bought {}", "often bought after this search"),
    "similar": ("similar to {}", "similar"),
    "popular": ("popular in {}", "popular right now"),
    "fresh": ("", "new here"),
    "pinned": ("", "picked for everyone"),
}
# Where the thing that speaks for an item is that very item.
OF_ITSELF = {"clicked": "you looked at it", "added_to_cart": "you put it in your cart"}
REFERS_TO_ITEM = {"clicked", "added_to_cart", "bought_together", "similar"}


def explain(reason: str, titles: Mapping[str, str | None], item_id: str | None = None) -> str:
    """The sentence why `item_id` is shown, for a reason (JSON array of a code and its references), with items' titles."""
    code, *references = _parse_reason(reason)
    if references == [item_id] and code in OF_ITSELF:
        return OF_ITSELF[code]
    with_reference, without = SENTENCES.get(code, ("", "recommended for you"))
    if not references or not with_reference:
        return without
    names = [titles.get(name) or name for name in references] if code in REFERS_TO_ITEM else references
    return with_reference.format(" and ".join(dict.fromkeys(names)))  # two items may have one title


def referred_items(reasons: Iterable[str]) -> set[str]:
    """The items that these reasons name."""
    parsed = (_parse_reason(reason) for reason in reasons)
    return {name for code, *references in parsed if code in REFERS_TO_ITEM for name in references}


def searched_query(reason: str) -> str | None:
    """The query that this reason names, if it names one."""
    code, *references = _parse_reason(reason)
    return references[0] if code == "searched" and references else None


@lru_cache(maxsize=20_000)  # the rows of a list share a few reasons, and lists share popular ones
def _parse_reason(reason: str) -> tuple[str, ...]:
    """Code and references; a reason that is not an array of texts counts as an unknown code."""
    try:
        parts = json.loads(reason)
    except (json.JSONDecodeError, RecursionError):
        return ("",)
    is_reason = isinstance(parts, list) and parts and all(isinstance(part, str) for part in parts)
    return tuple(parts) if is_reason else ("",)
