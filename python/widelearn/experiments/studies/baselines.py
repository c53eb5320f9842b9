"""Kernels at their best ridge, which feature learning is compared with, and claims about accuracies."""

import math
from typing import Any

import numpy as np
from scipy.linalg import eigh

from widelearn.experiments.studies.ensembles import Array, mean_square
from widelearn.experiments.studies.rows import Row, Rows
from widelearn.experiments.studies.spec import APART, Claim

# Ridges relative to the kernel's mean diagonal entry.
RIDGES = tuple(10.0**power for power in range(-6, 5))


def best_fits(kernel: Any, X: Array, y: Array, test: Array) -> list[Array]:
    """Return the kernel ridge predictions of `test` for every ridge of a grid, from one decomposition.

    Choosing the best of them by the test rows favours the kernel.
    """
    K, cross = np.asarray(kernel(X), float), np.asarray(kernel(test, X), float)
    values, vectors = eigh(K, check_finite=False)
    right, left = vectors.T @ y, cross @ vectors
    scale = float(np.trace(K)) / len(K)
    return [left @ (right / (values + scale * ridge)) for ridge in RIDGES]


def best_accuracy(kernel: Any, X: Array, y: Array, test: Array, truth: Array) -> float:
    """Return the best share of signs that kernel ridge regression on ±1 gets right, over ridges."""
    return max(float(np.mean(np.sign(fit) == truth)) for fit in best_fits(kernel, X, y, test))


def best_error(kernel: Any, X: Array, y: Array, test: Array, truth: Array) -> float:
    """Return the least mean squared error of kernel ridge regression over ridges."""
    return min(mean_square(fit - truth) for fit in best_fits(kernel, X, y, test))


def at_least(rows: Rows, text: str, value: float) -> Claim:
    """Claim that every mean is at least a value."""
    return Claim(text, bool(rows) and all(one["simulation"] >= value for one in rows), means(rows))


def at_most(rows: Rows, text: str, value: float) -> Claim:
    """Claim that every mean is at most a value."""
    return Claim(text, bool(rows) and all(one["simulation"] <= value for one in rows), means(rows))


def far_from(rows: Rows, others: Rows, text: str) -> Claim:
    """Claim, as a control, that something left out changes every mean by more than 10 standard errors of both."""

    def errors(one: Row, other: Row) -> float:
        error = math.hypot(one["se"], other["se"])
        return abs(one["simulation"] - other["simulation"]) / max(error, 1e-300)

    gaps = [errors(one, other) for one, other in zip(rows, others, strict=True)]
    held = bool(gaps) and min(gaps) > APART
    return Claim(text, held, f"{means(rows)} and without it {means(others)}", control=True)


def means(rows: Rows) -> str:
    """Write means with their standard errors."""
    return ", ".join(f"{one['simulation']:.3f} ± {one['se']:.2g}" for one in rows) or "no rows"
