"""The Gaussian process whose mean a ridge estimator predicts: its standard deviations and marginal likelihood.

With a penalty alpha and a signal variance σ², f has the prior covariance σ² k and the noise of a row of weight w the
variance σ² alpha / w; the intercept is taken for known.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from numbers import Real
from typing import Any, Literal, NamedTuple, Self, overload

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import LinAlgWarning

from widelearn.estimators.units import ONES, Units
from widelearn.features.state import snapshot
from widelearn.kernels.rows import new_rows
from widelearn.ridge.certificate import LOST
from widelearn.ridge.factor import RidgeFactor
from widelearn.runtime import Array, row_blocks, warn

# Rows whose kernels with all others are held at once.
BLOCK_ROWS = 1024
SignalVariance = float | str


class Target(NamedTuple):
    """What one target says: its penalty, y' M⁻¹ y for M = K + alpha W⁻¹ and y less the intercept, and log |M|.

    A row of weight w counts as w rows of weight 1, in the number of rows too.
    """

    penalty: float
    quadratic: float
    log_determinant: float
    rows: float
    # How far rounding may move y' M⁻¹ y and log |M|, and the largest eigenvalue of M beside alpha.
    quadratic_error: float = 0.0
    log_error: float = 0.0
    ratio: float = 1.0

    def signal_variance(self, asked: SignalVariance) -> float:
        """Return σ², a number that is given or the one of the largest likelihood, y' M⁻¹ y / n."""
        return self.quadratic / self.rows if isinstance(asked, str) else float(asked)

    def log_likelihood(self, asked: SignalVariance) -> float:
        """Return the log marginal likelihood."""
        variance = self.signal_variance(asked)
        if not variance > 0.0:
            raise ValueError("The targets are zero but for the intercept, and so is their signal variance: give one.")
        quadratic = self.quadratic / variance
        return -0.5 * (quadratic + self.log_determinant + self.rows * float(np.log(2.0 * np.pi * variance)))

    def doubt(self, asked: SignalVariance) -> float:
        """Return about how far rounding moves the log marginal likelihood."""
        return 0.5 * (self.quadratic_error / self.signal_variance(asked) + self.log_error)


class Posterior(ABC):
    """A Gaussian process that has seen rows; weights and penalties (t,) are in units, and so are targets.

    Subclasses factor their matrix for a penalty, and say from the factor what is left of the variance at rows.
    """

    # Whether the mean has an intercept that was fitted; None where files of earlier versions do not say.
    fit_intercept: bool | None = None

    def __init__(self, penalties: Array, total: float, units: Units = ONES) -> None:
        self.penalties, self.total, self.units = penalties, total, units

    def targets(self, signal_variance: SignalVariance) -> list[Target]:
        """Return what every target says of the process."""
        check_signal_variance(signal_variance)
        found: dict[int, Target] = {}
        for penalty, columns in self._distinct():
            check_noise(penalty)
            found |= zip(columns, self._targets(self._factor(penalty), penalty, columns), strict=True)
        return [found[column] for column in sorted(found)]

    def deviations(self, X: Array, signal_variance: SignalVariance) -> Array:
        """Return the standard deviations (m, t) at rows."""
        check_signal_variance(signal_variance)
        out = np.empty((X.shape[0], len(self.penalties)))
        for penalty, columns in self._distinct():
            if isinstance(signal_variance, str):
                check_noise(penalty)
            factor = self._factor(penalty)
            if isinstance(signal_variance, str):
                scales = [target.signal_variance(signal_variance) for target in self._targets(factor, penalty, columns)]
            else:
                scales = [float(signal_variance)]
            for rows in row_blocks(X.shape[0], BLOCK_ROWS):
                left = self._variance(factor, X[rows])
                out[rows, columns] = np.sqrt(np.maximum(left, 0.0))[:, None] * np.sqrt(scales)
        return out

    def _targets(self, factor: RidgeFactor, penalty: float, columns: Array) -> list[Target]:
        """Return what targets of one penalty say of the process."""
        level, rows = penalty * 2.0**self.units.weight, self.total * 2.0**self.units.weight
        # Of the matrix with as many copies of rows as they weigh, whose other eigenvalues are alpha.
        log = factor.log_determinant() - len(factor.factor) * np.log(penalty) + rows * np.log(level)
        powers = np.zeros(len(columns), int) if self.units.targets is None else 2 * self.units.targets[columns]
        found, log_error = [], factor.log_error()
        for j, power in zip(columns, powers, strict=True):
            quadratic, error = (float(np.ldexp(value, power)) for value in self._quadratic(factor, j))
            ratio = factor.largest() / penalty if error + log_error > LOST else 1.0
            found.append(Target(level, quadratic, float(log), rows, error, log_error, ratio))
        return found

    def in_original(self, units: Units) -> Self:
        """Return the process with the user's units known."""
        found = copy.copy(self)
        found.units = units
        return found

    def _distinct(self) -> list[tuple[float, Array]]:
        return [(float(value), np.flatnonzero(self.penalties == value)) for value in np.unique(self.penalties)]

    @abstractmethod
    def _factor(self, penalty: float) -> RidgeFactor:
        """Return the factor of the process's matrix with a penalty."""

    @abstractmethod
    def _variance(self, factor: RidgeFactor, X: Array) -> Array:
        """Return what is left of the variance (m,) at rows."""

    @abstractmethod
    def _quadratic(self, factor: RidgeFactor, target: int) -> tuple[float, float]:
        """Return y' M⁻¹ y of a target, in units, and about how far rounding moves it."""


