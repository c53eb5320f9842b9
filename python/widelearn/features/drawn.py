"""Feature maps with their weights drawn, which the calls that follow take in place of drawing them again."""

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from widelearn import _core
from widelearn.kernels.specs import Features
from widelearn.runtime import Array, has_room

# Bytes that the weights of all maps may take, and what part of the memory that a call may hold one map's may be.
MOST, PART = 1 << 27, 8


class DrawnMaps:
    """What maps have drawn for rows of the last length and type: no part of the maps, their copies or pickles.

    It ends with its map, or when maps that draw later need its room. Steps that threads may share are single
    operations of a dictionary.
    """

    def __init__(self) -> None:
        self.kept: WeakKeyDictionary[Any, tuple[Features, int, np.dtype[Any], _core.DrawnFeatures]] = (
            WeakKeyDictionary()
        )

    def known(self, owner: Any, spec: Features, x: Array) -> _core.DrawnFeatures | None:
        """Return what a map has drawn for rows like `x`, if that is kept and of what the map is now."""
        found = self.kept.get(owner)
        if found is None or found[0] is not spec or found[1] != x.shape[1] or found[2] != x.dtype:
            return None
        return found[3]

    def drawn(self, owner: Any, spec: Features, x: Array, size: int) -> Features | _core.DrawnFeatures:
        """Draw the weights of a map, of so many bytes, and keep them; where they may not be kept, return its spec."""
        if size > MOST or not has_room(PART * size):
            return spec
        found = _core.draw_features(spec, np.empty((0, x.shape[1]), x.dtype))
        self.kept.pop(owner, None)
        self._make_room(MOST - found.nbytes)
        self.kept[owner] = spec, x.shape[1], x.dtype, found
        return found

    def _make_room(self, room: int) -> None:
        """Drop the oldest until the others take no more than some bytes."""
        owners = [owner for owner in (ref() for ref in self.kept.keyrefs()) if owner is not None]
        entries = [(owner, entry) for owner in owners if (entry := self.kept.get(owner)) is not None]
        held = sum(entry[3].nbytes for _, entry in entries)
        for owner, entry in entries:
            if held <= room:
                return
            self.kept.pop(owner, None)
            held -= entry[3].nbytes


DRAWN = DrawnMaps()
