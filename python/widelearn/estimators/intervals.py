"""Intervals for new targets of kernel ridge regression, from rows left out in closed form."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm
from sklearn.utils.validation import validate_data

from widelearn.estimators.posterior import BLOCK_ROWS, RowPosterior, check_noise
from widelearn.features.state import snapshot
from widelearn.ridge.factor import RidgeFactor
from widelearn.runtime import Array, capped, check_memory, row_blocks

METHODS = ("jackknife+", "loo", "gaussian")
NO_ROWS = (
    "Intervals need the rows that were fitted, their kernel and targets: {} keeps none here. Take KernelRidge or"
    " KernelRidgeCV with a kernel object and solver 'auto', 'cholesky' or 'pcg'; a linear kernel whose penalty is small"
    " is fitted by columns: raise alpha."
)


class IntervalRegressor:
    """A regressor whose posterior knows the rows that were fitted (`_posterior`), with its values (`_values`)."""

    @capped
    def predict_interval(self, X: ArrayLike, level: float = 0.9, method: str = "jackknife+") -> Array:
        """Return intervals for the targets of new rows, of shape (n, 2), or (n, t, 2) for t targets.

        With B the inverse of K + alpha W⁻¹ with the intercept projected out, a the dual coefficients and u = (K + alpha
        W⁻¹)⁻¹ 1 over its sum, the fit without row i is f_-i(x) = f(x) - S_i(x) q_i, S(x) = B k(x) + u, q_i = a_i / B_ii
        = y_i - f_-i(x_i).

        Parameters
        ----------
        X : array-like of shape (n, d)
            Rows.
        level : float, default=0.9
            Share of new targets that intervals are to hold, between 0 and 1.
        method : {"jackknife+", "loo", "gaussian"}, default="jackknife+"
            "jackknife+": between quantiles of f_-i(x) - abs(q_i) and of f_-i(x) + abs(q_i); for exchangeable rows it
            holds 2 level - 1 of new targets whatever their law, and nearly `level` in practice. "loo": f(x) ± a
            quantile of abs(q_i) / s_i times s(x), s_i² = (B²)_ii / B_ii² and s² = 1 + ‖S(x)‖² the inflation of noise:
            wider where rows are few. "gaussian": that of the Gaussian process and noise of the largest likelihood.

        Returns
        -------
        ndarray of shape (n, 2) or (n, t, 2)
            Lower and upper ends.

        Raises
        ------
        ValueError
            If `level` or `method` is none of these, there are too few rows for `level`, or the fit keeps no rows: a
            precomputed kernel, or solver "nystrom".
        MemoryError
            If the inverse of the kernel matrix does not fit, with the bytes.

        Notes
        -----
        n³ flops for the inverse, at every call; n² flops a new row, of "gaussian" half of it. Weights count in the fit;
        rows that have one count alike in the quantiles. Rows must be exchangeable with new ones: for groups or times
        that stay together intervals are too short.

        References
        ----------
        Barber, Candès, Ramdas & Tibshirani, "Predictive inference with the jackknife+", Annals of Statistics 49, 2021.

        Examples
        --------
        >>> import numpy as np
        >>> from widelearn import KernelRidge
        >>> rng = np.random.default_rng(0)
        >>> X = rng.uniform(-2, 2, (300, 1))
        >>> y = np.sin(2 * X[:, 0]) + 0.2 * rng.standard_normal(300)
        >>> ends = KernelRidge("rbf", alpha=0.1).fit(X[:200], y[:200]).predict_interval(X[200:])
        >>> held = (ends[:, 0] <= y[200:]) & (y[200:] <= ends[:, 1])
        >>> bool(0.8 < held.mean() < 0.97)
        True
        """
        fitted: Any = snapshot(self)
        if not 0.0 < level < 1.0:
            raise ValueError(f"level must be between 0 and 1, got {level}.")
        if method not in METHODS:
            raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}.")
        model = fitted._model
        posterior = model.posterior
        if not isinstance(posterior, RowPosterior) or posterior.dual is None:
            raise ValueError(NO_ROWS.format(type(self).__name__))
        rows = validate_data(fitted, X, dtype=[np.float64, np.float32], reset=False)
        values = np.asarray(fitted._values(X), dtype=np.float64)
        out = np.empty((*values.shape, 2))
        if method == "gaussian":
            _by_process(posterior, rows, values, level, out)
        else:
            for penalty, columns in posterior._distinct():
                left_out = LeftOut(posterior, penalty, columns, fit_intercept=fitted.fit_intercept)
                left_out.write(rows, values, level, method, out)
        return out[:, 0] if fitted._flat else out


class LeftOut:
    """The fits of some targets, of one penalty, without each of the rows that have a weight."""

    def __init__(self, posterior: RowPosterior, penalty: float, columns: Array, *, fit_intercept: bool) -> None:
        kept, root = posterior._kept()
        if len(root) < 2:
            raise ValueError("1 row with a weight is too few for intervals: none is left without it. Fit more rows.")
        self.posterior, self.columns, self.n = posterior, columns, len(root)
        check_memory(24 * self.n**2, f"The inverse of the kernel matrix of {self.n} rows", "Fit fewer rows.")
        factor: RidgeFactor = posterior._factor(penalty)
        B = root[:, None] * factor.solve(np.diag(root))
        self.u = np.zeros(self.n)
        if fit_intercept:
            ones = B.sum(axis=0)
            self.u = ones / ones.sum()
            B -= np.outer(ones, self.u)
        self.B = B
        dual = posterior.dual
        if dual is None:
            raise TypeError("The posterior keeps no dual coefficients.")
        # Left-out errors (n, t), and how noise is inflated in them.
        diagonal = B.diagonal()
        self.q = dual[kept][:, columns] / diagonal[:, None]
        # Shares first: squares of the inverse of a large penalty vanish.
        self.inflation = np.square(B / diagonal).sum(axis=0)

    def write(self, X: Array, values: Array, level: float, method: str, out: Array) -> None:
        """Write the intervals of the targets at rows, whose fitted values are given."""
        low, high = places(self.n, level, method)
        size = np.abs(self.q)
        if method == "loo":
            sizes = np.sort(size / np.sqrt(self.inflation)[:, None], axis=0)[high]
        for rows, S in self._influences(X):
            f = values[rows][:, self.columns]
            if method == "loo":
                reach = np.sqrt(1.0 + np.square(S).sum(axis=0))[:, None] * sizes
                out[rows, self.columns] = np.stack([f - reach, f + reach], axis=-1)
                continue
            for j, column in enumerate(self.columns):
                without = f[:, j] - S * self.q[:, j, None]
                out[rows, column, 0] = np.partition(without - size[:, j, None], low, axis=0)[low]
                out[rows, column, 1] = np.partition(without + size[:, j, None], high, axis=0)[high]

    def _influences(self, X: Array) -> Iterator[tuple[slice, Array]]:
        """Yield blocks of rows and what the target of every fitted row moves there, (n, rows)."""
        posterior = self.posterior
        kept, _ = posterior._kept()
        fitted = posterior.rows[kept].astype(np.float64, copy=False)
        for rows in row_blocks(len(X), BLOCK_ROWS):
            k = posterior.kernel(fitted, X[rows].astype(np.float64, copy=False))
            yield rows, self.B @ k + self.u[:, None]


def places(n: int, level: float, method: str) -> tuple[int, int]:
    """Return the places of the lower and upper quantiles among n sorted values; ValueError if there are too few."""
    # Rounding must not take a value that is just whole to the next.
    high = max(math.ceil(level * (n + 1) - 1e-9) - 1, 0)
    low = min(math.floor((1.0 - level) * (n + 1) + 1e-9) - 1, n - 1)
    if high >= n or (method == "jackknife+" and low < 0):
        need = math.ceil(level / (1.0 - level) * (1.0 - 1e-9))
        raise ValueError(
            f"{n} rows are too few for level={level:g}: it takes {need}. Lower the level, or fit more rows."
        )
    return low, high


def _by_process(posterior: RowPosterior, X: Array, values: Array, level: float, out: Array) -> None:
    """Write intervals of the Gaussian process and its noise, of the signal variance of the largest likelihood."""
    for penalty in np.unique(posterior.penalties):
        check_noise(float(penalty))
    targets = posterior.targets("profile")
    variance = np.array([target.signal_variance("profile") for target in targets])
    noise = variance * np.array([target.penalty for target in targets])
    reach = norm.ppf(0.5 + level / 2) * np.sqrt(np.square(posterior.deviations(X, "profile")) + noise)
    out[..., 0], out[..., 1] = values - reach, values + reach
