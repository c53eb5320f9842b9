"""Regression and classification by Taylor terms of wide two-layer nets beyond the linear one."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import MultiOutputMixin, RegressorMixin, _fit_context
from sklearn.utils.validation import check_is_fitted, validate_data
from scipy import special

from widelearn.estimators.signs import SignCoding
from widelearn.estimators.taylor_base import DTYPES, BaseTaylor
from widelearn.estimators.taylor_inputs import root_mean_square

Array = NDArray[Any]


class TaylorRegressor(MultiOutputMixin, RegressorMixin, BaseTaylor):
    """Doc."""

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit to rows `X` (n, d) and targets `y` (n,) or (n, t); returns the estimator."""
        x, y = validate_data(self, X, y, dtype=DTYPES, y_numeric=True, multi_output=True)
        self._flat = y.ndim == 1
        targets = y.reshape(len(y), -1).astype(np.float64)
        mean = targets.mean(axis=0) if self.linear_term else np.zeros(targets.shape[1])
        targets = targets - mean
        scale = np.array([root_mean_square(column) for column in targets.T])
        self._train(x, targets / scale, "squared", scale)
        self.intercept_ = self.intercept_ + x.dtype.type(mean[0]) if self._flat else self.intercept_ + mean.astype(x.dtype)
        return self

    def predict(self, X: ArrayLike) -> Array:
        """Return the mean network's values at the rows of `X`, of shape (n,) or (n, t)."""
        check_is_fitted(self)
        values = self._values(X)
        return values[:, 0] if self._flat else values


class TaylorClassifier(SignCoding, BaseTaylor):
    """Doc."""

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit to rows `X` (n, d) and labels `y` (n,), or an indicator (n, t); returns the estimator."""
        x, y = validate_data(self, X, y, dtype=DTYPES, multi_output=True)
        _, codes = self._encode(y)
        self._flat = codes.shape[1] == 1
        loss = "logistic" if self.multilabel_ or len(self.classes_) == 2 else "softmax"
        self._train(x, codes if loss == "logistic" else (codes + 1) / 2, loss, np.ones(codes.shape[1]))
        return self

    def predict_proba(self, X: ArrayLike) -> Array:
        """Return the probability of every class (n, n_classes), or of every label of a multilabel indicator (n, t)."""
        values = np.asarray(self.decision_function(X))
        if self.multilabel_:
            return special.expit(values)
        if len(self.classes_) == 2:
            return special.expit(np.column_stack([-values, values]))
        return special.softmax(values.reshape(len(values), -1), axis=1)
