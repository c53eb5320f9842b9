"""How training time shrinks what is left to learn: exact gradient flow, or steps of gradient descent."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from widelearn.runtime import Array

# Times to choose from, as powers of two over the fastest rate.
FIRST, LAST = -4, 40
# The least distance of the two roots of the heavy ball, which takes eigenvalues where they meet for neighbours.
APART = 1e-8


@dataclass(frozen=True)
class Schedule:
    """Gradient flow of a quadratic loss, or gradient descent with a step η, a heavy ball where there is momentum β.

    A direction of rate r, an eigenvalue of the loss's Hessian, keeps exp(-r t) of its residual at time t. After s steps
    it keeps (1 - η r)^s, or with momentum the s-th term of ρ_(s+1) = (1 + β - η r) ρ_s - β ρ_(s-1), ρ_0 = ρ_(-1) = 1.
    """

    step: float | None = None
    momentum: float = 0.0

    @classmethod
    def of(cls, estimator: Any) -> Self:
        """Return the schedule that an estimator's parameters describe."""
        step, momentum = estimator.learning_rate, float(estimator.momentum)
        if step is None and momentum:
            raise ValueError(
                f"momentum = {momentum:g} is of steps, and learning_rate=None is exact gradient flow, which has none:"
                " set learning_rate, or momentum=0."
            )
        return cls(None if step is None else float(step), momentum)

    def bound(self, fastest: float) -> float:
        """Return the step from which on gradient descent diverges, for the largest rate."""
        with np.errstate(divide="ignore", over="ignore"):
            return float(np.divide(2.0 * (1.0 + self.momentum), fastest))

    def check(self, fastest: float) -> None:
        """Refuse a step that diverges, with the bound."""
        bound = self.bound(fastest)
        if self.step is not None and not self.step < bound:
            formula = "2n/λ_max" if not self.momentum else "2 (1 + momentum) n/λ_max"
            raise ValueError(
                f"learning_rate = {self.step:g} diverges on these rows: it must be below {formula} = {bound:.6g}, λ_max"
                " the largest eigenvalue of the kernel matrix. Take a smaller one, or None for exact gradient flow."
            )

    def stable(self, rates: Array, fastest: float) -> Array:
        """Return the rates of some of the rows, those at which only the step for all rows is stable as if of these."""
        return rates if self.step is None else np.where(rates < self.bound(self.step), rates, fastest)

    def moments(self, times: ArrayLike) -> NDArray[np.float64]:
        """Return times, or numbers of steps, as an array; refuse what is none."""
        what = "time" if self.step is None else "A number of steps"
        try:
            found = np.asarray(times, dtype=np.float64)
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"{what} must be at least 0, infinity allowed; got {times!r:.60}.") from error
        wrong = ~(found >= 0.0)
        if self.step is not None:
            wrong |= np.isfinite(found) & (found != np.rint(found))
        if found.ndim > 1 or wrong.any():
            shown = f"{found[wrong].ravel()[0]:g}" if wrong.any() else f"an array of shape {found.shape}"
            kind = "" if self.step is None else "a whole number, "
            raise ValueError(f"{what} must be {kind}at least 0, infinity allowed, one or a row of them; got {shown}.")
        return found

    def grid(self, fastest: float) -> NDArray[np.float64]:
        """Return times to choose from, from where hardly anything is learned to where all but rounding errors is."""
        if not fastest > 0.0:
            return np.ones(1)
        with np.errstate(over="ignore"):
            times = np.exp2(np.arange(FIRST, LAST + 1, dtype=np.float64)) / fastest
        times = times if np.isfinite(times[-1]) else np.unique(np.minimum(times, np.finfo(np.float64).max))
        return times if self.step is None else np.unique(np.maximum(np.rint(times / self.step), 1.0))

    def learned(self, rates: Array, times: Array) -> NDArray[np.float64]:
        """Return the share of every direction (T, k) that is learned at every time, for rates (k,) of at least 0."""
        moments = np.asarray(times, np.float64)[:, None]
        if self.step is None:
            with np.errstate(invalid="ignore", over="ignore"):
                found = -np.expm1(-moments * rates)
            return np.where(np.isnan(found), 0.0, found)
        pull = self.step * rates
        return powers(pull, moments) if not self.momentum else self._heavy_ball(pull, moments)

    def _heavy_ball(self, pull: Array, steps: Array) -> NDArray[np.float64]:
        """Return the learned shares for η r (k,): a combination of two powers, or turns of a complex one."""
        beta, half = self.momentum, (1.0 - self.momentum + pull) / 2.0
        square = half**2 - pull
        root = np.sqrt(np.maximum(square, APART**2))
        # One less the two roots; the smaller without a difference of near-equal numbers.
        slow, fast = pull / (half + root), half + root
        real = ((fast - pull) * powers(slow, steps) + (pull - slow) * powers(fast, steps)) / (2.0 * root)
        turn = np.sqrt(np.maximum(-square, APART**2))
        angle = np.arctan2(turn, 1.0 - half)
        with np.errstate(invalid="ignore"):
            wave = np.cos(steps * angle) + (half - pull) / turn * np.sin(steps * angle)
            left = np.where(np.isfinite(steps), beta ** (steps / 2.0) * wave, 0.0)
        return np.where(square >= 0.0, real, 1.0 - left)


def powers(share: Array, steps: Array) -> NDArray[np.float64]:
    """Return 1 - (1 - share)^steps, of shape (T, k), for whole steps (T, 1); exact for small shares, too."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        size = np.where(share < 1.0, np.log1p(-np.minimum(share, 1.0)), np.log(np.abs(share - 1.0)))
        exponent = steps * size
        odd = (share > 1.0) & (np.mod(steps, 2.0) == 1.0)
        found = np.where(odd, 1.0 + np.exp(exponent), -np.expm1(exponent))
    return np.where(np.isnan(found), 0.0, found)
