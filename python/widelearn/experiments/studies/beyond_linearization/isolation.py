"""Multipliers tied to the outputs' signs leave of a real network its term of order k, up to m^(-1/(2k))."""

from functools import cache
from math import comb, factorial

import numpy as np

from widelearn.experiments.studies.ensembles import Array, mean_square
from widelearn.experiments.studies.judging import Control, Judged, Verdict, instead
from widelearn.experiments.studies.rows import Row, Rows, Theory, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import apart, close, equal, shape
from widelearn.nets import Expansion, Multipliers

SETTINGS = {"d": 64, "rows": 64, "length": 0.7, "widths": (256, 1024, 4096, 16384, 65536), "draws": 120}
QUICK = {"widths": (64, 256, 1024), "draws": 150}
# To each order an activation whose derivatives of orders k and k + 2 have a mean.
ACTIVATIONS = {2: "softplus", 3: "sigmoid", 4: "softplus"}
# Nodes of means over pre-activations.
NODES = 80
NEAR = 0.2


def drawn(k: int) -> str:
    """Name the series of one draw."""
    return f"one drawn network, order {k}"


def one(k: int) -> str:
    """Name the series of what one draw errs by in the mean, by the engine's variance over draws."""
    return f"one network, order {k}"


def mean(k: int) -> str:
    """Name the series of the mean over draws."""
    return f"mean network, order {k}"


def slope(name: str) -> str:
    """Name the series of a slope."""
    return f"slope of {name}"


def signs(k: int) -> str:
    """Name the series of the mean over signs that do not know the outputs'."""
    return f"mean over independent signs, order {k}"


