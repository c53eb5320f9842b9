"""For movements of size m^(-1/4) the quadratic term is what random signs leave of a wide network."""

import math

import numpy as np

from widelearn.experiments.studies.ensembles import Array, mean_square, sphere
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, Theory, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import equal, wrong
from widelearn.nets import Expansion, TwoLayer
from widelearn.theory import hermite_coefficients

SETTINGS = {"d": 40, "rows": 40, "widths": (256, 1024, 4096, 16384), "draws": 640}
QUICK = {"widths": (128, 512), "draws": 640}
ACTIVATION, ORDERS = "softplus", (1, 2, 3)
NOISE, ALIGNED = "spread of the network with random signs", "aligned, linear term"


def term(k: int) -> str:
    """Name the series of a term."""
    return f"term of order {k}"


def left(k: int) -> str:
    """Name the series of what is left after a term."""
    return f"left after order {k}"


def slope(k: int) -> str:
    """Name the series of the power of m by which that falls."""
    return f"slope of what is left after order {k}"


def second_moment(k: int) -> float:
    """Return E σ^(k)(z)², z ~ N(0, 1), by quadrature."""
    z, weights = np.polynomial.hermite_e.hermegauss(200)
    s = 1 / (1 + np.exp(-z))
    flat = s * (1 - s)
    values = {1: s, 2: flat, 3: flat * (1 - 2 * s), 4: flat * (1 - 6 * flat)}[k]
    return float(weights @ values**2 / weights.sum())


def size(k: int, m: float) -> float:
    """Return the mean square of f^(k) for rows w ~ N(0, I/(d √m)): E v^{2k} = (2k - 1)!! m^(-k/2)."""
    odd = math.prod(range(1, 2 * k, 2))
    return float(second_moment(k) * odd / math.factorial(k) ** 2 * m ** (-k / 2))


def cells(settings: Settings) -> list[Cell]:
    """Return one cell: slopes need all widths."""
    return [settings]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Draw networks with output weights ±1/√m, movements of size m^(-1/4), rows on the sphere of radius √d."""
    rng = np.random.default_rng(seed)
    d, widths = cell["d"], cell["widths"]
    X = sphere(rng, cell["rows"], d)
    rows = []
    for m in widths:
        W0 = rng.standard_normal((m, d)) / np.sqrt(d)
        a = np.where(rng.uniform(size=(m, 1)) < 0.5, -1.0, 1.0) / np.sqrt(m)
        W = rng.standard_normal((m, d)) / np.sqrt(d) * m**-0.25
        net, none = Expansion(W0, a, ACTIVATION, ORDERS), np.zeros(m)
        start = TwoLayer(W0, none, a, ACTIVATION).outputs(X)
        rest = TwoLayer(W0 + W, none, a, ACTIVATION).outputs(X) - start
        for k, values in zip(ORDERS, net.terms(X, W), strict=True):
            rest = rest - values
            rows += [value(term(k), m, mean_square(values)), value(left(k), m, mean_square(rest))]
        # Movements along one direction with the signs of the outputs: the linear term adds up.
        one = np.sign(a) * (np.ones(d) / np.sqrt(d)) * m**-0.25
        linear, quadratic = net.terms(X, one)[:2]
        rows.append(value(ALIGNED, m, mean_square(linear)))
        rows.append(value(NOISE, m, spread(X, W0, a, one, quadratic)))
    for k in ORDERS:
        sizes = [row["value"] for row in rows if row["series"] == left(k)]
        rows.append(value(slope(k), 0.0, np.polyfit(np.log(widths), np.log(sizes) / 2, 1)[0]))
    return rows


def spread(X: Array, W0: Array, a: Array, moved: Array, quadratic: Array) -> float:
    """Return the mean square of what is left beside the quadratic term, over all signs of the rows of a movement.

    Signs change the odd part of a neuron's answer alone, so that the squares of odd parts add up.
    """
    z, v = X @ W0.T, X @ moved.T
    up, down, before = (np.logaddexp(0.0, part) for part in (z + v, z - v, z))
    odd, even = a[:, 0] * (up - down) / 2, a[:, 0] * ((up + down) / 2 - before)
    return float(np.mean((odd**2).sum(axis=1))) + mean_square(even.sum(axis=1) - quadratic[:, 0])


def theory(settings: Settings) -> Theory:
    """Return mean squares from Gaussian means, and powers of m."""
    orders = {NOISE: 1} | {term(k): k for k in ORDERS}
    powers = {slope(k): -(k + 1) / 4 for k in ORDERS}
    mean = float(hermite_coefficients(ACTIVATION, 0, derivative=1)[0])

    def predicted(row: Row) -> float | None:
        series, m = row["series"], row["x"]
        if series in orders:
            return size(orders[series], m)
        return mean**2 * m**0.5 if series == ALIGNED else powers.get(series)

    return predicted


def as_in_kernels(row: Row) -> float:
    """Return the mean square of the quadratic term for movements of the kernel regime."""
    return size(2, row["x"]) / float(row["x"])


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge the sizes of terms, and of what is left after each."""
    falls = [f"what is left after order {k} falls like m^-{(k + 1) / 4:g}" for k in ORDERS]
    return [
        equal("a term of order k has the mean square of a Gaussian mean, m^(-k/2)", *map(term, ORDERS), share=0.05),
        equal("movements with the outputs' signs make the linear term grow like m^(1/4)", ALIGNED, share=0.05),
        equal("random signs leave the quadratic term and noise of the size of a linear term", NOISE, share=0.05),
        *(equal(text, slope(k), share=0.04) for text, k in zip(falls, ORDERS, strict=True)),
    ]


def controls(settings: Settings) -> list[Control]:
    """See a quadratic term as in the kernel regime fail."""
    return [wrong("the quadratic term is not negligible as for movements of m^(-1/2)", term(2), as_in_kernels)]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show terms, and what is left after them."""
    axes = {"xlabel": "neurons m", "xscale": "log", "yscale": "log"}
    return [
        panel(of(rows, *map(term, ORDERS), ALIGNED, NOISE), ylabel="mean square over rows", **axes),
        panel(of(rows, *map(left, ORDERS)), ylabel="mean square left after the terms", **axes),
    ]


SPEC = Spec(
    name="taylor-orders",
    about=__doc__,
    source="Bai & Lee 2020; its expansion in the movement of the first layer",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=theory,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
