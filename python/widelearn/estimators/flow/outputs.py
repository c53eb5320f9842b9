"""Models that are linear in the movement of their parameters: several outputs flow together, from where they start."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import clone

from widelearn.estimators.feature_ridge.maps import with_weight
from widelearn.estimators.feature_ridge.systems import Rows
from widelearn.estimators.flow.problem import KernelFlow, Learned
from widelearn.estimators.flow.spectrum import Spectrum, of_matrix
from widelearn.runtime import Array, crossing


@dataclass(frozen=True)
class ByOutput:
    """A model whose kernel has a row for every row and output, with the values of rows (m, T c)."""

    inner: Any
    outputs: int

    def values(self, X: Array) -> Array:
        """Return the values, time by time."""
        found = self.inner.values(X).reshape(len(X), self.outputs, -1)
        return np.ascontiguousarray(np.moveaxis(found, 1, 2)).reshape(len(X), -1)


class OutputsFlow(KernelFlow):
    """The flow of several outputs that share their parameters, on a kernel of every row and output.

    The loss is a mean over rows of the squares of all outputs, halved.
    """

    # Rows that are left out take all their outputs with them: the identity of single ones does not say how.
    fixed = False

    def __init__(self, kernel: Any, rows: Rows, fit_intercept: bool, outputs: int) -> None:
        X, Y, weight = with_weight(*rows[:3])
        if fit_intercept:
            raise ValueError(
                f"The Jacobian has {outputs} outputs, whose own biases are among its parameters: set"
                " fit_intercept=False."
            )
        if Y.shape[1] != outputs:
            raise ValueError(f"y has {Y.shape[1]} columns, and the Jacobian {outputs} outputs: give one column each.")
        self.kernel, self.X, self.Y, self.weight, self.outputs = kernel, X, Y, weight, outputs
        self.precomputed, self.fit_intercept, self.dtype = False, False, X.dtype
        self.K = kernel(X.astype(np.float64, copy=False))
        self.spectrum = self._spectrum(np.arange(len(X)))

    def refit(self, train: Array, test: Array, learned: Learned) -> Array:
        """Return the values (m, T, t) at m rows of the flow of others."""
        found = self._spectrum(train)
        values = found.combined(crossing(self.K, self._each(test), self._each(train)), learned(found.rates))
        return np.moveaxis(values[..., 0].reshape(len(test), self.outputs, -1), 1, 2)

    def leverages(self, learned: Array) -> Array:
        """Refuse: GCV counts rows, of one output each."""
        raise ValueError(
            f"time='gcv' is of one output a row, and the Jacobian has {self.outputs}: take time='cv' or a number."
        )

    def model(self, spectrum: Spectrum, learned: Array) -> Any:
        """Return the model of all times and outputs."""
        return ByOutput(super().model(spectrum, learned), self.outputs)

    def _spectrum(self, rows: Array) -> Spectrum:
        each, weight = self._each(rows), None if self.weight is None else np.repeat(self.weight[rows], self.outputs)
        found = of_matrix(crossing(self.K, each, each), self.Y[rows].reshape(-1, 1), weight, fit_intercept=False)
        # The loss is a mean over rows of what all their outputs lack.
        return replace(found, total=found.total / self.outputs)

    def _each(self, rows: Array) -> Array:
        return (rows[:, None] * self.outputs + np.arange(self.outputs)).ravel()


@dataclass(frozen=True)
class Start:
    """Where a linearised model starts: its outputs f0 (n, c), and the kernel of its tangents."""

    linear: Any

    def values(self, X: Array) -> Array:
        """Return f0 at rows."""
        return np.asarray(self.linear.start(X), np.float64)

    def lacking(self, rows: Rows) -> Rows:
        """Return rows with what the start leaves of their targets."""
        found, t = self.values(rows.X), rows.Y.shape[1]
        if found.shape[1] not in (1, t):
            raise ValueError(f"f0 has {found.shape[1]} outputs, and y {t} columns: they must be as many, or f0's one.")
        return rows._replace(Y=rows.Y - found)

    def flow(self, rows: Rows, fit_intercept: bool) -> KernelFlow:
        """Return the flow of what the start leaves."""
        kernel = self.linear.tangent_kernel()
        outputs = kernel.values_per_row(rows.X)
        if outputs == 1:
            return KernelFlow(kernel, rows, fit_intercept)
        return OutputsFlow(kernel, rows, fit_intercept, outputs)


def start_of(kernel: Any) -> Start | None:
    """Return where the flow starts if a parameter is a linearised model, None for a kernel or feature map."""
    linear = hasattr(kernel, "start") and hasattr(kernel, "tangent_kernel")
    return Start(clone(kernel)) if linear else None
