"""Norms of ridge solutions over many penalties, from one decomposition of features or of a kernel matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.utils.validation import validate_data

from widelearn.kernels import Kernel
from widelearn.runtime import check_memory

Array = NDArray[np.float64]
EPS = float(np.finfo(np.float64).eps)


def levels(name: str, values: ArrayLike) -> Array:
    """Return ridges as a vector; refuse what is none."""
    found = np.atleast_1d(np.asarray(values, dtype=np.float64))
    if found.ndim != 1 or not (np.isfinite(found) & (found >= 0)).all():
        raise ValueError(f"{name} must hold finite numbers of at least 0 along one axis, got {values!r:.60}.")
    return found


def check_penalties(estimator: Any) -> None:
    """Refuse an estimator whose penalties are not those that it was fitted with."""
    alphas, scores = np.ravel(estimator.alphas), np.asarray(estimator.alpha_scores_)
    if len(alphas) != scores.shape[-1] or not np.isin(estimator.alpha_, alphas).all():
        raise ValueError(
            f"The {len(alphas)} alphas are not those of the fit, which chose {estimator.alpha_!s:.60} among"
            f" {scores.shape[-1]}: they were set afterwards. Fit again."
        )


def rows_of(estimator: Any, X: Any, y: Any, sample_weight: Any) -> Any:
    """Return rows as the fit of an estimator read them; refuse those that it cannot have been fitted to."""
    # A clone keeps what it reads.
    draft = clone(estimator)
    rows = draft._read(X, y, sample_weight)
    validate_data(estimator, X, reset=False, skip_check_array=True)
    coef = estimator.coef_ if hasattr(estimator, "coef_") else estimator.dual_coef_.T
    targets = 1 if coef.ndim == 1 else len(coef)
    known = getattr(estimator, "classes_", None)
    if known is not None and not np.array_equal(known, draft.classes_):
        raise ValueError(f"y has the labels {draft.classes_!s:.60}, and the estimator was fitted to {known!s:.60}.")
    if rows.Y.shape[1] != targets:
        raise ValueError(f"y has {rows.Y.shape[1]} targets, and the estimator was fitted to {targets}.")
    return rows


def norms_of(estimator: Any, rows: Any, alphas: Array) -> Array:
    """Return ‖c‖ (a,) or (t, a) of an estimator's fit to rows at every penalty.

    With an intercept everything is about its weighted mean. Of S Z = U σ V', S = √w, the norm is ‖σ U'Sy / (σ² +
    alpha)‖; of S K S = U λ U' it is ‖√λ U'Sy / (λ + alpha)‖, for σ² = λ. What is rounding beside the largest counts as
    zero.
    """
    Y = np.asarray(rows.Y, dtype=np.float64)
    weight = np.ones(len(Y)) if rows.weight is None else np.asarray(rows.weight, dtype=np.float64)
    root, share = np.sqrt(weight), weight / weight.sum()
    if estimator.fit_intercept:
        Y = Y - share @ Y
    if hasattr(estimator, "features_"):
        Z = features_at(estimator.features_, rows.X)
        if estimator.fit_intercept:
            Z -= share @ Z
        U, sizes, _ = linalg.svd(root[:, None] * Z, full_matrices=False)
        sizes = np.where(sizes > max(Z.shape) * EPS * sizes.max(initial=0.0), sizes, 0.0)
    else:
        K = kernel_at(estimator.kernel_, rows.X, "Leave out X and y.")
        values, U = linalg.eigh(weighted_gram(K, weight, fit_intercept=estimator.fit_intercept))
        # What an indefinite kernel has below zero is no square of a norm.
        sizes = np.sqrt(np.where(values > len(K) * EPS * np.abs(values).max(initial=0.0), values, 0.0))
    parts = U.T @ (root[:, None] * Y)
    shifted = np.square(sizes)[:, None] + alphas
    factors = np.divide(sizes[:, None], shifted, out=np.zeros_like(shifted), where=shifted > 0.0)
    norms = np.sqrt(np.square(factors).T @ np.square(parts)).T
    return norms[0] if rows.flat else norms


def features_at(features: Any, X: Any) -> Array:
    """Return the features of rows, an array of doubles of their own."""
    Z: Any = X if isinstance(features, str) else features.transform(X)
    check_memory(16 * Z.shape[0] * Z.shape[1], f"The features of {Z.shape[0]} rows", "Leave out X and y.")
    stored: Any = Z
    return np.array(stored.toarray() if issparse(Z) else Z, dtype=np.float64)


def weighted_gram(K: Array, weight: Array, *, fit_intercept: bool) -> Array:
    """Put S K S, S = √w, in the place of K; with an intercept about the weighted mean, so that √w has nothing."""
    root = np.sqrt(weight)
    if fit_intercept:
        share = weight / weight.sum()
        K -= share @ K
        K -= (K @ share)[:, None]
    K *= root[:, None]
    K *= root
    return K


def kernel_at(kernel: Any, X: Any, remedy: str) -> Array:
    """Return the kernel matrix of rows, or the one that was given, an array of doubles of its own."""
    n = X.shape[0]
    check_memory(24 * n * n, f"The eigenvectors of {n} rows", remedy)
    if not isinstance(kernel, Kernel):
        return np.array(X, dtype=np.float64)
    return np.array(kernel(X.astype(np.float64, copy=False)), dtype=np.float64)
