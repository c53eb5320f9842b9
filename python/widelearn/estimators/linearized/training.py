"""Training of a Taylorised model: a penalised sum of squares in the movement of its parameters, by L-BFGS."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from widelearn.estimators.linearized.terms import Terms
from widelearn.estimators.optim.descent import DivergedError, Trace, lbfgs_descent, square
from widelearn.runtime import Array, warn

# Length of the gradient, 1 about at first, that is no end: rounding errors of the callables stop descents.
STUCK = 1e-2


@dataclass
class Squares:
    """½ Σ_i w_i ‖r_i - g(x_i; Δ) - b‖² + ½ alpha ‖Δ‖² in units 2^residual of outputs and 2^movement of Δ.

    The weights w sum to 1, and b is the best one for every Δ where there is one. Powers of two change no bit.
    """

    terms: Terms
    X: Array
    r: Array
    weight: Array
    alpha: float
    fit_intercept: bool
    residual: int = 0
    movement: int = 0

    def __post_init__(self) -> None:
        left, _ = self.left(np.zeros(self.terms.p))
        if not np.isfinite(left).all():
            row = int(np.argmin(np.isfinite(left).all(axis=1)))
            raise ValueError(f"terms returned NaN or infinity at row {row}: drop the row, or mend the model there.")
        self.residual = self.movement = exponent(float(np.abs(left).max(initial=0.0)))
        slope = self(np.zeros(self.terms.p))[1]
        # The first gradient has a length of about 1, whatever the model's parameters are measured in.
        self.movement -= exponent(np.sqrt(square(slope)))

    def delta(self, z: Array) -> Array:
        """Return the movement in the user's units."""
        return np.asarray(np.ldexp(z, self.movement))

    def left(self, delta: Array) -> tuple[Array, Array]:
        """Return what a movement leaves of the targets (n, c), and the intercepts (c,)."""
        left = self.r - self.terms.total(self.X, delta)
        if not self.fit_intercept:
            return left, np.zeros(left.shape[1])
        intercept = self.weight @ left
        return left - intercept, intercept

    def __call__(self, z: Array) -> tuple[float, Array]:
        """Return the objective and its gradient."""
        delta = self.delta(z)
        left = np.ldexp(self.left(delta)[0], -self.residual)
        pull = self.weight[:, None] * left
        if not np.isfinite(pull).all():
            return np.inf, np.zeros_like(z)
        shift = self.movement - self.residual
        alpha = min(float(np.ldexp(self.alpha, 2 * shift)), 1e300)
        gradient = alpha * z - np.ldexp(self.terms.gradient(self.X, delta, pull), shift)
        return 0.5 * float(np.vdot(pull, left)) + 0.5 * alpha * square(z), gradient


class Movement:
    """One movement on its way from 0: what all outputs share, or one target of a model with one output."""

    def __init__(self, squares: Squares, callback: Callable[[int, float], object] | None) -> None:
        self.squares, self.trace = squares, Trace(np.zeros(squares.terms.p), callback)

    def follow(self, max_iter: int, tol: float) -> None:
        """Descend to the end, or to where values are no longer finite."""
        # Below the rounding of the values there is nothing left to gain.
        least = 10 * float(np.finfo(f"f{self.squares.terms.itemsize}").eps)
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                lbfgs_descent(self.squares, self.trace, max_iter=max_iter, tol=least, gradient_tol=tol)
        except DivergedError:
            count = len(self.trace.losses)
            self.trace.fault = f"lbfgs diverged after {count} iterations, whose last finite movement is kept"
        if not self.trace.fault and self.trace.losses and self.trace.gradients[-1] > STUCK:
            self.trace.fault = f"lbfgs found no lower value after {len(self.trace.losses)} iterations"

    def warn(self) -> None:
        """Say what went wrong, if anything did."""
        trace = self.trace
        if trace.fault:
            last = "no step"
            if trace.losses:
                last = f"objective {trace.losses[-1]:.3g}, gradient {trace.gradients[-1]:.2g}"
            remedy = (
                "max_iter, tol or alpha" if "max_iter" in trace.fault else "alpha, or take float64 or a lower order"
            )
            warn(f"{trace.fault} ({last}). Increase {remedy}.", ConvergenceWarning)
        if not trace.losses and self.squares.terms.order > 1:
            value, gradient = self.squares(trace.theta)
            if value > 0 and not gradient.any():
                warn(
                    f"The movement stays 0, where the gradient is 0 and the objective {value:.3g}: the model's first"
                    " derivatives do not see these targets. Start from parameters that are less symmetric."
                )


class Training:
    """All movements of a fit, each moved by `follow` in turn, shown on an estimator at any time."""

    def __init__(self, chosen: Any, movements: list[Movement], *, flat: bool) -> None:
        self.chosen, self.movements, self.flat = chosen, movements, flat

    @property
    def moved(self) -> bool:
        """Whether there was an iteration."""
        return any(one.trace.losses for one in self.movements)

    def follow(self) -> None:
        """Descend to all ends."""
        for one in self.movements:
            one.follow(int(self.chosen.max_iter), float(self.chosen.tol))

    def show(self, draft: Any) -> None:
        """Set what is fitted on a draft of an estimator."""
        squares = [one.squares for one in self.movements]
        dtype, terms = squares[0].X.dtype, squares[0].terms
        found = [part.delta(one.trace.theta) for part, one in zip(squares, self.movements, strict=True)]
        offset = np.concatenate([part.left(delta)[1] for part, delta in zip(squares, found, strict=True)])
        with np.errstate(over="ignore"):
            coef, offset = np.array(found).astype(dtype), offset.astype(dtype)
        if not (np.isfinite(coef).all() and np.isfinite(offset).all()):
            most = max(float(np.abs(delta).max()) for delta in found)
            raise ValueError(f"The movement reaches {most:.3g}, which overflows {dtype}: scale y down, or X up.")
        draft._model, draft._flat = (terms, coef), self.flat
        draft.coef_ = coef[0] if self.flat or terms.outputs > 1 else coef
        draft.intercept_ = offset[0] if self.flat else offset
        longest = max(self.movements, key=lambda one: len(one.trace.losses)).trace.losses
        draft.n_iter_, draft.loss_curve_ = max(len(longest), 1), longest


def exponent(size: float) -> int:
    """Return the power of two just above a positive number, 0 for 0."""
    return int(np.frexp(size)[1]) if np.isfinite(size) else 0
