"""State functions of the effective ridge that a sample measures: degrees of freedom, and error without inflation."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import brentq

from widelearn.forecast.samples import Doubles, Sample

# A state is measured where degrees of freedom are more than half of one and less than this share of the rows, and
# where noise is inflated by less than ten. Beyond, real rows saturate: at one κ, twice as many rows of letter have 7 %
# more degrees of freedom where .6 of the rows are fitted, and 65 % more where .98 are. Gaussian rows have the same.
LEAST, MOST, MOST_INFLATION = 0.5, 0.6, 10.0
# Spans of κ, from the least that is measured, by which df1 and F go on below it; F's exponents.
DF_SPAN, F_SPAN = 10.0, 30.0
EXPONENTS: Doubles = np.arange(0.05, 2.01, 0.05)
# What is left of 1 - df2/n where theory would divide by nothing.
FLOOR = 0.02
# Cells in which the root of the effective ridge is looked for.
CELLS = 512
# Determinants below this share of their largest are of two columns alike.
SINGULAR = 1e-14


class States:
    """df1(κ), df2(κ) and F(κ), interpolated between the effective ridges that a sample measures.

    df1 = n (1 - α tr R / n), df2 = n (1 - 1/v), F = E / v. Below them df1 goes on as the power of κ that the last
    decade shows, df2 at its last ratio to df1, and F as f0 + f1 κ^q.
    """

    def __init__(self, sample: Sample, alphas: Doubles) -> None:
        n = self.n = sample.n
        df1 = n * (1.0 - alphas / (n * sample.kappa))
        good = (df1 > LEAST) & (df1 < MOST * n) & (sample.inflation < MOST_INFLATION) & (sample.error > 0.0)
        order = np.flatnonzero(good)[np.argsort(sample.kappa[good])]
        self.known = len(order) >= 4
        if not self.known:
            return
        self.x, self.log_df1 = np.log(sample.kappa[order]), np.log(df1[order])
        self.df2_at = n * (1.0 - 1.0 / sample.inflation[order])
        self.log_f = np.log(sample.error[order] / sample.inflation[order])
        self.shared_at = sample.shared[order]
        others = np.log(sample.without[:, order] / sample.inflation[order])
        last = self.x <= self.x[0] + np.log(DF_SPAN)
        slope = -np.polyfit(self.x[last], self.log_df1[last], 1)[0] if last.sum() > 2 else 1.0
        self.power = float(np.clip(slope, 0.0, 1.0))
        last = self.x <= self.x[0] + np.log(F_SPAN)
        self.tail = Tail(self.x[last] - self.x[0], np.vstack([self.log_f, others])[:, last])
        # F without each group of rows, beside F.
        self.ratios = others - self.log_f

    def df1(self, x: Any) -> Any:
        """Return the degrees of freedom at log κ, a number or an array."""
        below = self.log_df1[0] - self.power * np.minimum(x - self.x[0], 0.0)
        above = np.maximum(x - self.x[-1], 0.0)
        return np.exp(np.where(x < self.x[0], below, np.interp(x, self.x, self.log_df1) - above))

    def df2(self, x: Any) -> Any:
        """Return the degrees of freedom of second order at log κ."""
        ratio = self.df2_at[0] / np.exp(self.log_df1[0])
        above = np.exp(-2.0 * np.maximum(x - self.x[-1], 0.0))
        return np.where(x < self.x[0], ratio * self.df1(x), np.interp(x, self.x, self.df2_at) * above)

    def f(self, x: Any) -> Any:
        """Return F at log κ: what the error would be if noise were not inflated."""
        below = self.log_f[0] + self.tail.log_ratio(x - self.x[0])[0]
        return np.exp(np.where(x < self.x[0], below, np.interp(x, self.x, self.log_f)))

    def deviations(self, x: float) -> Doubles:
        """Return by how much log F at log κ is another without each group of rows, (g,)."""
        if x >= self.x[0]:
            return np.array([np.interp(x, self.x, row) for row in self.ratios])
        below = self.tail.log_ratio(np.array(x - self.x[0]))
        return self.ratios[:, 0] + below[1:] - below[0]

    def shared(self, x: float) -> float:
        """Return the squared standard error of log F that the rows' errors share; below the states that of the last."""
        return float(np.interp(x, self.x, self.shared_at))

    def unseen(self, x: float) -> float:
        """Return by how much log df1 at log κ is above the largest that is measured, 0 where it is not."""
        return max(float(np.log(self.df1(x))) - float(self.log_df1[0]), 0.0)

    def matched(self, n: float, alpha: float) -> float:
        """Return log κ at n rows: the root of κ (1 - df1(κ)/n) = alpha / n."""
        return root(self, alpha / n, lambda x: 1.0 - self.df1(x) / n)

    def error(self, n: float, x: float) -> float:
        """Return the test error at n rows and log κ: F / (1 - df2/n)."""
        return float(self.f(x)) / max(1.0 - float(self.df2(x)) / n, FLOOR)


