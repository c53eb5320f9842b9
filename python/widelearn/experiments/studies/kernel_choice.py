"""Kernel ridge classifiers whose kernel and ridge inner folds choose, from one matrix a kernel."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from widelearn.experiments.studies.ensembles import Array

Labels = NDArray[np.int64]
Split = tuple[NDArray[np.int64], NDArray[np.int64]]
# Relative to the mean of the kernel's diagonal.
RIDGES = tuple(10.0**power for power in range(-6, 2))


def chosen_accuracy(
    kernels: Sequence[Any], X: Array, y: Labels, test: Array, truth: Labels, folds: Sequence[Split]
) -> float:
    """Return the accuracy at test rows of the kernel and ridge that are best over inner folds of the others."""
    targets = 2.0 * np.eye(int(y.max()) + 1)[y] - 1
    best, accuracy = -1.0, 0.0
    for kernel in kernels:
        K = np.asarray(kernel(X), dtype=float)
        scores = np.zeros(len(RIDGES))
        for fit, check in folds:
            scores += _accuracies(K[np.ix_(fit, fit)], K[np.ix_(check, fit)], targets[fit], y[check])
        place = int(np.argmax(scores))
        if scores[place] > best:
            best = float(scores[place])
            cross = np.asarray(kernel(test, X), dtype=float)
            accuracy = float(_accuracies(K, cross, targets, truth, RIDGES[place : place + 1])[0])
    return accuracy


def _accuracies(K: Array, cross: Array, targets: Array, truth: Labels, ridges: Sequence[float] = RIDGES) -> Array:
    """Return the accuracy of each ridge; targets are fitted about their mean."""
    mean = targets.mean(axis=0)
    scale = float(np.trace(K)) / len(K)
    found = []
    for ridge in ridges:
        shifted = K.copy()
        shifted.flat[:: len(K) + 1] += scale * ridge
        dual = cho_solve(cho_factor(shifted.T, lower=True, overwrite_a=True, check_finite=False), targets - mean)
        found.append(float(np.mean(np.argmax(cross @ dual + mean, axis=1) == truth)))
    return np.array(found)


def inner_folds(y: Labels, number: int, seed: int) -> list[Split]:
    """Return stratified folds."""
    from sklearn.model_selection import StratifiedKFold

    return list(StratifiedKFold(number, shuffle=True, random_state=seed).split(np.zeros(len(y)), y))


def chosen_model_accuracy(
    models: Sequence[Callable[[], Any]], X: Array, y: Labels, test: Array, truth: Labels, folds: Sequence[Split]
) -> float:
    """Return the accuracy at test rows of the model that is best over inner folds of the others."""
    place = 0
    if len(models) > 1:
        scores = [
            float(sum(model().fit(X[fit], y[fit]).score(X[check], y[check]) for fit, check in folds))
            for model in models
        ]
        place = int(np.argmax(scores))
    return float(models[place]().fit(X, y).score(test, truth))


def outer_fold(y: Labels, number: int, place: int, seed: int) -> Split:
    """Return one of so many stratified folds: rows to fit, and rows that are left out."""
    return inner_folds(y, number, seed)[place]
