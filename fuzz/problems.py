"""Seeded ridge problems of the sizes, units, offsets and penalties that users have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

LARGEST_P, LARGEST_N, NEW_ROWS = 30, 300, 12
# Powers of ten: units of columns, penalties, and offsets of columns and targets over their own spread.
UNITS, PENALTIES = 6, 6
# Targets of less relative spread are one number and rounding errors.
CONSTANT = 1e-7
COLUMN_OFFSETS = {"float64": 8, "float32": 3}
TARGET_OFFSETS = {"float64": 3, "float32": 1}
# Of harsh problems: decades of rows far out and of weights, and the share of problems that have each.
HARSH, SHARE_HARSH = {"float64": 9, "float32": 4}, 0.6
SHARE_DUPLICATED, SHARE_WEIGHTED, SHARE_MIXED = 0.2, 0.3, 0.3


@dataclass(frozen=True)
class Problem:
    """A ridge problem: rows, targets (n,) or (n, t), weights or None, a penalty, and rows to predict."""

    seed: int
    X: Any
    y: Any
    weight: Any
    alpha: float
    new: Any
    # Whether rows are far out, and their left-out errors larger than all targets.
    harsh: bool = False

    @property
    def dtype(self) -> str:
        """The name of the numbers' type."""
        return str(self.X.dtype)

    @property
    def columns(self) -> Any:
        """The targets (n, t)."""
        return self.y.reshape(len(self.y), -1)

    @property
    def weights(self) -> Any:
        """One weight a row."""
        return np.ones(len(self.y)) if self.weight is None else self.weight

    @property
    def spread(self) -> Any:
        """The standard deviation of each target (t,); the size of one that does not vary."""
        y, w = self.columns.astype(np.float64), self.weights[:, None] / self.weights.sum()
        spread = np.sqrt((w * (y - (w * y).sum(axis=0)) ** 2).sum(axis=0))
        size = np.abs(y).max(axis=0)
        return np.where(spread > CONSTANT * size, spread, size)

    def __str__(self) -> str:
        shape = f"seed {self.seed}: n={len(self.X)} p={self.X.shape[1]} t={self.columns.shape[1]}"
        return f"{shape} {self.dtype} alpha={self.alpha:.1e}{'' if self.weight is None else ' weighted'}"


def problem(seed: int, dtype: str | None = None) -> Problem:
    """Return the problem of a seed; even seeds are of doubles unless a type is named."""
    rng = np.random.default_rng([seed, 20261128])
    dtype = dtype or ("float64", "float32")[seed % 2]
    p = int(rng.integers(1, LARGEST_P + 1))
    n = int(np.clip(round(p * 10 ** rng.uniform(-np.log10(3), 1)), 2, LARGEST_N))
    standard = rows(rng, n + NEW_ROWS, p)
    spread = 10 ** rng.uniform(-UNITS, UNITS, p)
    offset = rng.choice([-1, 1], p) * 10 ** rng.uniform(0, COLUMN_OFFSETS[dtype], p)
    X = (spread * (standard + offset * (rng.random(p) < rng.choice([0.0, 0.5, 1.0])))).astype(dtype)
    if rng.random() < SHARE_DUPLICATED:
        X[:, rng.integers(p, size=max(p // 4, 1))] = X[:, rng.integers(p, size=max(p // 4, 1))]
    y = targets(rng, standard[:n], TARGET_OFFSETS[dtype]).astype(dtype)
    if rng.random() < SHARE_DUPLICATED:
        X[rng.integers(n, size=n // 3)] = X[rng.integers(n, size=n // 3)]
    weight = weights(rng, n) if rng.random() < SHARE_WEIGHTED else None
    alpha = float(10 ** rng.uniform(-PENALTIES, PENALTIES))
    return Problem(seed, X[:n], y, weight, alpha, X[n:])


def harsh_problem(seed: int, dtype: str | None = None) -> Problem:
    """Return a problem with rows far out, columns constant but for one row, or weights of many decades, or all."""
    given = problem(seed, dtype)
    rng = np.random.default_rng([seed, 3])
    X, (n, p), weight = given.X.astype(np.float64), given.X.shape, given.weight
    spread, decades = X.std(axis=0), HARSH[given.dtype]
    spread[spread == 0.0] = 1.0
    if rng.random() < SHARE_HARSH:
        for j in rng.integers(p, size=max(p // 4, 1)):
            X[:, j] = rng.choice([0.0, 1.0, 1 / 3]) * spread[j]
            X[rng.integers(n), j] += spread[j] * 10 ** rng.uniform(0, decades)
    if rng.random() < SHARE_HARSH:
        X[rng.integers(n, size=rng.integers(1, 3))] *= 10 ** rng.uniform(1, decades)
    if rng.random() < SHARE_HARSH:
        weight = 10 ** rng.uniform(-decades / 2, decades / 2, n)
    return replace(given, X=X.astype(given.dtype), weight=weight, harsh=True)


def rows(rng: np.random.Generator, n: int, p: int) -> Any:
    """Return rows of columns of spread about one: normal, uniform, heavy-tailed or of two values, sometimes mixed."""
    laws = [
        rng.normal(size=(n, p)),
        rng.uniform(-1.7, 1.7, (n, p)),
        rng.standard_t(4, (n, p)),
        rng.choice([-1.0, 1.0], (n, p)),
    ]
    standard = np.choose(rng.integers(len(laws), size=p), laws)
    if rng.random() < SHARE_MIXED:
        standard = standard + standard[:, :1] * 10 ** rng.uniform(-1, 2, p)
        standard /= standard.std(axis=0) + 1e-300
    return standard


def targets(rng: np.random.Generator, standard: Any, powers: float) -> Any:
    """Return targets (n,) or (n, t): a linear function and noise, away from zero."""
    n, p = standard.shape
    t = int(rng.choice([0, 0, 1, 3]))
    shape = (max(t, 1),)
    y = standard @ rng.normal(size=(p, *shape)) / np.sqrt(p) + 10 ** rng.uniform(-3, 0) * rng.normal(size=(n, *shape))
    y += rng.choice([-1, 1], shape) * 10 ** rng.uniform(-1, powers, shape)
    y *= 10 ** rng.uniform(-3, 3)
    return y if t else y[:, 0]


def weights(rng: np.random.Generator, n: int) -> Any:
    """Return weights: repetitions, some of them zero, or numbers of unlike size."""
    weight = rng.integers(0, 4, n).astype(float) if rng.random() < 0.5 else 10 ** rng.uniform(-1, 1, n)
    weight[rng.integers(n, size=2)] = 1.0
    return weight
