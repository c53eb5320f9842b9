"""Wide networks are lazy: moves fall like N^(-1/2), and so do gaps, or like 1/N where output signs are random."""

from functools import partial

import numpy as np

from widelearn.diagnostics import laziness_sweep, scaled_descent
from widelearn.experiments.studies.ensembles import Array
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, Theory, line, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import equal, wrong
from widelearn.nets import TwoLayer

SETTINGS = {
    "n": 16,
    "d": 16,
    "widths": (128, 256, 512, 1024, 2048, 4096),
    "steps": 400,
    "activation": "softplus",
    "draws": 200,
    "equal_draws": 60,
}
QUICK = {"n": 8, "d": 12, "widths": (64, 256, 1024), "steps": 25, "draws": 150, "equal_draws": 24}
RANDOM, EQUAL = "random signs", "equal signs"
MOVED, DRIFT, TURN, GAP = (
    "parameters ‖θ - θ₀‖/‖θ₀‖",
    "Jacobian ‖J - J₀‖/‖J₀‖",
    "kernel, 1 - alignment",
    "predictions, gap to the linearised",
)
# With outputs N^(-1/2) Σ ± σ parameters and Jacobian change by N^(-1/2). The kernel's first-order change is a mean over
# neurons of what has the sign of a_r: random signs leave N^(-1/2) of it, and its turn is the square.
EXPONENTS = {
    RANDOM: {MOVED: -0.5, DRIFT: -0.5, TURN: -2.0, GAP: -1.0},
    EQUAL: {MOVED: -0.5, DRIFT: -0.5, TURN: -1.0, GAP: -0.5},
}
SERIES = {f"{measure}, {signs}": exponent for signs, found in EXPONENTS.items() for measure, exponent in found.items()}


def slope_of(series: str) -> str:
    """Name the series of a slope."""
    return f"slope, {series}"


def cells(settings: Settings) -> list[Cell]:
    """Return a cell for each kind of signs: a slope needs all widths."""
    draws = {RANDOM: settings["draws"], EQUAL: settings["equal_draws"]}
    return [{**settings, "signs": signs, "draws": count} for signs, count in draws.items()]


def start_net(cell: Cell, weights: Array, signs: Array) -> TwoLayer:
    """Return a net with outputs N^(-1/2) Σ ± σ."""
    return TwoLayer(weights, np.zeros(len(weights)), signs / np.sqrt(len(weights)), cell["activation"])


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Train first layers of every width on the same rows, narrower ones being parts of wider ones."""
    rng = np.random.default_rng(seed)
    n, d, widths = cell["n"], cell["d"], cell["widths"]
    X, y = rng.standard_normal((n, d)) / np.sqrt(d), rng.standard_normal(n)
    weights = rng.standard_normal((max(widths), d))
    signs = rng.choice([-1.0, 1.0], (max(widths), 1)) if cell["signs"] == RANDOM else np.ones((max(widths), 1))
    paths = (
        (N, scaled_descent(start_net(cell, weights[:N], signs[:N]), X, y, steps=cell["steps"], moments=3, trained="W"))
        for N in widths
    )
    sweep = laziness_sweep(paths, X, y=y, lipschitz=1.0)
    largest = {MOVED: sweep.moved, DRIFT: sweep.drift, TURN: sweep.misalignment, GAP: sweep.gap}
    found = {f"{measure}, {cell['signs']}": values.tolist() for measure, values in largest.items()}
    rows = [value(series, N, one) for series, ones in found.items() for N, one in zip(widths, ones, strict=True)]
    slopes = {series: np.polyfit(np.log(widths), np.log(ones), 1)[0] for series, ones in found.items()}
    return [*rows, *(value(slope_of(series), 0.0, slope) for series, slope in slopes.items())]


def theory(settings: Settings) -> Theory:
    """Return the slopes."""
    slopes = {slope_of(series): exponent for series, exponent in SERIES.items()}
    return lambda row: slopes.get(row["series"])


def power(factor: float, exponent: float, row: Row) -> float:
    """Return a power of x."""
    return float(factor * row["x"] ** exponent)


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge the slopes."""
    return [
        equal(f"{series}: falls like N^{exponent:g}", slope_of(series), share=0.05)
        for series, exponent in SERIES.items()
    ]


def controls(settings: Settings) -> list[Control]:
    """See that random signs leave the rate of the bound."""
    gap = slope_of(f"{GAP}, {RANDOM}")
    return [wrong("with random signs the gap does not fall like N^(-1/2), as the bound does", gap, lambda row: -0.5)]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show every measure against the width, for both kinds of signs."""
    drawn = []
    for signs, exponents in EXPONENTS.items():
        shown = of(rows, *(f"{measure}, {signs}" for measure in exponents))
        for measure in (TURN, GAP):
            last, exponent = of(rows, f"{measure}, {signs}")[-1], exponents[measure]
            through = last["simulation"] * last["x"] ** -exponent
            shown += line(f"N^{exponent:g}", settings["widths"], partial(power, through, exponent))
        labels = {"xlabel": "width N", "ylabel": "largest along training", "xscale": "log", "yscale": "log"}
        drawn.append(panel(shown, title=signs, **labels))
    return drawn


SPEC = Spec(
    name="laziness-width",
    about=__doc__,
    source="Bartlett, Montanari & Rakhlin 2021; Six Lectures, chapter 1",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=theory,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