def root(states: States, ridge: float, left: Callable[[Any], Any], lowest: float = -np.inf) -> float:
    """Return the x above `lowest` at which e^x left(x) is a ridge, left a growing function of log κ below 1."""
    low = max(np.log(max(ridge, 1e-300)) - 1e-9, lowest)
    grid = np.linspace(low, max(low, float(states.x[-1])) + 40.0, CELLS)
    short = np.exp(grid) * left(grid) - ridge
    cell = int(np.argmax(short >= 0.0))
    if cell == 0:
        return low
    return float(brentq(lambda x: float(np.exp(x) * left(x)) - ridge, grid[cell - 1], grid[cell], xtol=1e-10))


class Tail:
    """How F goes on below the least κ that is measured: f0 + f1 κ^q, fitted to every row of log F (r, k) at log κ."""

    def __init__(self, x: Doubles, log_f: Doubles) -> None:
        _, self.exponents, f = nonnegative(np.exp(x), np.exp(log_f), EXPONENTS, np.ones_like(x))
        self.shares = f / f.sum(axis=1, keepdims=True)

    def log_ratio(self, x: Any) -> Doubles:
        """Return log F at log κ = x <= 0 beside log F at 0, a row for each that was fitted."""
        with np.errstate(divide="ignore"):
            logs = np.log(self.shares)
        floor, rest, exponents = (part.reshape(-1, *[1] * np.ndim(x)) for part in (*logs.T, self.exponents))
        return np.asarray(np.logaddexp(floor, rest + exponents * np.minimum(x, 0.0)))


def nonnegative(x: Doubles, y: Doubles, exponents: Doubles, weight: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    """Fit every row of y (r, k) by f0 + f1 x^q, f0 and f1 not negative, by least squares of weighted relative errors.

    Returns the sum of squares (r,), the exponent of a list with the smallest one (r,), and f (r, 2).
    """
    a = (weight / y)[:, None, :]
    b = a * x ** exponents[:, None]
    aa, ab, bb = (a * a).sum(-1), (a * b).sum(-1), (b * b).sum(-1)
    ar, br = (a * weight).sum(-1), (b * weight).sum(-1)
    determinant = aa * bb - ab * ab
    clear = determinant > SINGULAR * aa * bb
    safe = np.where(clear, determinant, 1.0)
    both = np.stack([(bb * ar - ab * br) / safe, (aa * br - ab * ar) / safe], axis=-1)
    inside = clear & (both >= 0.0).all(-1)
    zero = np.zeros_like(bb)
    candidates = np.stack([both, np.stack([ar / aa + zero, zero], -1), np.stack([zero, br / bb], -1)], axis=2)
    left = np.square(weight - candidates[..., :1] * a[:, :, None, :] - candidates[..., 1:] * b[:, :, None, :]).sum(-1)
    left[..., 0] = np.where(inside, left[..., 0], np.inf)
    flat = left.reshape(len(y), -1)
    best = flat.argmin(axis=1)
    rows = np.arange(len(y))
    return flat[rows, best], exponents[best // 3], candidates.reshape(len(y), -1, 2)[rows, best]
