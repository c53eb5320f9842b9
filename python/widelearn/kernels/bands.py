"""Defects of a layer of any variances: bands of variances and a table for each pair of bands that meet."""

import math
from itertools import pairwise, product

import numpy as np

from widelearn.kernels.interpolation import Range, is_power, table
from widelearn.kernels.quadrature import Function, defects
from widelearn.runtime import Array

# One table spans variances up to this ratio, so that a few coefficients do.
WIDTH = math.log(32.0)
# Logarithms of variances closer than this are one: rows of one length, to rounding.
SAME = 1e-13
# So many pairs a table are integrated one by one sooner than the tables are made.
FEW = 32


class Bands:
    """The defects of one function for the variances that rows have in one layer."""

    def __init__(self, function: Function, log_x: Array, log_y: Array) -> None:
        self._function, self._logs = function, (log_x, log_y)
        if is_power(function):
            self._logs = (np.zeros_like(log_x), np.zeros_like(log_y))
        self._bands = cut(np.concatenate(self._logs))
        highs = np.array([band[1] for band in self._bands[:-1]])
        self._places = [np.searchsorted(highs, log) for log in self._logs]
        # The defect is the same with its variances exchanged: a table serves both orders.
        met = {(min(pair), max(pair)) for pair in product(*(np.unique(place).tolist() for place in self._places))}
        self._few = len(log_x) * len(log_y) <= FEW * len(met)
        self._tables = {} if self._few else {(i, j): table(function, self._bands[i], self._bands[j]) for i, j in met}

    def defects(self, angle: Array, tile: tuple[slice, slice]) -> Array:
        """Return the defects of a tile of pairs from their angles."""
        x, y = (log[block] for log, block in zip(self._logs, tile, strict=True))
        if self._few:
            q, r = np.broadcast_arrays(np.exp(x)[:, None], np.exp(y))
            return defects(self._function, q.ravel(), r.ravel(), angle.ravel()).reshape(angle.shape)
        if len(self._bands) == 1:
            return self._tables[0, 0].defects(x, y, angle)
        place_x, place_y = (place[block] for place, block in zip(self._places, tile, strict=True))
        out = np.empty_like(angle)
        for i, j in product(np.unique(place_x).tolist(), np.unique(place_y).tolist()):
            at = np.ix_(place_x == i, place_y == j)
            first, second = x[place_x == i], y[place_y == j]
            if i <= j:
                out[at] = self._tables[i, j].defects(first, second, angle[at])
            else:
                out[at] = self._tables[j, i].defects(second, first, angle[at].T).T
        return out


def cut(log_q: Array) -> list[Range]:
    """Cut the range of logarithms of variances into bands, with ends that other such rows mostly have too."""
    low, high = float(log_q.min()), float(log_q.max())
    if high - low <= SAME:
        point = round((low + high) / 2, 13)
        return [(point, point)]
    step = 0.25 * 2.0 ** math.ceil(math.log2(min(high - low, 2.0)))
    low, high = step * math.floor(low / step), step * math.ceil(high / step)
    count = math.ceil((high - low) / WIDTH)
    edges = [low + (high - low) * k / count for k in range(count + 1)]
    return list(pairwise(edges))
