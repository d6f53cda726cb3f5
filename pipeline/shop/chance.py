"""Chance without a stream: numbers that depend on nothing but what they are for."""

import numpy as np
from numpy.typing import NDArray

from pipeline.shop.world import Floats, Ints, World


def draw(world: World, purpose: int, thing: Ints, period: Ints | int = 0) -> Floats:
    """A number in [0, 1) for each thing that depends on nothing but its arguments (the mixer of SplitMix64)."""
    key = _mix(np.uint64((world.seed << 8) + purpose) + np.zeros_like(thing, dtype=np.uint64))
    key = _mix(_mix(key + thing.astype(np.uint64)) + np.asarray(period).astype(np.uint64))
    return (key >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mix(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    value = value + np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))
