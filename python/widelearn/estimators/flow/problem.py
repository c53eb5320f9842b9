"""A flow as a problem of rows: on a kernel, or on the features of a map."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import get_tags

from widelearn.estimators.choice import Choice
from widelearn.estimators.feature_ridge.maps import RidgeFeatures, is_pairwise, with_weight
from widelearn.estimators.feature_ridge.model import FittedRidge, fitted_ridge
from widelearn.estimators.feature_ridge.systems import Rows
from widelearn.estimators.flow import contents, stored
from widelearn.estimators.flow.left_out import Complex, feature_errors, row_errors
from widelearn.estimators.flow.moments import are_unlike
from widelearn.estimators.flow.rounding import check_digits
from widelearn.estimators.flow.spectrum import Spectrum, of_matrix, of_moments, of_rows
from widelearn.estimators.kernel_ridge.model import KernelModel, KernelProblem, is_precomputed, kernel_of
from widelearn.kernels import NTK, Linear, as_kernel
from widelearn.kernels.rows import check_square
from widelearn.ridge.dual_rows import CENTERED_VALUES, StoredRows
from widelearn.ridge.symmetric_systems import Solution
from widelearn.runtime import Array, crossing, row_blocks

Model = KernelModel | FittedRidge
# What gives the shares (T, k) that are learned at rates (k,).
Learned = Callable[[Array], Array]
# Lengths of rows over those of their differences, squared, from which on a linear kernel flows by its columns.
FAR = 100.0
# Feature maps that leave their seed open have this one, so that fits are repeatable.
SEED = 0


class KernelFlow:
    """The flow of rows that have weight on their kernel, which may be precomputed: then X is its matrix."""

    # Whether the kernel does not change when a row is left out, and how many values of it a row has.
    fixed = True
    outputs = 1

    def __init__(self, kernel: Any, rows: Rows, fit_intercept: bool) -> None:
        X, Y, weight = rows[:3]
        self.kernel, self.fit_intercept, self.dtype = kernel_of(kernel, X), fit_intercept, X.dtype
        self.precomputed = is_precomputed(self.kernel)
        if self.precomputed:
            check_square(X)
        self.n, self.kept = X.shape[0], np.arange(X.shape[0]) if weight is None else np.flatnonzero(weight)
        if weight is not None and len(self.kept) < self.n:
            X, Y, weight = X[self.kept], Y[self.kept], weight[self.kept]
            X = X[:, self.kept] if self.precomputed else X
        self.X, self.Y, self.weight = X, Y, weight
        self.K = KernelProblem(self.kernel, X, Y, weight, fit_intercept).matrix()
        check_digits(self.K.diagonal(), X)
        self.spectrum = self._spectrum(np.arange(X.shape[0]))

    def groups(self) -> Array:
        """Return the number of each row's content among the distinct ones."""
        return contents.of_kernels(self.K, self.weight) if self.precomputed else contents.of_rows(self.X)

    def refit(self, train: Array, test: Array, learned: Learned) -> Array:
        """Return the values (m, T, t) at m rows of the flow of others."""
        found = self._spectrum(train)
        return found.combined(crossing(self.K, test, train), learned(found.rates))

    def flow_errors(self, rows: Array, inverse: Complex) -> Array:
        """Return what flows of the others leave of some rows (m, T, t), for 1/(λ + penalty) (k, T poles)."""
        return row_errors(self.spectrum, rows, self.weight, inverse)

    def distinct(self, groups: Array) -> tuple[Self, Array]:
        """Return the flow of distinct rows, and Σ w (y - ȳ)² (t,) of their copies."""
        first, Y, weight, rest = contents.merged(groups, self.Y, self.weight)
        X = crossing(self.X, first, first) if self.precomputed else self.X[first]
        return type(self)(self.kernel, Rows(X, Y, weight, False), self.fit_intercept), rest

    def leverages(self, learned: Array) -> Array:
        """Return the largest leverage (T,) of a row."""
        found = self.spectrum
        largest = found.leverages(found.row_scores(self.weight), learned, self.weight).max(axis=0)
        return largest + self.fit_intercept / found.total

    def light(self) -> Self:
        """Return what models are made of alone."""
        found = copy.copy(self)
        del found.K, found.Y, found.weight, found.spectrum
        if self.precomputed:
            del found.X
        return found

    def model(self, spectrum: Spectrum, learned: Array) -> Model:
        """Return the model of all times and targets (T t)."""
        coef = spectrum.coef(learned)
        offset = spectrum.means(len(learned)) - spectrum.center @ coef
        if self.precomputed:
            whole = np.zeros((self.n, coef.shape[1]))
            whole[self.kept] = coef
            return KernelModel(self.kernel, None, Solution(whole, offset, "flow"), self.dtype)
        return KernelModel(self.kernel, self.X, Solution(coef, offset, "flow"), self.dtype)

    def _spectrum(self, rows: Array) -> Spectrum:
        weight = None if self.weight is None else self.weight[rows]
        return of_matrix(crossing(self.K, rows, rows), self.Y[rows], weight, fit_intercept=self.fit_intercept)


