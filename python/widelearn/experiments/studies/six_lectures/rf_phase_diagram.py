"""Random features learn what the smaller of samples and neurons allows; N = n costs extra."""

from functools import cache
from typing import Any

import numpy as np

from widelearn.experiments.studies.ensembles import mean_square, noisy, polynomial, ridge_fit, sphere
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, Theory, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import equal, less, wrong
from widelearn.theory import Spectrum, neuron_spectrum, phase_diagram, risk, sphere_multiplicity

# Points in units of B_2, the number of quadratics: samples, neurons.
SETTINGS = {
    "dimensions": (14, 20),
    "points": ((3.8, 1.2), (1.0, 3.0), (1.5, 1.5), (0.5, 0.5)),
    "few": 0.4,
    "many": 4.0,
    "draws": 150,
    "test": 1500,
    "grid": 100,
}
QUICK = {"dimensions": (14,), "draws": 150, "test": 800, "grid": 60}
POINTS, MAP, LARGE = "simulated", "theory", "d = 100"
FEW_NEURONS, FEW_SAMPLES, MANY = "few neurons", "few samples", "many of both"
TARGET = (0.0, 0.5, 0.5, 0.0, 0.0)
NOISE, RIDGE = 0.05, 0.5


def activation(t: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return relu with an even part, so that degree 2 is strong."""
    return np.maximum(t, 0) + 0.3 * (t * t - 1)


@cache
def spectrum_of(d: int) -> Spectrum:
    """Return the spectrum of a neuron."""
    return neuron_spectrum((activation,), d, 4)


def cells(settings: Settings) -> list[Cell]:
    """Return a cell for each dimension and point, and for three corners of the map at the smallest dimension."""
    few, many, least = settings["few"], settings["many"], min(settings["dimensions"])
    corners = {FEW_NEURONS: (many, few), FEW_SAMPLES: (few, many), MANY: (many, many)}
    points = [(POINTS, d, point) for d in settings["dimensions"] for point in settings["points"]]
    return [
        {"series": series, "d": d, "n": int(a * count), "N": int(b * count), "test": settings["test"]}
        for series, d, (a, b) in [*points, *((series, least, point) for series, point in corners.items())]
        for count in [sphere_multiplicity(d, 2)]
    ]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Fit at one size."""
    rng = np.random.default_rng(seed)
    d, n, N = cell["d"], cell["n"], cell["N"]
    W, X, test = sphere(rng, N, d), sphere(rng, n, d), sphere(rng, cell["test"], d)
    f = polynomial(rng, d, TARGET[1], TARGET[2])
    Z, Z_test = (activation(A @ W.T / np.sqrt(d)) / np.sqrt(N) for A in (X, test))
    fit = Z_test @ ridge_fit(Z, noisy(rng, f(X), NOISE), RIDGE)
    place = (
        {"x": float(np.log(n) / np.log(d)), "y": float(np.log(N) / np.log(d))} if cell["series"] == POINTS else {"x": d}
    )
    return [value(cell["series"], found=mean_square(fit - f(test)), d=d, n=n, N=N, **place)]


def theory(settings: Settings) -> Theory:
    """Return the risk at finite samples and neurons."""
    return lambda row: float(risk(spectrum_of(row["d"]), TARGET, row["n"], RIDGE, NOISE, row["N"]).excess)


def infinitely_wide(row: Row) -> float | None:
    """Return the risk with infinitely many neurons, where there are fewer than samples."""
    return float(risk(spectrum_of(row["d"]), TARGET, row["n"], RIDGE, NOISE, np.inf).excess)


def mapped(size: int, d: int, series: str, ridge: float) -> list[Row]:
    """Predict over a grid of log n / log d and log N / log d."""
    powers = np.linspace(0.4, 3.4, size)
    grid = phase_diagram(spectrum_of(d), TARGET, d**powers, d**powers, ridge, NOISE)
    blank = {"series": series, "simulation": None, "se": None, "draws": 0}
    places = [(i, j) for i in range(size) for j in range(size)]
    return [blank | {"x": float(powers[i]), "y": float(powers[j]), "theory": float(grid[i, j])} for i, j in places]


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge equality, and that the smaller of samples and neurons limits what is learned."""
    few, many = settings["few"], settings["many"]
    return [
        equal("the finite-size formula is the simulated risk", POINTS, FEW_NEURONS, FEW_SAMPLES, MANY, share=0.02),
        less(f"{many:g} B_2 of both learn far more than with {few:g} B_2 neurons", MANY, FEW_NEURONS, factor=2.0),
        less(f"or with {few:g} B_2 samples", MANY, FEW_SAMPLES, factor=2.0),
    ]


def controls(settings: Settings) -> list[Control]:
    """See that width matters."""
    text = "the theory of infinite width misses models with fewer neurons than samples"
    return [wrong(text, FEW_NEURONS, infinitely_wide)]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show the map of the simulated dimension with its points, and that of d = 100."""
    d, size = min(settings["dimensions"]), settings["grid"]
    points = [one for one in of(rows, POINTS) if one["d"] == d]
    axes = {"xlabel": "samples, log n / log d", "ylabel": "neurons, log N / log d", "heat": True}
    title = f"excess risk, d = {d}, Λ = {RIDGE:g}; discs are simulations"
    return [
        panel([*mapped(size, d, MAP, RIDGE), *points], title=title, **axes),
        panel(mapped(size, 100, LARGE, 1e-3), title="theory at d = 100, Λ = 0.001", **axes),
    ]


SPEC = Spec(
    name="rf-phase-diagram",
    about=__doc__,
    source="Mei, Misiakiewicz & Montanari 2022; Defilippis et al. 2024; Six Lectures, chapter 4",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=theory,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
