"""A learning curve from one sample: theory by matched states, a power law, and what they say together."""

from dataclasses import dataclass

import numpy as np

from widelearn.forecast.samples import Doubles, Sample
from widelearn.forecast.states import States, nonnegative

# Exponents of E∞ + c n^-b, and what blocks of M/16, M/8, M/4, M/2 and M rows are trusted by: relative errors.
POWERS: Doubles = -np.arange(0.05, 1.51, 0.05)
TRUST = 1.0 / np.array([0.07, 0.05, 0.035, 0.025, 0.025])
# The power law's weight by df1(κ) / M, and by how much GCV and left-out errors differ at the matched state.
BY_STATE = ((0.3, 0.8, 1.5), (0.0, 0.5, 1.0))
ALIKE, APART = 0.03, 0.10


@dataclass(frozen=True)
class Point:
    """A forecast error, the two predictions behind it, and what is uncertain of it."""

    error: float
    by_state: float
    by_power: float
    # df1(κ) / M, the relative standard error of the level, and by how much GCV and left-out errors differ.
    share: float
    spread: float
    apart: float


class KernelCurve:
    """The test error of kernel ridge regression by rows and penalty, from looks at blocks of one sample."""

    def __init__(self, looks: list[Sample], alphas: Doubles) -> None:
        self.alphas, self.log_alphas = alphas, np.log(alphas)
        self.sizes = np.array(sorted({look.n for look in looks}))
        self.top = max(looks, key=lambda look: look.n)
        self.errors = np.array([np.mean([look.error for look in looks if look.n == n], axis=0) for n in self.sizes])
        self.states = States(self.top, alphas)
        half = [States(look, alphas) for look in looks if look.n == self.top.n // 2]
        # The states of one half of the rows, where they are measured.
        self.halves = next((states for states in half if states.known), None)
        self._x = np.log(self.top.kappa)
        self._apart = np.abs(np.log(self.top.gcv / self.top.error))

    @property
    def n(self) -> int:
        """Return the rows of the sample."""
        return self.top.n

    def at(self, values: Doubles, alpha: float) -> float:
        """Return what was found by penalty, at one of them."""
        return float(np.exp(np.interp(np.log(alpha), self.log_alphas, np.log(values))))

    def power(self, n: float, alpha: float) -> float:
        """Return the geometric mean of two power laws through the errors of the blocks."""
        errors, x = np.array([self.at(row, alpha) for row in self.errors]), self.sizes / self.sizes[-1]
        if len(x) < 2:
            return float(errors[-1])
        weight = TRUST[-len(x) :]
        line = np.polyfit(np.log(x[-3:]), np.log(errors[-3:]), 1, w=weight[-3:])
        _, exponent, f = nonnegative(x, errors, POWERS, weight)
        r = n / self.n
        return float(np.sqrt(np.exp(np.polyval(line, np.log(r))) * (f[0] + f[1] * r**exponent)))

    def point(self, n: float, alpha: float) -> Point:
        """Return the forecast at n rows and a penalty."""
        by_power = self.power(n, alpha)
        if n <= self.n or not self.states.known:
            x = float(np.interp(np.log(alpha), self.log_alphas, self._x))
            by_state, weight, share = by_power, 1.0, 0.0
        else:
            x = self.states.matched(n, alpha)
            by_state, share = self.states.error(n, x), self.states.df1(x) / self.n
            weight = 0.0
        spread, apart = self.doubts(x)
        if weight == 0.0:
            by_apart = 0.5 * float(np.clip((apart - ALIKE) / APART, 0.0, 1.0))
            weight = max(float(np.interp(share, *BY_STATE)), by_apart)
        error = float(np.exp((1.0 - weight) * np.log(by_state) + weight * np.log(by_power)))
        return Point(error, by_state, by_power, share, spread, apart)

    def doubts(self, x: float) -> tuple[float, float]:
        """Return, at log κ, the relative standard error of the level and how far GCV is from left-out errors."""
        return float(np.interp(x, self._x, self.top.spread)), float(np.interp(x, self._x, self._apart))