class RowPosterior(Posterior):
    """A process that knows its rows: k(x, x) - k(x)' (K + alpha W⁻¹)⁻¹ k(x) is left of the variance.

    `kernel` gives ``kernel(X, Y)`` and ``kernel.diag(X)``. Targets are known by `dual`, (K + alpha W⁻¹)⁻¹ y, or by
    `about`, y itself less the intercept, both of shape (n, t).
    """

    def __init__(
        self,
        kernel: Any,
        rows: Array,
        weight: Array | None,
        penalties: Array,
        *,
        dual: Array | None = None,
        about: Array | None = None,
        units: Units = ONES,
    ) -> None:
        n = rows.shape[0]
        super().__init__(penalties, float(n) if weight is None else float(weight.sum()), units)
        self.kernel, self.rows, self.weight, self.dual, self.about = kernel, rows, weight, dual, about

    def _kept(self) -> tuple[Any, Array]:
        """Return the rows that have weight, and the roots of their weights."""
        if self.weight is None:
            return slice(None), np.ones(self.rows.shape[0])
        kept = np.flatnonzero(self.weight)
        return kept, np.sqrt(self.weight[kept])

    def _factor(self, penalty: float) -> RidgeFactor:
        kept, root = self._kept()
        K = self.kernel(self.rows[kept].astype(np.float64, copy=False))
        return RidgeFactor(K * root * root[:, None] if self.weight is not None else K, penalty)

    def _variance(self, factor: RidgeFactor, X: Array) -> Array:
        kept, root = self._kept()
        rows, x = self.rows[kept].astype(np.float64, copy=False), X.astype(np.float64, copy=False)
        return self.kernel.diag(x) - factor.squares(root[:, None] * self.kernel(rows, x))

    def _quadratic(self, factor: RidgeFactor, target: int) -> tuple[float, float]:
        kept, root = self._kept()
        if self.dual is not None:
            dual = (self.dual[kept, target] / root)[:, None]
            value = factor.norms(dual)[0]
        else:
            about = (np.asarray(self.about)[kept, target] * root)[:, None]
            value, dual = factor.squares(about)[0], factor.solve(about)
        return float(value), factor.blur * float(np.square(dual).sum())