def cells(settings: Settings) -> list[Cell]:
    """Return one cell an order: slopes need all widths."""
    return [{**settings, "order": k} for k in ACTIVATIONS]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Draw networks whose neurons of positive output move by m^(-1/(2k)) along one axis each; compare with terms."""
    rng = np.random.default_rng(seed)
    d, widths, k = cell["d"], cell["widths"], cell["order"]
    law, X, rows = Multipliers(k), rng.choice([-1.0, 1.0], (cell["rows"], d)), []
    for m in widths:
        W0 = rng.standard_normal((m, d)) / np.sqrt(d)
        a = np.where(rng.uniform(size=(m, 1)) < 0.5, -1.0, 1.0) / np.sqrt(m)
        W = (a > 0) * np.eye(d)[np.arange(m) % d] * cell["length"] * m ** (-1 / (2 * k))
        net = Expansion(W0, a, ACTIVATIONS[k], (k,))
        term = net.terms(X, W)[0]
        F, V = net.marginal_moments(X, W, multipliers=law)
        found = {drawn(k): net.drawn_outputs(X, W, law.draw(m, rng), law), mean(k): F}
        if k == 3 and m == max(widths):
            # Without movement the net of the signs has outputs of its own.
            found[signs(k)] = net.marginal_moments(X, W)[0] - net.marginal_moments(X, 0 * W)[0]
        errors = {name: mean_square(outputs - term) for name, outputs in found.items()}
        errors[one(k)] = errors[mean(k)] + float(V.mean())
        rows += [value(name, m, error) for name, error in errors.items()]
    for name in (one(k), mean(k)):
        sizes = [row["value"] for row in rows if row["series"] == name]
        rows.append(value(slope(name), k, np.polyfit(np.log(widths), np.log(sizes) / 2, 1)[0]))
    return rows


def activated(name: str, t: Array) -> Array:
    """Return σ."""
    return np.logaddexp(0.0, t) if name == "softplus" else 1 / (1 + np.exp(-t))


def derivative(k: int, t: Array) -> Array:
    """Return σ^(k) of the activation of order k."""
    s = 1 / (1 + np.exp(-t))
    flat = s * (1 - s)
    # The third derivative of the sigmoid is the fourth of softplus.
    return flat if k == 2 else flat * (1 - 6 * flat)


@cache
def squares(k: int, m: int, d: int, length: float) -> tuple[float, float]:
    """Return the mean squares of one network and of the mean network less the term, over rows, weights and draws.

    Movements' products with rows of the cube are ±v, pre-activations standard normal. Half of the neurons move, each
    for itself with probability 1/2. Of odd orders the mean has the sign of v, so that over d axes its square is 1/d.
    """
    z, heights = np.polynomial.hermite_e.hermegauss(NODES)
    heights = heights / heights.sum()
    v = length * m ** (-1 / (2 * k))
    values = [activated(ACTIVATIONS[k], z + (j - k / 2) * v) for j in range(k + 1)]
    shares = [comb(k, j) / 2 ** (k - 1) for j in range(k + 1)]
    gap = factorial(k) / 2 ** (k - 1)
    spread, difference = 0.0, 0.0
    for side in (0, 1):
        own = [(shares[j], values[j]) for j in range(k + 1) if (k - j) % 2 == side]
        middle = sum(p * part for p, part in own)
        spread = spread + sum(p * (part - middle) ** 2 for p, part in own)
        difference = difference + (-1) ** side * middle
    miss = difference / gap - derivative(k, z) * v**k / factorial(k)
    alike, own = miss @ heights, (miss**2) @ heights
    bias = m / 4 * alike**2 / (d if k % 2 else 1) + own / 2 - alike**2 / 4
    draws = (spread @ heights) / gap**2 / 2
    return float(bias + draws), float(bias)


def theory(settings: Settings) -> Theory:
    """Return mean squares from the laws of the multipliers, and the slopes that they make at these widths."""
    d, length, widths = settings["d"], settings["length"], settings["widths"]

    def predicted(row: Row) -> float | None:
        for k in ACTIVATIONS:
            for place, name in enumerate((one(k), mean(k))):
                if row["series"] == name:
                    return squares(k, int(row["x"]), d, length)[place]
                if row["series"] == slope(name):
                    sizes = [squares(k, m, d, length)[place] for m in widths]
                    return float(np.polyfit(np.log(widths), np.log(sizes) / 2, 1)[0])
        return None

    return predicted


def falls(name: str, power: float, kernel: float) -> Verdict:
    """State that a slope is within 20 % of a power; power: that of the kernel regime must fail."""

    def near(rows: Rows) -> Judged:
        found = rows[0]["simulation"]
        return abs(found / power - 1) <= NEAR, f"{found:.4g} against {power:.4g}"

    text, series = f"{name}: the error falls like m^({power:.3g}) within 20 %", slope(name)
    return shape(text, series, near, instead(series, lambda _: kernel), f"m^({kernel:g})")


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge errors against the laws, and their slopes against powers of m."""
    ones, means = [one(k) for k in ACTIVATIONS], [mean(k) for k in ACTIVATIONS]
    claims = [
        *(
            close(f"drawn networks err by the variance of the laws, order {k}", drawn(k), one(k), share=0.05)
            for k in ACTIVATIONS
        ),
        equal("one network misses its term by what the multipliers' laws say, orders 2 to 4", *ones, share=0.05),
        equal("the mean network misses it by the next orders of a central difference", *means, share=0.05),
        equal("slopes are those of the laws at these widths", *map(slope, ones + means), share=0.04),
    ]
    return [*claims, *(falls(one(k), -1 / (2 * k), -0.5) for k in ACTIVATIONS), falls(mean(2), -0.5, -1.0)]


def controls(settings: Settings) -> list[Control]:
    """See that signs that do not know the outputs' leave no term of order 3."""
    text = "signs that do not know the outputs' leave nothing of order 3"
    return [apart(text, mean(3), signs(3), at=max(settings["widths"]))]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show errors against width."""
    axes = {"xlabel": "neurons m", "ylabel": "mean square error of the term", "xscale": "log", "yscale": "log"}
    return [
        panel(of(rows, *map(one, ACTIVATIONS), *map(drawn, ACTIVATIONS)), title="one draw", **axes),
        panel(of(rows, *map(mean, ACTIVATIONS), signs(3)), title="mean over draws", **axes),
    ]


SPEC = Spec(
    name="isolation",
    about=__doc__,
    source="Bai & Lee 2020 for order 2; for other orders derived from finite differences",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=theory,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
