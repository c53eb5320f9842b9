"""Ridge paths on feature maps: what the regressor and the classifier that choose their penalty share."""

from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils._param_validation import StrOptions

from widelearn.estimators.feature_ridge.fit import BaseFeatureRidge
from widelearn.estimators.penalty import ChoosesAlpha
from widelearn.ridge import Moments
from widelearn.ridge.dual_rows import KernelRows, StoredRows, solve_rows
from widelearn.ridge.leave_one_out import DualPath, Errors, PrimalPath, mean_squares
from widelearn.ridge.paths import check_alphas
from widelearn.ridge.tridiagonal import dual_gcv
from widelearn.runtime import check_memory

Array = NDArray[Any]


class FeaturePath(ChoosesAlpha, BaseFeatureRidge):
    """A feature map, the path of the smaller of its two ridge systems, and the penalty chosen on it."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **{name: rule for name, rule in BaseFeatureRidge._parameter_constraints.items() if name != "alpha"},
        **ChoosesAlpha._choice_constraints,
        "cv": [StrOptions({"gcv"}), "cv_object"],
        "store_cv_results": ["boolean"],
        # A path is as exact as its products: there is no mixed one.
        "precision": [StrOptions({"auto"})],
    }
    # Classifiers have one penalty for all columns.
    alpha_per_target = False
    # Left-out errors and folds are of rows that all have weight, and of targets in float64.
    _streams = False
    cv_results_: Array

    def _sums_suffice(self) -> bool:
        """Whether the penalty can be chosen from moments alone, so that rows may come in batches."""
        if self.cv == "gcv":
            return True
        raise AttributeError(f"{type(self).__name__} chooses alpha from moments only with cv='gcv'.")

    def _check_penalties(self, n_targets: int) -> None:
        check_alphas(self.alphas)
        if self.store_cv_results and self.cv is not None:
            raise ValueError("store_cv_results needs the leave-one-out errors of cv=None.")
        if self.alpha_per_target and self._refits():
            raise ValueError("alpha_per_target needs cv=None or cv='gcv'.")

    @property
    def alpha_(self) -> Any:
        """The chosen penalty, or one a target."""
        self._pair()
        return self._chosen[0]

    @property
    def best_score_(self) -> Any:
        """The score of the chosen penalty."""
        self._pair()
        return self._chosen[1]

    def _choose(self, scores: Array, n_targets: int) -> Array:
        """Keep the best penalty and its score, and return a penalty a target."""
        penalties, alpha, score = self._best(scores, n_targets, self.alpha_per_target)
        self._chosen = alpha, score
        return penalties

    def _fit_rows(self, X: Array, y: Array, sample_weight: Array | None) -> None:
        self.__dict__.pop("cv_results_", None)
        self._check_penalties(y.shape[1])
        if self._refits():
            # Before rows without weight are left out: splits number all rows.
            self._choose(self._fold_scores(X, y, sample_weight)[:, None], y.shape[1])
        super()._fit_rows(X, y, sample_weight)
        if self.cv is None and sample_weight is not None and not sample_weight.all():
            # Rows without weight have no error, and count in the mean.
            kept = sample_weight > 0
            self._chosen = self._chosen[0], self._chosen[1] * kept.mean()
            if self.store_cv_results:
                stored, self.cv_results_ = self.cv_results_, np.zeros((X.shape[0], *self.cv_results_.shape[1:]))
                self.cv_results_[kept] = stored

    def _solve_rows(self, X: Array, y: Array, sample_weight: Array | None) -> tuple[Array, Array]:
        alphas, n_targets = check_alphas(self.alphas), y.shape[1]
        if self._refits():
            return self._solve_at(X, y, sample_weight, np.full(n_targets, self._chosen[0]))
        if self._is_wide(X.shape[0], self._n_features(X), X):
            rows = self._wide_rows(X)
            if self.cv == "gcv":
                errors = dual_gcv(rows.gram(), y, alphas, sample_weight, fit_intercept=self.fit_intercept)
                alpha = self._choose(-errors, n_targets)
                solved = solve_rows(rows, y, alpha, sample_weight, fit_intercept=self.fit_intercept)
            else:
                found = self._wide_path(rows, y, sample_weight)
                alpha = self._choose_left_out(found.errors(), X.shape[0], n_targets)
                solved = rows.primal(found.solve(alpha))
            return self._pack(solved[:2], X.dtype)
        moments = self._sum_rows(X, y, sample_weight)
        if self.cv == "gcv":
            alpha = self._choose_by_gcv(moments)
            return self._pack(moments.solve_once(alpha, self.fit_intercept), X.dtype)
        blocks = partial(self._blocks, X)
        path = PrimalPath(moments, alphas, blocks, y, sample_weight, fit_intercept=self.fit_intercept)
        alpha = self._choose_left_out(path.errors(), X.shape[0], n_targets)
        return self._pack(path.solve(alpha)[:2], X.dtype)

    def _solve_moments(self, moments: Moments) -> tuple[Array, Array]:
        alpha = self._choose_by_gcv(moments)
        return self._pack(moments.solve(alpha, self.fit_intercept), self._dtype)

    def _choose_by_gcv(self, moments: Moments) -> Array:
        errors = moments.gcv(check_alphas(self.alphas), self.fit_intercept)
        return self._choose(-errors.reshape(len(errors), -1), moments.n_targets)

    def _choose_left_out(self, errors: Errors, n: int, n_targets: int) -> Array:
        if self.store_cv_results:
            n_alphas = len(check_alphas(self.alphas))
            check_memory(8 * n * n_targets * n_alphas, "cv_results_", "Set store_cv_results=False.")
            stored = np.empty((n, n_targets, n_alphas))
            for rows, block in errors:
                stored[rows] = np.moveaxis(block**2, 0, -1)
            self.cv_results_ = stored[:, 0] if self._flat else stored
            return self._choose(-stored.mean(axis=0).T, n_targets)
        return self._choose(-mean_squares(errors, n), n_targets)

    def _is_wide(self, n: int, p: int, X: Array) -> bool:
        # Eigenvectors of as many rows as features cost the same, and their errors less.
        return n == p or super()._is_wide(n, p, X)

    def _wide_path(self, rows: StoredRows | KernelRows, y: Array, sample_weight: Array | None) -> DualPath:
        options = {"fit_intercept": self.fit_intercept, "definite": True}
        return DualPath(rows.gram(), y, check_alphas(self.alphas), sample_weight, **options)

    def _fold_scores(self, X: Array, y: Array, sample_weight: Array | None) -> Array:
        """Return the mean score (a,) over folds, each with a feature map of its own."""
        alphas, scores = check_alphas(self.alphas), []
        for train, test in self._splits(X, y):
            part: Any = clone(self)
            if sample_weight is not None:
                train, test = (rows[sample_weight[rows] > 0] for rows in (train, test))
            weights = [None if sample_weight is None else sample_weight[rows] for rows in (train, test)]
            part._fit_features(X[train], y[train])
            solutions = part._path_of(X[train], y[train], weights[0])
            values = np.empty((len(alphas), len(test), y.shape[1]))
            for rows, Z in part._blocks(X[test]):
                for j, (coef, intercept) in enumerate(solutions):
                    values[j, rows] = Z @ coef.T + intercept
            scores.append([self._score(y[test], block, weights[1]) for block in values])
        return np.mean(scores, axis=0)

    def _path_of(self, X: Array, y: Array, sample_weight: Array | None) -> list[tuple[Array, Array]]:
        """Return coefficients (t, p) and intercepts (t,) for every penalty."""
        penalties = [np.full(y.shape[1], alpha) for alpha in check_alphas(self.alphas)]
        if self._is_wide(X.shape[0], self._n_features(X), X):
            rows = self._wide_rows(X)
            found = self._wide_path(rows, y, sample_weight)
            return [self._pack(rows.primal(found.solve(alpha))[:2], X.dtype) for alpha in penalties]
        moments = self._sum_rows(X, y, sample_weight)
        blocks = partial(self._blocks, X)
        options = {"fit_intercept": self.fit_intercept}
        path = PrimalPath(moments, check_alphas(self.alphas), blocks, y, sample_weight, **options)
        return [self._pack(path.solve(alpha)[:2], X.dtype) for alpha in penalties]
