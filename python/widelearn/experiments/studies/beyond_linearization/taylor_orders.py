"""For movements of size m^{-1/4} the quadratic term is what random signs leave of a wide network."""

import math

import numpy as np

from widelearn.experiments.studies.ensembles import draws, mean_square, sphere
from widelearn.experiments.studies.rows import Row, Rows, Values, of, panel, row
from widelearn.experiments.studies.spec import Claim, Panels, Settings, Step, apart, within
from widelearn.nets import Expansion, TwoLayer
from widelearn.theory import hermite_coefficients

SOURCE = "Bai & Lee 2020; its expansion in the movement of the first layer"
SETTINGS = {"d": 40, "rows": 100, "widths": (256, 1024, 4096, 16384), "draws": 60}
QUICK = {"widths": (256, 1024, 4096), "draws": 30}
ACTIVATION, ORDERS = "softplus", (1, 2, 3)
NOISE, ALIGNED = "spread of the network with random signs", "aligned, linear term"
SIGNS, WRONG = "quadratic term, signs changed", "a quadratic term as in the kernel regime"


def term(k: int) -> str:
    """Name the series of a term."""
    return f"term of order {k}"


def left(k: int) -> str:
    """Name the series of what is left after a term."""
    return f"left after order {k}"


def second_moment(k: int) -> float:
    """Return E σ^(k)(z)², z ~ N(0, 1), by quadrature."""
    z, weights = np.polynomial.hermite_e.hermegauss(200)
    s = 1 / (1 + np.exp(-z))
    slope = s * (1 - s)
    values = {1: s, 2: slope, 3: slope * (1 - 2 * s), 4: slope * (1 - 6 * slope)}[k]
    return float(weights @ values**2 / weights.sum())


def size(k: int, m: float) -> float:
    """Return the root mean square of f^(k) for rows w ~ N(0, I/(d √m)): E v^{2k} = (2k - 1)!! m^{-k/2}."""
    odd = math.prod(range(1, 2 * k, 2))
    return math.sqrt(second_moment(k) * odd) / math.factorial(k) * m ** (-k / 4)


def simulate(settings: Settings, seed: int, step: Step) -> list[Row]:
    """Draw networks with output weights ±1/√m, movements of size m^{-1/4}, rows on the sphere of radius √d."""
    d, n = settings["d"], settings["rows"]
    found = Values()
    for rng in draws(settings["draws"], seed, step):
        X = sphere(rng, n, d)
        for m in settings["widths"]:
            W0 = rng.standard_normal((m, d)) / np.sqrt(d)
            a = np.where(rng.uniform(size=(m, 1)) < 0.5, -1.0, 1.0) / np.sqrt(m)
            W = rng.standard_normal((m, d)) / np.sqrt(d) * m**-0.25
            net, none = Expansion(W0, a, ACTIVATION, ORDERS), np.zeros(m)
            start = TwoLayer(W0, none, a, ACTIVATION).outputs(X)
            terms = net.terms(X, W)
            rest = TwoLayer(W0 + W, none, a, ACTIVATION).outputs(X) - start
            for k, values in zip(ORDERS, terms, strict=True):
                rest = rest - values
                found.add(term(k), m, mean_square(values))
                found.add(left(k), m, mean_square(rest))
            signs = np.where(rng.uniform(size=(m, 1)) < 0.5, -1.0, 1.0)
            again = net.terms(X, signs * W)[1]
            found.add(SIGNS, m, np.abs(again - terms[1]).max())
            # Movements along one direction with the signs of the outputs: the linear term adds up.
            one = np.sign(a) * (np.ones(d) / np.sqrt(d)) * m**-0.25
            linear, quadratic = net.terms(X, one)[:2]
            found.add(ALIGNED, m, mean_square(linear))
            mixed = TwoLayer(W0 + signs * one, none, a, ACTIVATION).outputs(X) - start
            found.add(NOISE, m, mean_square(mixed - quadratic))
    return predictions(found)


def predictions(found: Values) -> list[Row]:
    """Put sizes from Gaussian means beside the root mean squares of terms."""
    rows, order = [], {NOISE: 1} | {term(k): k for k in ORDERS}
    for (series, m), values in found.values.items():
        theory = size(order[series], m) if series in order else None
        if series == ALIGNED:
            theory = float(hermite_coefficients("softplus", 0, derivative=1)[0]) * m**0.25
        rows.append(row(series, m, theory, values if series == SIGNS else roots(values)))
        if series == term(2):
            rows.append(row(WRONG, m, size(2, m) * m**-0.5, roots(values)))
    return rows


def roots(squares: list[float]) -> list[float]:
    """Return values whose mean is the root of the mean of squares, with its standard error to first order."""
    mean = float(np.mean(squares))
    root = math.sqrt(mean)
    return [root + (square - mean) / (2 * root) if root else 0.0 for square in squares]


def slope(rows: Rows) -> float:
    """Return the exponent of m."""
    x, y = np.log([one["x"] for one in rows]), np.log([one["simulation"] for one in rows])
    return float(np.polyfit(x, y, 1)[0])


def claims(rows: Rows, settings: Settings) -> list[Claim]:
    """Judge the sizes of terms, what is left after each, and cancellation by signs."""
    made = [
        within(of(rows, *map(term, ORDERS)), "a term of order k is m^{-k/4} times a Gaussian mean", 0.05),
        within(of(rows, ALIGNED), "movements with the outputs' signs make the linear term grow like m^{1/4}", 0.1),
        within(of(rows, NOISE), "random signs leave the quadratic term and noise of size m^{-1/4}", 0.1),
    ]
    for k in ORDERS:
        found = slope(of(rows, left(k)))
        held = abs(found + (k + 1) / 4) < 0.1
        made.append(Claim(f"what is left after order {k} falls like m^-{(k + 1) / 4:g}", held, f"slope {found:.3f}"))
    changed = max(one["simulation"] for one in of(rows, SIGNS))
    made.append(Claim("signs do not change the quadratic term", changed < 1e-12, f"at most {changed:.1e}"))
    return [*made, apart(of(rows, WRONG), "the quadratic term is not negligible as for movements of m^{-1/2}")]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show terms, and what is left after them."""
    options = {"xlabel": "neurons", "xscale": "log", "yscale": "log"}
    return [
        panel(of(rows, *map(term, ORDERS), ALIGNED, NOISE), ylabel="root mean square", **options),
        panel(of(rows, *map(left, ORDERS)), ylabel="left after the terms", **options),
    ]