class FeatureFlow:
    """The flow of rows that have weight on the features of a map, of which a clone is fitted to them."""

    outputs = 1

    def __init__(self, features: Any, rows: Rows, fit_intercept: bool) -> None:
        X, Y, weight = rows[:3]
        if is_pairwise(features):
            check_square(X)
        self.given, self.fit_intercept, self.dtype = features, fit_intercept, X.dtype
        self.map = RidgeFeatures(features, SEED).fit(X, Y, weight)
        self.X, self.Y, self.weight = X, Y, weight = with_weight(X, Y, weight)
        # Whether the map does not change when a row is left out.
        self.fixed = not self.map.looks_at_rows
        n, p = X.shape[0], self.map.n_features
        self.wide = n <= p or self.map.is_wide(n, X.shape[1])
        self.system: Any = None
        if self.wide:
            seen = self.map.dual_rows(X, fit_intercept)
            unlike = isinstance(seen, StoredRows) and are_unlike(squares_of(seen))
            rows_alone = seen.spectrum(Y, weight, fit_intercept) if unlike else None
            if rows_alone is not None:
                self.wide = False
                self.spectrum, self.system = of_rows(rows_alone, fit_intercept=fit_intercept)
                return
            K = seen.gram(np.dtype(np.float64))
            check_digits(K.diagonal(), X)
            self.spectrum = of_matrix(K, Y, weight, fit_intercept=fit_intercept)
        else:
            moments = self.map.moments(X.astype(np.float64, copy=False), Y, weight)
            # Products by BLAS may round equal rows in other ways.
            exact = isinstance(features, str) or self.map.is_fused
            check_digits(moments.zz.diagonal(), moments.mean_z)
            self.spectrum, self.system = of_moments(moments, fit_intercept=fit_intercept, exact=exact)

    def groups(self) -> Array:
        """Return the number of each row's content among the distinct ones."""
        return contents.of_rows(self.X)

    def refit(self, train: Array, test: Array, learned: Learned) -> Array:
        """Return the values (m, T, t) at m rows of the flow of others, with a map of its own."""
        # A kernel matrix has a column for every row.
        columns = train if is_pairwise(self.given) else slice(None)
        weight = None if self.weight is None else self.weight[train]
        part = FeatureFlow(
            self.given, Rows(self.X[train][:, columns], self.Y[train], weight, False), self.fit_intercept
        )
        shares = learned(part.spectrum.rates)
        values = part.model(part.spectrum, shares).values(self.X[test][:, columns])
        return values.reshape(len(test), len(shares), -1)

    def flow_errors(self, rows: Array, inverse: Complex) -> Array:
        """Return what flows of the others leave of some rows (m, T, t), for 1/(λ + penalty) (k, T poles)."""
        found, weight = self.spectrum, self.weight
        if self.wide:
            return row_errors(found, rows, weight, inverse)
        Z = self.map.transform(self.X[rows].astype(np.float64, copy=False))
        scores, about = (Z - found.center) @ found.directions, self.Y[rows] - found.mean
        part = np.ones(len(rows)) if weight is None else weight[rows]
        return feature_errors(found, scores, about, part, self.fit_intercept / found.total, inverse)

    def distinct(self, groups: Array) -> tuple[Self, Array]:
        """Return the flow of distinct rows, and Σ w (y - ȳ)² (t,) of their copies."""
        first, Y, weight, rest = contents.merged(groups, self.Y, self.weight)
        return type(self)(self.given, Rows(self.X[first], Y, weight, False), self.fit_intercept), rest

    def leverages(self, learned: Array) -> Array:
        """Return the largest leverage (T,) of a row."""
        found, weight = self.spectrum, self.weight
        if self.wide:
            largest = found.leverages(found.row_scores(weight), learned, weight).max(axis=0)
        else:
            largest = np.zeros(len(learned))
            for rows, Z in self.map.blocks(self.X, np.float64):
                part = None if weight is None else weight[rows]
                scores = (Z - found.center) @ found.directions
                np.maximum(largest, found.leverages(scores, learned, part).max(axis=0), out=largest)
        return largest + self.fit_intercept / found.total

    def light(self) -> Self:
        """Return what models are made of alone."""
        found = copy.copy(self)
        del found.Y, found.weight, found.spectrum
        if not self.wide:
            del found.X
        return found

    def model(self, spectrum: Spectrum, learned: Array) -> Model:
        """Return the model of all times and targets (T t)."""
        coef, mean = spectrum.coef(learned), spectrum.means(len(learned))
        if self.wide:
            dual = self.map.dual_rows(self.X, self.fit_intercept)
            found = dual.primal(Solution(coef, mean - spectrum.center @ coef, "flow"), np.dtype(np.float64))
        else:
            system = self.system
            found = Solution(coef, mean - system.rest @ coef, "flow", center=system.center, distance=system.distance)
        return fitted_ridge(self.map, found, Choice(np.zeros(0), None), self.dtype, flat=False)


