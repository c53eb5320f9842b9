"""What ridge regression on features takes: the features of all rows, the smaller system, and a choice of penalties."""

import copy
import time
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from widelearn.estimators.costs import FitCost
from widelearn.estimators.feature_ridge.maps import RidgeFeatures, is_pairwise
from widelearn.estimators.feature_ridge.systems import Rows
from widelearn.estimators.folds import Folds
from widelearn.estimators.penalty import Fixed, Gcv, Penalty
from widelearn.estimators.rates import (
    FACTORED,
    INVERTED,
    TRIDIAGONAL,
    TURNED,
    entry_seconds,
    least_seconds,
    left_out_work,
    places,
    product_seconds,
    refits_work,
)
from widelearn.features import NystromFeatures
from widelearn.kernels import Kernel
from widelearn.kernels.rows import check_square
from widelearn.runtime import Array

# Rows that a map is fitted to and timed on, and most features of a Nyström map there.
SOME, FEW_CENTRES = 1024, 256


class Map(NamedTuple):
    """A feature map as it was timed on a few rows: seconds that fitting it takes, and those of a row's features.

    `values` are kernel values of a row, `entry` the seconds of one inner product of features where a kernel gives it.
    """

    features: RidgeFeatures
    p: int
    fitting: float
    row: float
    values: int
    entry: float | None
    diagonal: float


def timed(given: Any, random_state: Any, rows: Rows) -> Map:
    """Fit a map to a few rows, and time it."""
    n = rows.X.shape[0]
    at = places(n, SOME)
    few = rows.X[at][:, at] if is_pairwise(given) else rows.X[at]
    source = given
    if isinstance(given, NystromFeatures) and given.n_components > FEW_CENTRES:
        source = copy.copy(given).set_params(n_components=FEW_CENTRES)
    features, start = RidgeFeatures(source, copy.deepcopy(random_state)), time.perf_counter()
    features.fit(few, rows.Y[at])
    fitting, p = time.perf_counter() - start, features.n_features
    row = 0.0 if isinstance(features.map, str) else least_seconds(partial(features.transform, few)) / len(at)
    values, entry, kernel = 0, None, features.kernel()
    Z = few[:64] if isinstance(features.map, str) else features.transform(few[:64])
    diagonal = float(np.mean(np.asarray(Z.multiply(Z).sum(axis=1) if hasattr(Z, "multiply") else (Z**2).sum(axis=1))))
    if isinstance(given, NystromFeatures):
        grown = min(given.n_components, n) / p
        # Centres are chosen in passes over all rows; features are products with a triangle, of kernel values.
        own = p * entry_seconds(features.map.kernel_, few) if isinstance(features.map.kernel_, Kernel) else 0.0
        row = grown * own + grown**2 * max(row - own, 0.0)
        p = round(grown * p)
        fitting = n * (row / 2 + p**2 * product_seconds() / 2)
        values = 2 * p
    elif features.looks_at_rows:
        fitting *= n / len(at)
    if isinstance(kernel, Kernel):
        entry = entry_seconds(kernel, few)
    return Map(features, p, fitting, row, values, entry, diagonal)


def foreseen_features(draft: Any, X: Any, y: Any) -> FitCost:
    """Return what a fit on a feature map takes."""
    rows = draft._read(X, y, None)
    if is_pairwise(draft.features):
        check_square(rows.X)
    rows = rows.in_units(weights=not isinstance(getattr(draft, "cv", None), str))
    penalty, known = draft._penalty(rows), timed(draft.features, draft.random_state, rows)
    n, p = rows.X.shape[0], known.p
    single = rows.X.dtype == np.float32 or getattr(draft, "precision", "auto") == "mixed"
    unit, seconds, work = product_seconds(), known.fitting, 0.0
    if isinstance(penalty, Folds):
        for train, test in penalty.folds:
            part = system_of(known, rows, len(train), penalty, single=False)
            seconds += part.seconds + known.fitting * len(train) / n + len(test) * known.row
            work += part.flops / 2.0
    last = Fixed(np.ones(1)) if isinstance(penalty, Folds) else penalty
    whole = system_of(known, rows, n, last, single=single)
    seconds, work = seconds + whole.seconds, work + whole.flops / 2.0
    if getattr(draft, "store_loo", False):
        work += INVERTED * float(min(n, p)) ** 3 + (float(n) * p**2 / 2 if n > p else 0.0)
    # Iterations on sparse rows are taken while they cost no more than the dense system, which may follow.
    iterated = known.features.keeps_sparse(rows.X) and isinstance(penalty, Fixed)
    found = FitCost(whole.solver, seconds, float(known.values * n), 2.0 * work, whole.matrix_bytes, iterated)
    return found._replace(seconds=(1 + iterated) * (seconds + work * unit))


def system_of(known: Map, rows: Rows, n: int, penalty: Penalty, *, single: bool) -> FitCost:
    """Return what the smaller of two systems of n rows takes: seconds of features and their products, and operations.

    Operations are those of the decomposition, in double precision.
    """
    p, features = known.p, known.features
    before, features.n_features = features.n_features, p
    wide = features.is_wide(n, rows.X.shape[1]) or (not isinstance(penalty, Fixed) and n == p)
    features.n_features = before
    unit = product_seconds(np.float32 if single and features.is_fused else np.float64)
    if wide:
        inner = n * n / 2 * known.entry if known.entry is not None else n * known.row + float(n) ** 2 * p / 2 * unit
        return FitCost("dual", inner, 0.0, 2.0 * dual_work(known, n, penalty), 8 * n * n)
    pass_over, passes, work = n * known.row, 1, FACTORED * float(p) ** 3
    if isinstance(penalty, Gcv):
        work += TRIDIAGONAL * float(p) ** 3
    elif not isinstance(penalty, Fixed):
        # Eigenvectors; left-out errors take a second pass, and a product of all rows with these.
        work = TURNED * float(p) ** 3
        if not isinstance(penalty, Folds):
            passes, work = 2, work + float(n) * p**2
    return FitCost("primal", passes * pass_over + float(n) * p**2 / 2 * unit, 0.0, 2.0 * work, 8 * p * p)


def dual_work(known: Map, n: int, penalty: Penalty) -> float:
    """Return the multiplications that a system of inner products of n rows takes."""
    last = FACTORED * float(n) ** 3
    if isinstance(penalty, Fixed):
        return last
    diagonal: Array = np.full(n, known.diagonal)
    if isinstance(penalty, Gcv):
        return TRIDIAGONAL * float(n) ** 3 + last
    alphas = penalty.units.penalties(penalty.alphas)
    if isinstance(penalty, Folds):
        return refits_work(n, alphas, diagonal) + last
    # Of more features than rows no eigenvalue vanishes as a rule; where one does, singular vectors take longer.
    work = left_out_work(n, alphas, diagonal, vanishing=False)
    return work + last
