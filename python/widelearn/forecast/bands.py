"""How sure a forecast is: its 90 % band, and when there is none, with what would help."""

import numpy as np

from widelearn.forecast.curves import KernelCurve, Point

# 90 % of a normal law; uncertainty of the slope for each factor e in rows, and for each factor e in degrees of freedom
# beyond those that are measured; shares of the predictions' difference, and of that of GCV and left-out errors.
NORMAL, SLOPE, UNSEEN, DISAGREEMENT, UNLIKE = 1.645, 0.03, 0.07, 0.5, 0.15
# Widest band, largest standard error of the level, and farthest rows, as multiples of the sample.
WIDEST, NOISIEST, FARTHEST = 0.30, 0.12, 10.0
# Squared relative standard error of the level, times the rows, from which squares of left-out errors have heavy tails:
# three times that of a normal law.
HEAVY = 6.0
# Predictions that differ by more than this share are said to disagree.
DISAGREE = 0.2
# A penalty is chosen by so much of its band above the forecast. By the whole band an NTK on satimage took the next one,
# 6 to 11 % worse, in a quarter of the splits. Chosen on eight splits of it and 40 draws of Gaussian rows, by trial.
CAUTION = 0.5


def half_width(point: Point, reach: float) -> float:
    """Return h of the band exp(± h), for reach times the rows of the sample."""
    apart = min(abs(np.log(point.by_state / point.by_power)), 1.0)
    slope = SLOPE * np.log(max(reach, 1.0))
    # The predictions differ by what theory goes on with, which counts once.
    theory = max(UNSEEN * point.unseen, DISAGREEMENT * apart)
    parts = (point.spread, point.shared, slope, theory, UNLIKE * point.apart)
    return float(NORMAL * np.sqrt(np.square(parts).sum()))


def too_near(n: float, least: int) -> str:
    """Say that so few rows were not looked at."""
    return f"too near: {n:.4g} rows, and the fewest that were looked at are {least}: fit so few and measure"


def refusal(curve: KernelCurve, point: Point, reach: float, unit: float) -> str:
    """Say why a forecast is not given, and what would help; empty if it is given. Errors are in squares of a unit."""
    if reach * curve.n < curve.sizes[0] - 1e-9:
        return too_near(reach * curve.n, int(curve.sizes[0]))
    if reach <= 1.0:
        return ""  # It was measured.
    apart, h = abs(np.log(point.by_state / point.by_power)), half_width(point, reach)
    if reach > FARTHEST:
        need = np.ceil(reach * curve.n / FARTHEST)
        return (
            f"too far: {reach:.4g} times the {curve.n} rows of the sample, at most {FARTHEST:g} times: give"
            f" {need:.15g} rows"
        )
    if not curve.states.known:
        return (
            "no state is measured: degrees of freedom are below 1/2 or above .98 n at every penalty; scale the columns"
        )
    if point.spread > NOISIEST:
        need = int(np.ceil(curve.n * (point.spread / NOISIEST) ** 2))
        found = above(point.spread, NOISIEST)
        settle = f"its standard error is {found}, at most {NOISIEST:.0%}: about {need} rows would settle it"
        if point.level**2 * curve.n > HEAVY:
            return f"heavy tails: few rows make most of the error, {settle}, or another scale of the target"
        return f"too noisy: {settle}"
    if h > WIDEST and apart > DISAGREE:
        both = f"theory {unit**2 * point.by_state:.4g}, power law {unit**2 * point.by_power:.4g}"
        return f"predictors disagree by {apart:.0%} ({both}): give more rows"
    if h > WIDEST:
        need = int(np.ceil(curve.n * (h / WIDEST) ** 2))
        return f"too noisy: the band is ± {above(h, WIDEST)}, at most {WIDEST:.0%}: about {need} rows would settle it"
    return ""


def above(share: float, bound: float) -> str:
    """Return a share in percent, with as many digits as tell it from the bound that it is above."""
    return next((f"{share:.{k}%}" for k in range(1, 15) if round(share, k + 2) > bound), f"{100 * float(share)!r}%")
