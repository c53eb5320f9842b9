"""A learning curve from one sample: theory by matched states, a power law, and what they say together."""

from dataclasses import dataclass

import numpy as np

from widelearn.forecast.samples import Doubles, Sample
from widelearn.forecast.states import States, nonnegative

# Exponents of E∞ + c n^-b, and what blocks of M/16, M/8, M/4, M/2 and M rows are trusted by: relative errors.
POWERS: Doubles = -np.arange(0.05, 1.51, 0.05)
TRUST = 1.0 / np.array([0.07, 0.05, 0.035, 0.025, 0.025])
# The power law's weight by df1(κ) / M.
BY_STATE = ((0.5, 2.0), (0.0, 1.0))
# Rows, as a multiple of the sample, up to which theory is held to the left-out error of all rows.
HELD = 2.0


@dataclass(frozen=True)
class Point:
    """A forecast error, the two predictions behind it, and what is uncertain of it."""

    error: float
    by_state: float
    by_power: float
    # The standard error of the log error, by leaving out groups of rows.
    spread: float
    # How far GCV is from left-out errors at the matched state, where that matters: leverages are unlike.
    apart: float = 0.0
    # The standard error of the log error of the sample itself, by leaving out groups of rows.
    level: float = 0.0
    # How far log df1 goes on beyond what is measured.
    unseen: float = 0.0
    # The standard error of the log error by the noise that left-out errors share.
    shared: float = 0.0


class KernelCurve:
    """The test error of kernel ridge regression by rows and penalty, from looks at blocks of one sample."""

    def __init__(self, looks: list[Sample], alphas: Doubles) -> None:
        self.alphas, self.log_alphas = alphas, np.log(alphas)
        self.sizes = np.array(sorted({look.n for look in looks}))
        self.top = max(looks, key=lambda look: look.n)
        # Errors of every size of block, of all rows and without each group: (1 + g, sizes, a).
        self.errors = np.array(
            [np.mean([[look.error, *look.without] for look in looks if look.n == n], axis=0) for n in self.sizes]
        ).swapaxes(0, 1)
        self.states = States(self.top, alphas)
        self._shared = np.sqrt(self.top.shared)
        self._apart = np.minimum(np.abs(np.log(self.top.gcv / self.top.error)), 1.0)
        half = [States(look, alphas) for look in looks if look.n == self.top.n // 2]
        # The states of one half of the rows, where they are measured.
        self.halves = next((states for states in half if states.known), None)

    @property
    def n(self) -> int:
        """Return the rows of the sample."""
        return self.top.n

    def power(self, n: float, alpha: float) -> float:
        """Return the log error by a power law through the errors of blocks."""
        if len(self.sizes) < 2:
            return float(self._at(alpha)[0, -1])
        straight, floored = power_laws(self._at(alpha)[:1], self.sizes / self.n, TRUST[-len(self.sizes) :], n / self.n)
        return float(straight[0] + floored[0]) / 2

    def _at(self, alpha: float) -> Doubles:
        """Return log errors at a penalty, (1 + g, sizes)."""
        place = float(np.interp(np.log(max(alpha, 1e-300)), self.log_alphas, np.arange(len(self.alphas))))
        low = min(int(place), len(self.alphas) - 2)
        share = place - low
        return (1.0 - share) * np.log(self.errors[..., low]) + share * np.log(self.errors[..., low + 1])

    def point(self, n: float, alpha: float) -> Point:
        """Return the forecast at n rows and a penalty."""
        by_power, level = self.power(n, alpha), self._at(alpha)[:, -1]
        changes = level[1:] - level[0]
        shared = float(np.interp(np.log(max(alpha, 1e-300)), self.log_alphas, self._shared))
        own = jackknife(changes)
        if n <= self.n or not self.states.known:
            level_error = float(np.exp(by_power))
            return Point(level_error, level_error, level_error, own, level=own, shared=shared)
        x = self.states.matched(n, alpha)
        by_state = float(np.log(self.states.error(n, x))) + self._held(n, alpha, float(level[0]))
        weight = float(np.interp(float(self.states.df1(x)) / self.n, *BY_STATE))
        error = (1.0 - weight) * by_state + weight * by_power
        if weight < 1.0:
            changes = weight * changes + (1.0 - weight) * self.states.deviations(x)
            shared = weight * shared + (1.0 - weight) * self.states.shared(x) ** 0.5
        apart = (1.0 - weight) * float(np.interp(x, np.log(self.top.kappa), self._apart))
        one, two, both = (float(np.exp(log)) for log in (by_state, by_power, error))
        return Point(both, one, two, jackknife(changes), apart, own, self.states.unseen(x), shared)

    def _held(self, n: float, alpha: float, level: float) -> float:
        """Return what theory's log error lacks at the sample's rows; less for more rows, nothing from twice on."""
        share = 1.0 - float(np.log(n / self.n) / np.log(HELD))
        if share <= 0.0:
            return 0.0
        return share * (level - float(np.log(self.states.error(self.n, self.states.matched(self.n, alpha)))))


def power_laws(log_errors: Doubles, x: Doubles, weight: Doubles, reach: float) -> tuple[Doubles, Doubles]:
    """Return log errors (r,) at `reach` by laws through errors (r, k) at shares x of all rows: c n^-b, and E∞ + c n^-b.

    The first has the last three sizes alone.
    """
    slope, level = np.polyfit(np.log(x[-3:]), log_errors[:, -3:].T, 1, w=weight[-3:])
    _, exponents, f = nonnegative(x, np.exp(log_errors), POWERS, weight)
    r = np.log(reach)
    return level + slope * r, np.log(f[:, 0] + f[:, 1] * np.exp(exponents * r))


def jackknife(changes: Doubles) -> float:
    """Return the standard error of an estimate that changes by so much without each group of rows."""
    g = len(changes)
    return float(np.sqrt((g - 1) / g * np.square(changes - changes.mean()).sum()))
