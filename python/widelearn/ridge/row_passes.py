"""Passes over rows that are at hand, block by block, about an origin that is kept exactly."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from widelearn.runtime import Array

Blocks = Callable[[], Iterable[tuple[slice, Array]]]


class RowPasses(NamedTuple):
    """Blocks of features (rows, p), every time anew, with targets (n, t) and weights (n,) of all rows."""

    blocks: Blocks
    y: Array
    weight: Array | None

    def scaled(self, center: Array, mean_y: Array) -> Iterator[tuple[slice, Array, Array, Array]]:
        """Yield rows, √w (z - center), √w (y - mean_y) and √w, in float64."""
        for rows, Z in self.blocks():
            root = np.ones(len(Z)) if self.weight is None else np.sqrt(self.weight[rows].astype(np.float64))
            Z = Z - center
            if self.weight is not None:
                Z *= root[:, None]
            yield rows, Z, (self.y[rows] - mean_y) * root[:, None], root
