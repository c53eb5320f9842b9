"""Test error peaks where features interpolate the samples; the best ridge removes the peak."""

from itertools import pairwise

import numpy as np

from widelearn.datasets import elliptical
from widelearn.experiments.studies.ensembles import new_seed, noisy, ridge_fit
from widelearn.experiments.studies.judging import Control, Judged, Verdict, exchanged
from widelearn.experiments.studies.rows import Row, Rows, Theory, line, panel, value, without
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import equal, shape, wrong
from widelearn.theory import isotropic_ridge

SETTINGS = {"n": 200, "noise": 0.3, "gammas": (0.2, 0.4, 0.6, 0.8, 1.25, 1.5, 2.0, 3.0, 5.0, 8.0), "draws": 200}
QUICK = {"n": 120, "draws": 300, "gammas": (0.2, 0.5, 0.8, 1.25, 2.0, 4.0, 8.0)}
RIDGELESS, SMALL, BEST, LENGTHS = "ridgeless", "Λ = 0.1 n", "best ridge", "elliptical features"


def ridge_of(series: str, n: int, p: float, noise: float) -> float:
    """Return Λ; the best one is p τ² for a target of norm 1."""
    return {RIDGELESS: 0.0, BEST: p * noise}.get(series, 0.1 * n)


def cells(settings: Settings) -> list[Cell]:
    """Return one cell: every number of features is fitted on the same samples."""
    return [settings]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Fit isotropic features of every number, then features of random length; the population risk is exact."""
    rng = np.random.default_rng(seed)
    n, noise = cell["n"], cell["noise"]
    sizes = [round(g * n) for g in cell["gammas"]]
    X, errors = rng.standard_normal((n, max(sizes))), noisy(rng, np.zeros(n), noise)
    rows = []
    for p in sizes:
        theta = np.full(p, p**-0.5)
        y = X[:, :p] @ theta + errors
        for series in (RIDGELESS, SMALL, BEST):
            w = ridge_fit(X[:, :p], y, ridge_of(series, n, p, noise))
            rows.append(value(series, p / n, np.sum((w - theta) ** 2)))
    p = round(1.5 * n)
    Z, theta = elliptical(n, p, random_state=new_seed(rng)).X, np.full(p, p**-0.5)
    w = ridge_fit(Z, Z @ theta + errors, ridge_of(SMALL, n, p, noise))
    return [*rows, value(LENGTHS, 1.5, np.sum((w - theta) ** 2))]


def theory(settings: Settings) -> Theory:
    """Return the risk of isotropic features in the limit of many."""
    n, noise = settings["n"], settings["noise"]

    def predicted(row: Row) -> float:
        p = row["x"] * n
        return float(isotropic_ridge(n, p, ridge_of(row["series"], n, p, noise), 1.0, noise).excess)

    return predicted


def has_peak(rows: Rows) -> Judged:
    """Find whether the largest risk is next to p = n."""
    peak = max(rows, key=lambda one: float(one["simulation"]))["x"]
    return abs(np.log(peak)) < np.log(1.3), f"largest at p/n = {peak:g}"


def rises(rows: Rows) -> Judged:
    """Find whether the risk rises from place to place."""
    found = [one["simulation"] for one in rows]
    return all(
        one < two for one, two in pairwise(found)
    ), f"from {found[0]:.3f} to {found[-1]:.3f}, largest {max(found):.3f}"


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge equality, the peak and its cure."""
    return [
        equal("theory is the simulated risk, with and without ridge", RIDGELESS, SMALL, BEST, share=0.05),
        shape("the ridgeless risk peaks next to p = n", RIDGELESS, has_peak, exchanged(RIDGELESS, BEST), BEST),
        shape(
            "with the best ridge it rises with p at a fixed norm of the target, without a peak",
            BEST,
            rises,
            exchanged(RIDGELESS, BEST),
            RIDGELESS,
        ),
    ]


def controls(settings: Settings) -> list[Control]:
    """See elliptical features defeat the theory."""
    return [wrong("features of random length defeat the theory", LENGTHS, theory(settings))]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show risk against p/n."""
    grid = np.geomspace(min(settings["gammas"]), max(settings["gammas"]), 201)
    curves = [one for series in (RIDGELESS, SMALL, BEST) for one in line(series, grid, theory(settings))]
    axes = {"xlabel": "features / samples, p/n", "ylabel": "excess risk", "xscale": "log", "yscale": "log"}
    return [panel([*without(rows, LENGTHS), *curves], **axes, ylim=(0.1, 20.0))]


SPEC = Spec(
    name="double-descent",
    about=__doc__,
    source="Hastie et al. 2022; Six Lectures, chapter 2",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=theory,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
