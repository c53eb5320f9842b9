"""State functions of the effective ridge that a sample measures: degrees of freedom, and error without inflation."""

import numpy as np
from scipy.optimize import brentq

from widelearn.forecast.samples import Doubles, Sample

# A state is measured where degrees of freedom are more than half of one and less than this share of the rows, and
# where noise is inflated by less than ten.
LEAST, MOST, MOST_INFLATION = 0.5, 0.98, 10.0
# Spans of κ, from the least that is measured, by which df1 and F go on below it; F's exponents.
DF_SPAN, F_SPAN = 10.0, 30.0
EXPONENTS: Doubles = np.arange(0.05, 2.01, 0.05)
# What is left of 1 - df2/n where theory would divide by nothing.
FLOOR = 0.02


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
        last = self.x <= self.x[0] + np.log(DF_SPAN)
        slope = -np.polyfit(self.x[last], self.log_df1[last], 1)[0] if last.sum() > 2 else 1.0
        self.power = float(np.clip(slope, 0.0, 1.0))
        last = self.x <= self.x[0] + np.log(F_SPAN)
        self.exponent, self.shares = floor_and_power(np.exp(self.x[last] - self.x[0]), np.exp(self.log_f[last]))

    def df1(self, x: float) -> float:
        """Return the degrees of freedom at log κ."""
        if x < self.x[0]:
            return float(np.exp(self.log_df1[0] - self.power * (x - self.x[0])))
        if x > self.x[-1]:
            return float(np.exp(self.log_df1[-1] - (x - self.x[-1])))
        return float(np.exp(np.interp(x, self.x, self.log_df1)))

    def df2(self, x: float) -> float:
        """Return the degrees of freedom of second order at log κ."""
        if x < self.x[0]:
            return float(self.df2_at[0] / np.exp(self.log_df1[0])) * self.df1(x)
        if x > self.x[-1]:
            return float(self.df2_at[-1] * np.exp(-2.0 * (x - self.x[-1])))
        return float(np.interp(x, self.x, self.df2_at))

    def f(self, x: float) -> float:
        """Return F at log κ: what the error would be if noise were not inflated."""
        if x < self.x[0]:
            return float(np.exp(self.log_f[0]) * (self.shares @ (1.0, np.exp(self.exponent * (x - self.x[0])))))
        return float(np.exp(np.interp(x, self.x, self.log_f)))

    def matched(self, n: float, alpha: float) -> float:
        """Return log κ at n rows: the root of κ (1 - df1(κ)/n) = alpha / n."""
        low = np.log(max(alpha, 1e-300) / n) - 1e-9

        def short(x: float) -> float:
            return float(np.exp(x)) * (1.0 - self.df1(x) / n) - alpha / n

        high = low + 1.0
        while short(high) < 0.0:
            high += 1.0
        return float(brentq(short, low, high, xtol=1e-10))

    def error(self, n: float, x: float) -> float:
        """Return the test error at n rows and log κ: F / (1 - df2/n)."""
        return self.f(x) / max(1.0 - self.df2(x) / n, FLOOR)


def floor_and_power(x: Doubles, y: Doubles, weight: Doubles | None = None) -> tuple[float, Doubles]:
    """Fit y by f0 + f1 x^q, f0 and f1 not negative, by least squares of relative errors; return q and the shares at 1.

    The exponent is that of a list with the smallest error.
    """
    _, exponent, f = nonnegative(x, y, EXPONENTS, np.ones_like(y) if weight is None else weight)
    return exponent, f / f.sum()


def nonnegative(x: Doubles, y: Doubles, exponents: Doubles, weight: Doubles) -> tuple[float, float, Doubles]:
    """Return the sum of squared relative errors, the exponent and (f0, f1) of the best f0 + f1 x^q."""
    a = weight / y
    best = (np.inf, float(exponents[0]), np.array([1.0, 0.0]))
    for q in exponents:
        b = a * x**q
        aa, ab, bb, ar, br = a @ a, a @ b, b @ b, a @ weight, b @ weight
        determinant = aa * bb - ab * ab
        f = np.array([ar / aa, 0.0]), np.array([0.0, br / bb])
        if determinant > 1e-14 * aa * bb:
            both = np.array([bb * ar - ab * br, aa * br - ab * ar]) / determinant
            f = (both,) if (both >= 0.0).all() else f
        for one in f:
            left = float(np.square(weight - one[0] * a - one[1] * b).sum())
            if left < best[0]:
                best = (left, float(q), one)
    return best