def flow_of(kernel: Any, rows: Rows, fit_intercept: bool) -> KernelFlow | FeatureFlow:
    """Return the flow of rows on what a parameter names: a kernel, or a feature map."""
    if is_map(kernel):
        return FeatureFlow(kernel, rows, fit_intercept)
    if type(kernel_of(kernel, rows.X)) is Linear and by_columns(rows, fit_intercept):
        return FeatureFlow("passthrough", rows, fit_intercept)
    return KernelFlow(kernel, rows, fit_intercept)


def by_columns(rows: Rows, fit_intercept: bool) -> bool:
    """Whether inner products of rows lose digits that their columns keep: of lengths or means unlike each other."""
    X, _, weight = with_weight(*rows[:3])
    n = X.shape[0]
    share = np.full(n, 1.0 / n) if weight is None else weight / weight.sum()
    if issparse(X):
        # Fewer rows than columns would be made dense.
        squares, about = stored.lengths(X, share, fit_intercept)
        return n > X.shape[1] and (float(squares.sum()) > FAR * float(about.sum()) or are_unlike(about))
    exponent = int(np.frexp(np.abs(X).max(initial=0.0))[1])
    units = np.ldexp(X.astype(np.float64, copy=False), -exponent)
    squares = share @ units**2
    about = share @ (units - share @ units) ** 2 if fit_intercept else squares
    return float(squares.sum()) > FAR * float(about.sum()) or are_unlike(about)


def squares_of(rows: StoredRows) -> Array:
    """Return the squared lengths (p,) of stored features about their origin."""
    blocks = row_blocks(len(rows.Z), max(CENTERED_VALUES // rows.Z.shape[1], 1))
    return np.asarray(sum(np.square(rows.Z[block] - rows.center, dtype=np.float64).sum(axis=0) for block in blocks))


def takes_sparse(kernel: Any) -> bool:
    """Whether flows on what a parameter names, or on what was fitted of it, take sparse rows."""
    if is_map(kernel):
        return not hasattr(kernel, "__sklearn_tags__") or bool(get_tags(kernel).input_tags.sparse)
    if hasattr(kernel, "tangent_kernel"):
        # A linearised model is a function of yours.
        return False
    try:
        return not is_precomputed(kernel) and as_kernel(kernel, NTK()).takes_sparse
    except (TypeError, ValueError):
        # What is no kernel is refused by the fit.
        return False


def is_map(kernel: Any) -> bool:
    """Whether a parameter is a feature map."""
    return hasattr(kernel, "fit") and hasattr(kernel, "transform")
