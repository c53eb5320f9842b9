"""What an estimator makes of rows: its kernel matrix, its targets, and the penalties that it would choose from."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone, is_classifier
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
from widelearn.runtime import check_memory

BY_KERNEL = (KernelRidge, KernelRidgeCV, KernelRidgeClassifier, KernelRidgeClassifierCV)
BY_FEATURES = (FeatureRidge, FeatureRidgeCV, FeatureRidgeClassifier, FeatureRidgeClassifierCV)
# Fewest rows that tell anything, and most that are decomposed.
FEWEST, MOST_ROWS = 100, 4000
# Columns of a map, for each row, that stand for its limit where that has no closed form.
WIDE = 16


@dataclass(frozen=True)
class RidgeProblem:
    """Kernel ridge regression on a sample of the user's rows.

    Attributes
    ----------
    K : ndarray of shape (m, m)
        Kernel matrix, an intercept included.
    Y : ndarray of shape (m, t)
        Targets; ±1 for classes.
    labels : Labels or None
        Classes, for a classifier.
    codes : ndarray of shape (m,) or (m, t) or None
        The rows' labels.
    alphas : ndarray
        The estimator's penalties.
    chooses : bool
        Whether it chooses one of them.
    size : float
        Mean of the kernel's diagonal without the intercept.
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


def has_closed_form(estimator: Any) -> bool:
    """Whether an estimator is ridge regression on a kernel or on a map of features."""
    nystrom = isinstance(estimator, KernelRidge | KernelRidgeClassifier) and estimator.solver == "nystrom"
    return isinstance(estimator, BY_KERNEL + BY_FEATURES) and not nystrom


def checked(X: ArrayLike, y: ArrayLike, classify: bool) -> tuple[Doubles, Any]:
    """Return rows in float64 and targets; refuse fewer than 100 rows and constant targets."""
    rows, targets = check_X_y(X, y, dtype=np.float64, multi_output=True, y_numeric=not classify)
    if len(rows) < FEWEST:
        raise ValueError(f"{len(rows)} rows are too few: a forecast needs {FEWEST} or more. Give more rows.")
    if (np.asarray(targets) == np.asarray(targets)[:1]).all():
        raise ValueError("y is constant: there is nothing to learn, and nothing to forecast. Give targets that vary.")
    return rows, targets


def sampled(n: int, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Return which of n rows are looked at: all, or 4,000 at random."""
    return np.arange(n) if n <= MOST_ROWS else np.sort(rng.permutation(n)[:MOST_ROWS])


def ridge_problem(estimator: Any, X: Doubles, y: Any, *, limit: bool) -> RidgeProblem:
    """Return the problem that an estimator makes of rows; with `limit`, that of a map with any number of features."""
    classify = is_classifier(estimator)
    check_memory(40 * len(X) ** 2, f"A forecast from {len(X)} rows", "Give fewer rows.")
    labels = Labels.from_targets(y) if classify else None
    Y = labels.encode(y) if labels is not None else np.asarray(y, dtype=np.float64).reshape(len(X), -1)
    chooses = hasattr(estimator, "alphas")
    alphas = np.atleast_1d(np.asarray(estimator.alphas if chooses else estimator.alpha, dtype=np.float64))
    if not chooses and len(alphas) > 1:
        raise ValueError(f"alpha has {len(alphas)} penalties, one a target: a forecast takes one. Give alpha=[...].")
    if isinstance(estimator, BY_FEATURES):
        K, n_features = _of_features(estimator, X, Y, limit=limit)
    else:
        if limit:
            raise ValueError("n_features is of a map of features: leave it out for a kernel.")
        K, n_features = _of_kernel(estimator, X, y), np.inf
    size = float(np.mean(np.diag(K)))
    if not size > 0.0:
        raise ValueError(f"The kernel's mean diagonal is {size:g}: a forecast needs a positive one. Scale the columns.")
    K = with_intercept(K) if estimator.fit_intercept else K
    return RidgeProblem(K, Y, labels, y if classify else None, alphas, chooses, size, n_features)


def _of_kernel(estimator: Any, X: Doubles, y: Any) -> Doubles:
    """Return the kernel matrix of an estimator; of several kernels, that which the estimator chooses."""
    kernel = estimator.kernel
    if isinstance(kernel, list | tuple):
        kernel = clone(estimator).fit(X, y).kernel_
    if isinstance(kernel, str) and kernel == "precomputed":
        if X.shape[0] != X.shape[1]:
            raise ValueError(f"A precomputed kernel matrix must be square, got {X.shape}.")
        return X.copy()
    return np.asarray(as_kernel(kernel, NTK())(X), dtype=np.float64)


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
    Z = np.asarray(fitted.fit(X, Y).transform(X), dtype=np.float64)
    return Z @ Z.T, float(Z.shape[1])


def _limit(features: Any, X: Doubles) -> Doubles:
    """Return the kernel matrix of a map's limit of many features, closed where it is known, else by a wide map."""
    if isinstance(features, RandomFeatures) and features.weights != "sphere":
        bias = float(features.bias_scale) ** 2
        return np.asarray(NNGP(1, features.activation, bias_variance=bias)(X)) - bias
    if isinstance(features, FourierFeatures):
        return np.asarray(as_kernel(features.kernel, RBF())(X))
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