class GaussianProcess:
    """A regressor whose fitted model keeps a posterior, or says why not (`_posterior`), with its values (`_values`)."""

    @overload
    def predict(
        self, X: ArrayLike, return_std: Literal[False] = False, *, signal_variance: SignalVariance = 1.0
    ) -> Array: ...

    @overload
    def predict(
        self, X: ArrayLike, return_std: Literal[True], *, signal_variance: SignalVariance = 1.0
    ) -> tuple[Array, Array]: ...

    @overload
    def predict(
        self, X: ArrayLike, return_std: bool, *, signal_variance: SignalVariance = 1.0
    ) -> Array | tuple[Array, Array]: ...

    def predict(self, X: ArrayLike, return_std: bool = False, *, signal_variance: SignalVariance = 1.0) -> Any:
        """Return the values at the rows of `X`, of shape (n,) or (n, t); lazily for Dask's.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Rows.
        return_std : bool, default=False
            Whether to return standard deviations, too: those of f, given the targets, where f is a Gaussian process of
            covariance σ² k and targets have noise of variance σ² alpha. Those of new targets are sqrt(std² + alpha σ²).
        signal_variance : float or "profile", default=1.0
            σ². "profile" is that of the largest likelihood, y' (K + alpha I)⁻¹ y / n, one for each target.

        Returns
        -------
        ndarray, or a pair of them of the same shape
            The values, or the values and their standard deviations.
        """
        fitted: Any = snapshot(self)
        values = fitted._values(X)
        values = values[:, 0] if fitted._flat else values
        if not return_std:
            return values
        if hasattr(X, "__dask_graph__"):
            raise TypeError("Standard deviations of Dask collections are not lazy: pass X.compute().")
        posterior = fitted._posterior
        rows = new_rows(fitted, X, accept_sparse="csr")
        found = posterior.deviations(rows, signal_variance).astype(values.dtype, copy=False)
        return values, found[:, 0] if fitted._flat else found

    def log_marginal_likelihood(self, *, signal_variance: SignalVariance = 1.0) -> float:
        """Return the log marginal likelihood of the targets that were fitted, summed over targets.

        That of y ~ N(b, σ² (K + alpha I)), with the intercept b as it was fitted; `signal_variance` is σ², or "profile"
        for its best value. A row of weight w counts as w rows. Where rounding errors move it, alpha being small beside
        the kernel matrix, a warning says by how much.
        """
        fitted: Any = snapshot(self)
        targets = fitted._posterior.targets(signal_variance)
        found = float(sum(target.log_likelihood(signal_variance) for target in targets))
        complain_of_likelihood(targets, signal_variance, found)
        return found


def complain_of_likelihood(targets: list[Target], signal_variance: SignalVariance, found: float) -> None:
    """Warn of a log marginal likelihood that rounding errors move, with the ratio that makes them do so."""
    doubt = sum(target.doubt(signal_variance) for target in targets)
    if doubt > LOST * max(abs(found), sum(target.rows for target in targets)):
        warn(
            f"Rounding errors may move the log marginal likelihood {found:.6g} by {doubt:.2g}: the kernel matrix has an"
            f" eigenvalue {max(target.ratio for target in targets):.2g} times alpha. Raise alpha.",
            LinAlgWarning,
        )


def check_noise(penalty: float) -> None:
    """Refuse to speak of likelihoods without noise."""
    if not penalty > 0.0:
        raise ValueError("Without noise, at alpha = 0, there is no likelihood to speak of: take alpha > 0.")


def check_signal_variance(signal_variance: Any) -> None:
    """Refuse what is no positive number and not "profile"."""
    if isinstance(signal_variance, str) and signal_variance == "profile":
        return
    wrong = isinstance(signal_variance, bool) or not isinstance(signal_variance, Real)
    if wrong or not 0.0 < signal_variance <= float(np.finfo(np.float64).max):
        raise ValueError(f"signal_variance must be a positive number or 'profile', got {signal_variance!r:.60}.")
