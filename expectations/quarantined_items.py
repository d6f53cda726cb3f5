"""Suite of `quarantined_items`: the same as that of `quarantined_events`."""

from expectations.quarantined_events import suite

__all__ = ["suite"]
