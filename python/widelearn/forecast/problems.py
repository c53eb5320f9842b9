"""What an estimator makes of rows: its kernel matrix, its targets, and the penalties that it would choose from."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone, is_classifier
from sklearn.utils import get_tags
from sklearn.utils.validation import check_X_y

from widelearn.estimators import (
    FeatureRidge,
    FeatureRidgeClassifier,
    FeatureRidgeClassifierCV,
    FeatureRidgeCV,
    KernelRidge,
    KernelRidgeClassifier,
    KernelRidgeClassifierCV,
    KernelRidgeCV,
)
from widelearn.estimators.labels import Labels
from widelearn.features import FourierFeatures, NTKFeatures, RandomFeatures, TangentFeatures
from widelearn.features.base import FeatureMap
from widelearn.forecast.samples import Doubles, with_intercept
from widelearn.kernels import NNGP, NTK, RBF, as_kernel
from widelearn.kernels.radial import settled
from widelearn.runtime import check_memory, crossing

BY_KERNEL = (KernelRidge, KernelRidgeCV, KernelRidgeClassifier, KernelRidgeClassifierCV)
BY_FEATURES = (FeatureRidge, FeatureRidgeCV, FeatureRidgeClassifier, FeatureRidgeClassifierCV)
# Fewest rows that tell anything, and most that are decomposed.
FEWEST, MOST_ROWS = 100, 4000
# Least and largest standard deviation of targets, whose squares are numbers.
NARROWEST, WIDEST = 1e-140, 1e140
# Columns of a map, for each row, that stand for its limit where that has no closed form.
WIDE = 16


@dataclass(frozen=True)
class RidgeProblem:
    """Kernel ridge regression on a sample of the user's rows.

    Attributes
    ----------
    K : ndarray of shape (m, m)
        Kernel matrix by its `size`, an intercept included.
    Y : ndarray of shape (m, t)
        Targets by their `unit`, their mean taken off where there is an intercept; ±1 for classes.
    labels : Labels or None
        Classes, for a classifier.
    codes : ndarray of shape (m,) or (m, t) or None
        The rows' labels.
    alphas : ndarray
        The estimator's penalties.
    chooses : bool
        Whether it chooses one of them.
    size : float
        Mean of the kernel's diagonal without the intercept, which K and penalties are divided by.
    unit : float
        What the targets were divided by.
    n_features : float
        Features of the estimator, infinite for a kernel.
    """

    K: Doubles
    Y: Doubles
    labels: Labels | None
    codes: Any
    alphas: Doubles
    chooses: bool
    size: float
    n_features: float
    unit: float = 1.0


def has_closed_form(estimator: Any) -> bool:
    """Whether an estimator is ridge regression on a kernel or on a map of features, whose rows count alike."""
    nystrom = isinstance(estimator, KernelRidge | KernelRidgeClassifier) and estimator.solver == "nystrom"
    weighted = getattr(estimator, "class_weight", None) is not None
    return isinstance(estimator, BY_KERNEL + BY_FEATURES) and not nystrom and not weighted


def checked(X: ArrayLike, y: ArrayLike, classify: bool, *, as_they_are: bool = False) -> tuple[Any, Any]:
    """Return rows, in float64 unless they stay as they are, and targets; refuse few rows and constant targets."""
    if as_they_are:
        table: Any = X if hasattr(X, "shape") else np.asarray(X)
        _, targets = check_X_y(np.zeros((table.shape[0], 1)), y, multi_output=True, y_numeric=not classify)
    else:
        table, targets = check_X_y(X, y, dtype=np.float64, multi_output=True, y_numeric=not classify)
    targets = np.asarray(targets)
    if targets.ndim == 2 and targets.shape[1] == 1:
        targets = targets[:, 0]
    if len(targets) < FEWEST:
        raise ValueError(f"{len(targets)} rows are too few: a forecast needs {FEWEST} or more. Give more rows.")
    if (targets == targets[:1]).all():
        raise ValueError("y is constant: there is nothing to learn, and nothing to forecast. Give targets that vary.")
    return table, targets


def spread(y: Any) -> float:
    """Return the standard deviation of targets, the largest of several; ValueError if its square is no number."""
    y = np.asarray(y, dtype=np.float64)
    top = float(np.abs(y).max())
    found = float((y / top).std(axis=0).max()) * top
    if not (top <= WIDEST and found >= NARROWEST):
        raise ValueError(
            f"y has values up to {top:.3g} and a standard deviation of {found:.3g}: squared errors would leave the"
            f" range of numbers. Scale y to within {NARROWEST:g} and {WIDEST:g}."
        )
    return found


def sampled(n: int, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Return which of n rows are looked at: all, or 4,000 at random."""
    return np.arange(n) if n <= MOST_ROWS else np.sort(rng.permutation(n)[:MOST_ROWS])


