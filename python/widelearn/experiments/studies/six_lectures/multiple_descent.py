"""Kernel regression without ridge peaks at n = d and again at n = d²/2; the best ridge has no peak."""

from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

from widelearn.experiments.studies.ensembles import Array, kernel_fit, mean_square, noisy, polynomial, sphere
from widelearn.experiments.studies.judging import Control, Judged, Verdict, exchanged
from widelearn.experiments.studies.rows import Row, Rows, Theory, line, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import equal, shape, wrong
from widelearn.theory import Spectrum, critical_samples, kernel_spectrum, optimal_ridge, risk, staircase

SETTINGS: dict[str, Any] = {
    "d": 30,
    "noise": 0.2,
    "second": 0.1,
    "third": 0.001,
    "few": (8, 14, 20, 25, 31, 38, 50, 80),
    "many": (160, 250, 320, 400, 495, 600, 750, 1000),
    "test": 500,
    "draws": 200,
    "few_draws": 2000,
}
QUICK = {
    "d": 24,
    "few": (8, 18, 25, 34, 60),
    "many": (160, 260, 324, 390, 640),
    "test": 300,
    "draws": 80,
    "few_draws": 500,
}
RIDGELESS, BEST = "without ridge", "best ridge"


def kernel(t: Array, second: float, third: float) -> Array:
    """Return h(t) of t = x.x'/d: every degree outweighs those above it."""
    return np.asarray(t * (1 + t * (second + third * t)))


@cache
def spectrum_of(d: int, second: float, third: float) -> Spectrum:
    """Return the kernel's spectrum on the sphere."""
    return kernel_spectrum(lambda t: kernel(t, second, third), d, 3)


def spectrum_in(settings: Settings) -> Spectrum:
    """Return the spectrum of a study's kernel."""
    return spectrum_of(settings["d"], settings["second"], settings["third"])


@cache
def best_ridge(d: int, second: float, third: float, n: float, noise: float) -> float:
    """Return the ridge of the least predicted risk."""
    return optimal_ridge(spectrum_of(d, second, third), [0, 0.5, 0.5, 0], n, noise)


def cells(settings: Settings) -> list[Cell]:
    """Return cells of few and of many samples."""
    counts = {"few": settings["few_draws"], "many": settings["draws"]}
    return [{**settings, "samples": settings[part], "draws": draws} for part, draws in counts.items()]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Fit targets of degree 1 and 2 on growing parts of the same samples."""
    rng = np.random.default_rng(seed)
    d, noise, shape_of = cell["d"], cell["noise"], (cell["second"], cell["third"])
    X, test, f = sphere(rng, max(cell["samples"]), d), sphere(rng, cell["test"], d), polynomial(rng, d, 0.5, 0.5)
    y, truth = noisy(rng, f(X), noise), f(test)
    K, cross = (kernel(Z @ X.T / d, *shape_of) for Z in (X, test))
    rows = []
    for n in cell["samples"]:
        for series, ridge in ((RIDGELESS, 0.0), (BEST, best_ridge(d, *shape_of, n, noise))):
            fit = cross[:, :n] @ kernel_fit(K[:n, :n], y[:n], ridge)
            rows.append(value(series, n, mean_square(fit - truth)))
    return rows


def theory(settings: Settings) -> Theory:
    """Return the risk by the kernel's spectrum."""
    d, shape_of, noise = settings["d"], (settings["second"], settings["third"]), settings["noise"]

    def predicted(row: Row) -> float:
        ridge = best_ridge(d, *shape_of, row["x"], noise) if row["series"] == BEST else 0.0
        return float(risk(spectrum_in(settings), [0, 0.5, 0.5, 0], row["x"], ridge, noise).excess)

    return predicted


def peaks(rows: Rows) -> Judged:
    """Find whether there are two peaks, each higher than its neighbours by 3 standard errors."""
    found = [one["simulation"] for one in rows]
    tops = [rows[i]["x"] for i in range(1, len(rows) - 1) if all(found[i] - found[j] > 0 for j in (i - 1, i + 1))]
    return len(tops) == 2, f"peaks at n = {', '.join(f'{top:g}' for top in tops) or 'none'}"


def falls(rows: Rows) -> Judged:
    """Find whether more samples never hurt."""
    found = [one["simulation"] for one in rows]
    worst = max(two / one for one, two in pairwise(found))
    return worst < 1.02, f"from {found[0]:.3f} to {found[-1]:.3f}, largest rise {max(worst - 1, 0):.1%}"


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge equality, the peaks, and that the best ridge removes them."""
    places = " and ".join(f"{n:g}" for n in critical_samples(spectrum_in(settings))[1:3])
    swapped = exchanged(RIDGELESS, BEST)
    return [
        equal("theory is the simulated risk, without ridge and with the best one", RIDGELESS, BEST, share=0.05),
        shape(
            f"without ridge the risk peaks twice, where degrees 1 and 2 are filled: {places}",
            RIDGELESS,
            peaks,
            swapped,
            BEST,
        ),
        shape("with the best ridge at each n more samples never hurt", BEST, falls, swapped, RIDGELESS),
    ]


def controls(settings: Settings) -> list[Control]:
    """See that the plateaus of the limit d -> ∞ are not the curve."""
    d = settings["d"]

    def plateau(row: Row) -> float:
        return float(staircase([0, 0.5, 0.5, 0], row["x"], d))

    many = settings["many"]
    peak = many[len(many) // 2]
    return [wrong("the plateaus of infinite dimension are not the curve at its second peak", RIDGELESS, plateau, peak)]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show the risk against n, and where degrees are filled."""
    sizes = [*settings["few"], *settings["many"]]
    grid = np.geomspace(min(sizes), max(sizes), 121)
    curves = [one for series in (RIDGELESS, BEST) for one in line(series, grid, theory(settings))]
    axes = {"xlabel": "samples n", "ylabel": "excess risk", "xscale": "log", "yscale": "log"}
    return [panel([*of(rows, RIDGELESS, BEST), *curves], **axes)]


SPEC = Spec(
    name="multiple-descent",
    about=__doc__,
    source="Xiao et al. 2022; Six Lectures, chapter 3",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=theory,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
