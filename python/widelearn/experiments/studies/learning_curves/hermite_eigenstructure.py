"""Which polynomials a kernel learns by how many rows follows from the covariance of Gaussian rows alone."""

from functools import cache

import numpy as np

from widelearn.experiments.studies.ensembles import Array
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, Theory, line, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import equal, more, wrong
from widelearn.kernels import RBF
from widelearn.theory import hermite_spectrum, learnability, risk
from widelearn.theory.hermite_modes import HermiteSpectrum

# Variances fall as i^-decay, and add up to d; the kernel's width is gamma = width / d.
SETTINGS = {
    "d": 40,
    "decay": 0.2,
    "width": 0.125,
    "ridge": 1e-3,
    "noise": 0.1,
    "modes": 4000,
    "test": 1500,
    "samples": (40, 80, 160, 320, 640, 1280),
    "draws": 24,
}
QUICK = {"samples": (50, 150, 450), "test": 800, "modes": 1500, "draws": 12}
LINEAR, QUADRATIC = "linear part", "quadratic part"
WIDE, NARROW = "square of the widest direction", "product of the two narrowest"
ERROR, LENGTHS = "test error", "linear part, rows of random length"
DEGREES = {LINEAR: 1, QUADRATIC: 2}
# Least predicted share of the quadratic part, and fewest rows for each direction, at which they are judged.
LEARNED, ROWS = 0.2, 3


def variances(settings: Settings) -> Array:
    """Return the rows' variances, which add up to their number."""
    found = np.arange(1.0, settings["d"] + 1) ** -settings["decay"]
    return np.asarray(found * (len(found) / found.sum()))


def kernel(settings: Settings) -> RBF:
    """Return the kernel, wide beside the rows."""
    return RBF(gamma=settings["width"] / settings["d"])


def spectrum(settings: Settings) -> HermiteSpectrum:
    """Return the largest modes by the ansatz."""
    return _spectrum(*(settings[name] for name in ("d", "decay", "width", "modes")))


@cache
def _spectrum(d: int, decay: float, width: float, modes: int) -> HermiteSpectrum:
    settings = {"d": d, "decay": decay, "width": width}
    return hermite_spectrum(kernel(settings), variances(settings), modes)


def parts(settings: Settings) -> dict[str, list[int]]:
    """Return which modes each series is about: all of a degree that are listed, or one."""
    found, last = spectrum(settings), settings["d"] - 1
    own = {name: [k for k, mode in enumerate(found.modes) if len(mode) == degree] for name, degree in DEGREES.items()}
    single = {WIDE: (0, 0), NARROW: (last - 1, last)}
    return own | {name: [found.modes.index(mode)] for name, mode in single.items()}


def target(settings: Settings) -> Array:
    """Return squared coefficients of a target: its variance is one, half of it linear, half quadratic."""
    found = np.zeros(len(spectrum(settings)))
    for name in DEGREES:
        own = parts(settings)[name]
        found[own] = 0.5 / len(own)
    return found


def cells(settings: Settings) -> list[Cell]:
    """Return a cell for each number of rows."""
    return [{**settings, "n": n} for n in settings["samples"]]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Fit every listed mode of a part as a target of its own, then a target of them all with noise."""
    rng = np.random.default_rng(seed)
    n, d, found = cell["n"], cell["d"], spectrum(cell)
    Z, z = rng.standard_normal((n, d)), rng.standard_normal((cell["test"], d))
    own = parts(cell)
    used = sorted({k for some in own.values() for k in some})
    place = {k: index for index, k in enumerate(used)}
    modes = HermiteSpectrum(found.eigenvalues[used], [found.modes[k] for k in used], 0.0)
    F, f = modes.features(Z), modes.features(z)
    signs = np.sqrt(target(cell)[used]) * rng.choice([-1.0, 1.0], len(used))
    y = F @ signs + np.sqrt(cell["noise"]) * rng.standard_normal(n)
    fits = fitted(cell, Z, z, np.c_[F, y])
    rows = []
    for name, some in own.items():
        at = [place[k] for k in some]
        rows.append(value(name, n, np.sum(fits[:, at] * f[:, at]) / np.sum(f[:, at] ** 2)))
    rows.append(value(ERROR, n, np.mean((fits[:, -1] - f @ signs) ** 2) + cell["noise"]))
    # Lengths whose squares have mean one leave the covariance as it is.
    long, longer = (np.sqrt(rng.choice([0.1, 1.9], (count, 1))) for count in (n, cell["test"]))
    at = [place[k] for k in own[LINEAR]]
    fits, f = fitted(cell, long * Z, longer * z, long * F[:, at]), longer * f[:, at]
    rows.append(value(LENGTHS, n, np.sum(fits * f) / np.sum(f**2)))
    return rows


def fitted(cell: Cell, Z: Array, z: Array, targets: Array) -> Array:
    """Return the values of kernel ridge regression at new rows, for rows by their whitened components."""
    scale = np.sqrt(variances(cell))
    k = kernel(cell)
    dual = np.linalg.solve(k(Z * scale) + cell["ridge"] * np.eye(len(Z)), targets)
    return np.asarray(k(z * scale, Z * scale) @ dual)


def theory(settings: Settings) -> Theory:
    """Return learned shares by the state equation, and the test error."""
    found, own, squares = spectrum(settings), parts(settings), target(settings)

    @cache
    def predicted_at(series: str, n: float) -> float:
        if series == ERROR:
            return float(risk(found, squares, n, settings["ridge"], settings["noise"]).test)
        shares = learnability(found, n, settings["ridge"])
        return float(shares[own[LINEAR if series == LENGTHS else series]].mean())

    return lambda row: predicted_at(row["series"], row["x"])


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge shares, the test error, and the order of learning."""
    predicted = theory(settings)

    def learned(n: float) -> bool:
        return (predicted({"series": QUADRATIC, "x": n}) or 0.0) > LEARNED

    def many(n: float) -> bool:
        return n >= ROWS * settings["d"]

    most = max(settings["samples"])
    return [
        equal("the learned share of the linear part is the ansatz's, within 5 %", LINEAR, share=0.05),
        equal("that of the quadratic part, from a fifth on, within 8 %", QUADRATIC, share=0.08, at=learned),
        equal(
            "the test error of both with noise is the ansatz's, within 5 %, from three rows a direction on",
            ERROR,
            share=0.05,
            at=many,
        ),
        more("squares of wide directions are learned before products of narrow ones", WIDE, NARROW, at=most),
    ]


def controls(settings: Settings) -> list[Control]:
    """See rows of random length, whose covariance is the same, defeat the ansatz."""
    most = max(settings["samples"])
    return [wrong("rows of random length with the same covariance defeat it", LENGTHS, theory(settings), at=most)]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show learned shares and the test error against rows."""
    grid = np.geomspace(min(settings["samples"]), max(settings["samples"]), 41)
    predicted = theory(settings)
    names = (LINEAR, QUADRATIC, WIDE, NARROW)
    lines = [one for name in names for one in line(name, grid, predicted)]
    # The ansatz says of rows of random length what it says of the linear part.
    alone = [one | {"theory": None} for one in of(rows, LENGTHS)]
    axes = {"xlabel": "training rows", "xscale": "log"}
    return [
        panel([*of(rows, *names), *alone, *lines], ylabel="share that is learned", **axes),
        panel([*of(rows, ERROR), *line(ERROR, grid, predicted)], ylabel=ERROR, yscale="log", **axes),
    ]


SPEC = Spec(
    name="hermite-eigenstructure",
    about=__doc__,
    source="Karkada et al. 2026",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=theory,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