def taken(estimator: Any, X: Any, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Any:
    """Return some rows of a table, and of a precomputed kernel matrix their values with the rows `columns`."""
    if get_tags(estimator).input_tags.pairwise:
        if X.shape[0] != X.shape[1]:
            raise ValueError(f"A precomputed kernel matrix must be square, got {X.shape}.")
        return crossing(X, rows, columns)
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]


def ridge_problem(estimator: Any, X: Doubles, y: Any, *, limit: bool) -> RidgeProblem:
    """Return the problem that an estimator makes of rows; with `limit`, that of a map with any number of features."""
    classify = is_classifier(estimator)
    check_memory(40 * len(X) ** 2, f"A forecast from {len(X)} rows", "Give fewer rows.")
    labels = Labels.from_targets(y) if classify else None
    unit = 1.0 if classify else spread(y)
    Y = labels.encode(y) if labels is not None else np.asarray(y, dtype=np.float64).reshape(len(X), -1) / unit
    if labels is None and estimator.fit_intercept:
        Y = Y - Y.mean(axis=0)
    chooses, alphas = hasattr(estimator, "alphas"), _penalties(estimator)
    if isinstance(estimator, BY_FEATURES):
        K, n_features = _of_features(estimator, X, Y, limit=limit)
    else:
        if limit:
            raise ValueError("n_features is of a map of features: leave it out for a kernel.")
        K, n_features = _of_kernel(estimator, X, y), np.inf
    size = float(np.mean(np.diag(K)))
    if not 0.0 < size < np.inf:
        raise ValueError(f"The kernel's mean diagonal is {size:g}: a forecast needs a positive one. Scale the columns.")
    K = with_intercept(K / size) if estimator.fit_intercept else K / size
    return RidgeProblem(K, Y, labels, y if classify else None, alphas, chooses, size, n_features, unit)


def _penalties(estimator: Any) -> Doubles:
    """Return the penalties of an estimator, or those that it chooses from."""
    name = "alphas" if hasattr(estimator, "alphas") else "alpha"
    given = getattr(estimator, name)
    try:
        alphas = np.atleast_1d(np.asarray(given, dtype=np.float64)).ravel()
    except (TypeError, ValueError):
        alphas = np.empty(0)
    if not len(alphas) or not (np.isfinite(alphas) & (alphas >= 0.0)).all():
        raise ValueError(f"{name} of the estimator must hold finite numbers of at least 0, got {given!r}.")
    if name == "alpha" and len(alphas) > 1:
        raise ValueError(f"alpha has {len(alphas)} penalties, one a target: a forecast takes one. Give alpha=[...].")
    return alphas


def _of_kernel(estimator: Any, X: Doubles, y: Any) -> Doubles:
    """Return the kernel matrix of an estimator; of several kernels, that which the estimator chooses."""
    kernel = estimator.kernel
    if isinstance(kernel, list | tuple):
        kernel = clone(estimator).fit(X, y).kernel_
    if isinstance(kernel, str) and kernel == "precomputed":
        return X
    return np.asarray(settled(as_kernel(kernel, NTK()), X)(X), dtype=np.float64)


def _of_features(estimator: Any, X: Doubles, Y: Doubles, *, limit: bool) -> tuple[Doubles, float]:
    """Return inner products of an estimator's features, or the kernel in the limit of many, and how many there are."""
    features = RandomFeatures() if estimator.features is None else estimator.features
    if isinstance(features, str):
        if limit:
            raise ValueError("n_features is of a map of features: 'passthrough' has the columns of X.")
        return X @ X.T, float(X.shape[1])
    if limit:
        return _limit(features, X), np.inf
    fitted = clone(features)
    if "random_state" in fitted.get_params() and fitted.random_state is None:
        fitted.set_params(random_state=0)
    found = fitted.fit(X, Y).transform(X)
    Z = np.asarray(found.toarray() if hasattr(found, "toarray") else found, dtype=np.float64)
    return Z @ Z.T, float(Z.shape[1])


def _limit(features: Any, X: Doubles) -> Doubles:
    """Return the kernel matrix of a map's limit of many features, closed where it is known, else by a wide map."""
    if isinstance(features, RandomFeatures) and features.weights != "sphere":
        bias = float(features.bias_scale) ** 2
        return np.asarray(NNGP(1, features.activation, bias_variance=bias)(X)) - bias
    if isinstance(features, FourierFeatures):
        return np.asarray(settled(as_kernel(features.kernel, RBF()), X)(X))
    if isinstance(features, NTKFeatures):
        return np.asarray(NTK(depth=features.depth)(X))
    wide = clone(features)
    if isinstance(features, TangentFeatures):
        wide.set_params(width=max(WIDE * len(X) // X.shape[1], features.width), random_state=0)
    elif (isinstance(features, FeatureMap) and features.looks_at_rows) or not hasattr(features, "n_components"):
        raise ValueError(
            f"{type(features).__name__} has no limit of many random features: leave n_features out, and the forecast is"
            " of its own features."
        )
    else:
        wide.set_params(n_components=WIDE * len(X))
    Z = np.asarray(wide.fit(X).transform(X), dtype=np.float64)
    return Z @ Z.T
