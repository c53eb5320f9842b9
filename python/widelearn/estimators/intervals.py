"""Intervals for new targets of ridge regression, from rows left out in closed form."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm

from widelearn.estimators.held_out import HeldOutValues
from widelearn.estimators.left_out import NO_ROWS, LeftOut, knows_rows, left_out_fits
from widelearn.estimators.posterior import Posterior, check_noise
from widelearn.features.state import snapshot
from widelearn.kernels.rows import new_rows
from widelearn.runtime import Array, capped

METHODS = ("jackknife+", "loo", "gaussian")


class IntervalRegressor:
    """A regressor whose model keeps a posterior that knows rows (`_model`), with its values (`_values`)."""

    @capped
    def predict_interval(self, X: ArrayLike, level: float = 0.9, method: str = "jackknife+") -> Array:
        """Return intervals for the targets of new rows, of shape (n, 2), or (n, t, 2) for t targets.

        Without row i the fit is f_-i(x) = f(x) - S_i(x) q_i, with q_i = (y_i - f(x_i)) / (1 - S_i(x_i)) = y_i -
        f_-i(x_i) and S_i(x) = ∂f(x) / ∂y_i: S(x) = B k(x) + u, with B the inverse of K + alpha W⁻¹ with the intercept
        projected out and u = (K + alpha W⁻¹)⁻¹ 1 over its sum; or w_i (1 / Σ w + z_i' M⁻¹ z(x)) for M = Σ w z z' +
        alpha I of features z about their mean.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Rows.
        level : float, default=0.9
            Share of new targets that intervals are to hold, between 0 and 1.
        method : {"jackknife+", "loo", "gaussian"}, default="jackknife+"
            "jackknife+": between quantiles of f_-i(x) - abs(q_i) and of f_-i(x) + abs(q_i); for exchangeable rows it
            holds 2 level - 1 of new targets whatever their law, and nearly `level` in practice. "loo": f(x) ± a
            quantile of abs(q_i) / s_i times s(x), s_i² = 1 + Σ_{j≠i} (S_j(x_i) / (1 - S_i(x_i)))² and s² = 1 + ‖S(x)‖²
            the inflation of noise: wider where rows are few. "gaussian": that of the Gaussian process and noise of the
            largest likelihood.

        Returns
        -------
        ndarray of shape (n, 2) or (n, t, 2)
            Lower and upper ends.

        Raises
        ------
        ValueError
            If `level` or `method` is none of these, there are too few rows for `level`, the fit keeps no rows (a
            precomputed kernel, more than 2,048 features or centres, batches, blocks or a Dask collection), or squares
            of targets leave the range of float64 for "gaussian".
        MemoryError
            If the inverse of the kernel matrix does not fit, with the bytes.

        Warns
        -----
        LinAlgWarning
            If rounding may spoil left-out errors: of rows that nearly determine their own fitted values, or of columns
            whose sizes are far apart.

        Notes
        -----
        Kernels take an inverse of n³ flops at the first call, which the fitted model keeps, 8 n² bytes, where a quarter
        of the free memory has room for it, and 2 n² flops a new row. Features, or centres of "nystrom", take p³ / 3 +
        2 n p² flops at the first call and 2 n p a new row; of n > 4,096 rows, or more than 16 MiB of them, a uniform
        sample is left out, each in the fit to all others. Neither pickles nor files hold inverses.

        Recursive machines of leaves have intervals of rows held out, f(x) ± a quantile of the sizes of the errors of
        those that chose the penalty, for "jackknife+" and "loo" alike, and no "gaussian" ones.

        Weights count in the fit; rows that have one count alike in the quantiles. Rows must be exchangeable with new
        ones: for groups or times that stay together intervals are too short. What was chosen by all rows, such as a
        penalty, a length, centres or a metric, stays as it is when a row is left out: where few rows chose much, as in
        a recursive machine, errors are too small and so are intervals. MAPIE, which refits to folds, takes these
        estimators like any other, and times, groups and intervals that follow the spread of the noise.

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
        if hasattr(X, "__dask_graph__"):
            raise TypeError("Intervals of Dask collections are not lazy: pass X.compute().")
        model = solved(fitted)
        posterior = model.posterior
        if not knows_rows(posterior):
            raise ValueError(NO_ROWS.format(type(self).__name__))
        rows = new_rows(fitted, X, accept_sparse=fitted._accept_sparse)
        values = np.asarray(fitted._values(X), dtype=np.float64)
        out = np.empty((*values.shape, 2))
        if isinstance(posterior, HeldOutValues):
            if method == "gaussian":
                raise ValueError("Machines of leaves are no Gaussian process: take method='jackknife+' or 'loo'.")
            reach = posterior.sizes[places(len(posterior.values), level, "loo")[1]]
            out[..., 0], out[..., 1] = values - reach, values + reach
        elif method == "gaussian":
            _by_process(posterior, model.mapped(rows), values, level, out)
        else:
            for part in left_out_fits(fitted, posterior):
                write(part, model.mapped(rows), values, level, method, out)
        return out[:, 0] if fitted._flat else out


def solved(fitted: Any) -> Any:
    """Return the model of a fitted estimator, solving what batches left for later."""
    return getattr(fitted._model, "solved", fitted._model)


def write(part: LeftOut, X: Array, values: Array, level: float, method: str, out: Array) -> None:
    """Write the intervals of the targets of left-out fits at rows, whose fitted values are given."""
    low, high = places(part.n, level, method)
    size = np.abs(part.q)
    if method == "loo":
        sizes = np.sort(size / np.sqrt(part.inflation)[:, None], axis=0)[high]
    for rows, S in part.influences(X):
        f = values[rows][:, part.columns]
        if method == "loo":
            reach = np.sqrt(part.spread(S))[:, None] * sizes
            out[rows, part.columns] = np.stack([f - reach, f + reach], axis=-1)
            continue
        for j, column in enumerate(part.columns):
            without = f[:, j] - S * part.q[:, j, None]
            out[rows, column, 0] = np.partition(without - size[:, j, None], low, axis=0)[low]
            out[rows, column, 1] = np.partition(without + size[:, j, None], high, axis=0)[high]


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


def _by_process(posterior: Posterior, X: Array, values: Array, level: float, out: Array) -> None:
    """Write intervals of the Gaussian process and its noise, of the signal variance of the largest likelihood."""
    for penalty in np.unique(posterior.penalties):
        check_noise(float(penalty))
    with np.errstate(over="ignore", under="ignore"):
        targets = posterior.targets("profile")
        variance = np.array([target.signal_variance("profile") for target in targets])
        noise = variance * np.array([target.penalty for target in targets])
        reach = norm.ppf(0.5 + level / 2) * np.sqrt(np.square(posterior.deviations(X, "profile")) + noise)
    if not np.isfinite(reach).all() or (reach == 0.0).any():
        size = float(np.abs(values).max(initial=0.0))
        raise ValueError(
            f"Squares of targets of about {size:.2g}, or alpha times them, leave the range of float64, or all targets"
            " are the same: scale y, or take method='jackknife+'."
        )
    out[..., 0], out[..., 1] = values - reach, values + reach
