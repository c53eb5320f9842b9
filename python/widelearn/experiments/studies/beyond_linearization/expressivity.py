"""Explicit movements express powers of projections with errors like m^(-1/2), and of a size that fits do not exceed."""

from functools import cache

import numpy as np

from widelearn import TaylorRegressor
from widelearn.datasets import hypercube
from widelearn.diagnostics import PolynomialTarget, explicit_solution, movement_norm
from widelearn.experiments.studies.ensembles import new_seed, sphere
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, Theory, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import apart, equal, less
from widelearn.nets import Expansion

SETTINGS = {
    "d": 10,
    "rows": 20,
    "widths": (64, 512, 4096),
    "nets": 80,
    "fits": 10,
    "samples": 1200,
    "columns": 20,
    "width": 256,
    "draws": 40,
}
QUICK = {"widths": (64, 4096), "nets": 36, "fits": 5, "samples": 600, "columns": 12, "width": 128, "draws": 16}
# Activation and power; relu3 has σ'' = relu, softplus an even σ'', cubic an odd one.
PAIRS = (("softplus", 2), ("relu3", 2), ("relu3", 3), ("relu3", 4), ("cubic", 3))
FITTED, EXPLICIT, ZERO = "size of a fit", "size of the explicit movement", "size of a fit to permuted targets"


def error_of(activation: str, p: int) -> str:
    """Name the series of errors."""
    return f"error, {activation}, power {p}"


def slope_of(activation: str, p: int) -> str:
    """Name the series of the power of m by which errors fall."""
    return f"slope, {activation}, power {p}"


def size_of(activation: str, p: int) -> str:
    """Name the series of ‖W*‖⁴, over d^(p - 2)."""
    return f"size, {activation}, power {p}"


def cells(settings: Settings) -> list[Cell]:
    """Return a cell for each activation and power, and one for fits."""
    powers = [{**settings, "activation": name, "p": p} for name, p in PAIRS]
    return [*powers, {**settings, "activation": "softplus", "p": None, "draws": settings["fits"]}]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Write down movements for a power of a random projection; or for a product of two columns, and fit it."""
    rng = np.random.default_rng(seed)
    if cell["p"] is None:
        return sizes(cell, rng)
    activation, p = cell["activation"], cell["p"]
    rows, errors = [], []
    for m in cell["widths"]:
        found = [expressed(cell, m, rng) for _ in range(cell["nets"])]
        squares, norms = np.mean(found, axis=0)
        errors.append(squares**0.5)
        rows.append(value(error_of(activation, p), m, errors[-1]))
    rows.append(value(size_of(activation, p), 0.0, norms / cell["d"] ** (p - 2)))
    rows.append(value(slope_of(activation, p), 0.0, np.polyfit(np.log(cell["widths"]), np.log(errors), 1)[0]))
    return rows


def expressed(cell: Cell, m: int, rng: np.random.Generator) -> tuple[float, float]:
    """Return the relative squared error of one net's explicit movement, and ‖W*‖⁴."""
    d = cell["d"]
    X = sphere(rng, cell["rows"], d)
    target = PolynomialTarget([1.0], sphere(rng, 1, d, 1.0), [cell["p"]])
    W0 = np.tile(rng.standard_normal((m // 2, d)) / np.sqrt(d), (2, 1))
    a = np.repeat([[1.0], [-1.0]], m // 2, axis=0) / np.sqrt(m)
    net, wanted = Expansion(W0, a, cell["activation"], (2,)), target(X)
    found = explicit_solution(net, target)
    left = net.outputs(X, found.W)[:, 0] - wanted
    return float(left @ left / (wanted @ wanted)), found.norm**4


def sizes(cell: Cell, rng: np.random.Generator) -> list[Row]:
    """Return ‖W‖_{2,4} of a fit to a product of two columns, and of the explicit movement of the same net."""
    n, d = cell["samples"], cell["columns"]
    X = hypercube(n, d, random_state=new_seed(rng))
    y = X[:, 0] * X[:, 1]
    options = {"linear_term": False, "width": cell["width"], "random_state": new_seed(rng)}
    model = TaylorRegressor(**options).fit(X, y)
    permuted = TaylorRegressor(**options).fit(X, rng.permutation(y))
    axes = np.zeros((2, d))
    axes[:, :2] = np.array([[1.0, 1.0], [1.0, -1.0]]) / np.sqrt(2)
    a = (model.a_ / model.activation_scale_)[:, None]
    net = Expansion(model.W0_, a, "softplus", (2,))
    explicit = explicit_solution(net, PolynomialTarget([0.5, -0.5], axes, [2, 2]))
    found = {FITTED: movement_norm(model), EXPLICIT: explicit.norm, ZERO: movement_norm(permuted)}
    return [value(name, d, norm) for name, norm in found.items()]


@cache
def coefficient(activation: str, degree: int) -> float:
    """Return E σ''(z) h(z), h the orthonormal Hermite polynomial of a degree, by a sum over a fine grid."""
    z = np.linspace(-12, 12, 240_001)
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) * (z[1] - z[0])
    s = 1 / (1 + np.exp(-z))
    bend = {"softplus": s * (1 - s), "relu3": np.maximum(z, 0), "cubic": z}[activation]
    h = {0: np.ones_like(z), 1: z, 2: (z**2 - 1) / np.sqrt(2)}[degree]
    return float(density @ (bend * h))


def theory(settings: Settings) -> Theory:
    """Return ‖W*‖⁴ = 8/c², c the Hermite coefficient of σ'' of degree p - 2, and the power -1/2 of errors."""
    predicted = {size_of(name, p): 8 / coefficient(name, p - 2) ** 2 for name, p in PAIRS}
    predicted |= {slope_of(name, p): -0.5 for name, p in PAIRS}
    return lambda row: predicted.get(row["series"])


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge errors and sizes."""
    slopes, whole = ([name(*pair) for pair in PAIRS] for name in (slope_of, size_of))
    return [
        equal("errors of the explicit movement fall like m^(-1/2) for every power", *slopes, share=0.04),
        equal("its size ‖W*‖⁴ is 8/c² for the coefficient of σ'' that the power takes", *whole, share=0.05),
        less("a fit to a product of two columns is smaller than the explicit movement", FITTED, EXPLICIT),
    ]


def controls(settings: Settings) -> list[Control]:
    """See that another target has another size."""
    return [apart("permuted targets are fitted at another size", FITTED, ZERO)]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show errors against width."""
    axes = {"xlabel": "neurons m", "ylabel": "relative error of the explicit movement"}
    return [panel(of(rows, *(error_of(*pair) for pair in PAIRS)), xscale="log", yscale="log", **axes)]


SPEC = Spec(
    name="expressivity",
    about=__doc__,
    source="Bai & Lee 2020, section 5",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=theory,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
