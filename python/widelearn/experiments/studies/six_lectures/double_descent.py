"""Test error peaks where features interpolate the samples; the best ridge removes the peak."""

import numpy as np

from widelearn.datasets import elliptical
from widelearn.experiments.studies.ensembles import draws, new_seed, noisy, ridge_fit
from widelearn.experiments.studies.rows import Row, Rows, Values, of, panel, row, without
from widelearn.experiments.studies.spec import Claim, Panels, Settings, Step, apart, within
from widelearn.theory import isotropic_ridge

SOURCE = "Hastie et al. 2022; Six Lectures, chapter 2"
SETTINGS = {"n": 200, "noise": 0.3, "gammas": (0.2, 0.4, 0.6, 0.8, 1.25, 1.5, 2.0, 3.0, 5.0, 8.0), "draws": 100}
QUICK = {"n": 100, "draws": 120, "gammas": (0.2, 0.5, 0.8, 1.25, 2.0, 4.0, 8.0)}
RIDGELESS, SMALL, BEST, CONTROL = "ridgeless", "Λ = 0.1 n", "best ridge", "elliptical features"


def ridge_of(series: str, n: int, p: float, noise: float) -> float:
    """Return Λ; the best one is p τ² for a target of norm 1."""
    return {RIDGELESS: 0.0, SMALL: 0.1 * n, BEST: p * noise}[series]


def simulate(settings: Settings, seed: int, step: Step) -> list[Row]:
    """Fit isotropic features of every number on the same samples; the population risk is exact."""
    n, noise, count = settings["n"], settings["noise"], settings["draws"]
    sizes = [round(g * n) for g in settings["gammas"]]
    found = Values()
    fooled = []
    for rng in draws(count, seed, step):
        X, errors = rng.standard_normal((n, max(sizes))), noisy(rng, np.zeros(n), noise)
        for p in sizes:
            theta = np.full(p, p**-0.5)
            y = X[:, :p] @ theta + errors
            for series in (RIDGELESS, SMALL, BEST):
                w = ridge_fit(X[:, :p], y, ridge_of(series, n, p, noise))
                found.add(series, p / n, np.sum((w - theta) ** 2))
        p = round(1.5 * n)
        Z, theta = elliptical(n, p, random_state=new_seed(rng)).X, np.full(p, p**-0.5)
        w = ridge_fit(Z, Z @ theta + errors, ridge_of(SMALL, n, p, noise))
        fooled.append(float(np.sum((w - theta) ** 2)))

    def theory(series: str, gamma: float) -> float:
        p = gamma * n
        return float(isotropic_ridge(n, p, ridge_of(series, n, p, noise), 1.0, noise).excess)

    curve = np.geomspace(min(settings["gammas"]), max(settings["gammas"]), 201)
    predicted = [row(series, gamma, theory(series, gamma)) for series in (RIDGELESS, SMALL, BEST) for gamma in curve]
    return [*found.rows(theory), *predicted, row(CONTROL, 1.5, theory(SMALL, 1.5), fooled)]


def claims(rows: Rows, settings: Settings) -> list[Claim]:
    """Judge equality, the peak and its cure; elliptical features defeat the theory."""
    ridgeless = {one["x"]: one["simulation"] for one in of(rows, RIDGELESS)}
    peak = max(ridgeless, key=lambda x: ridgeless[x])
    best = [one["simulation"] for one in sorted(of(rows, BEST), key=lambda one: one["x"])]
    return [
        within(of(rows, RIDGELESS, SMALL, BEST), "theory is the simulated risk, with and without ridge", 0.05),
        Claim("the ridgeless risk peaks next to p = n", 0.8 <= peak <= 1.25, f"largest at p/n = {peak:g}"),
        Claim("the best ridge has no peak", max(best) < 1.05, f"at most {max(best):.3f}, the null risk being 1"),
        apart(of(rows, CONTROL), "features of random length defeat the theory"),
    ]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show risk against p/n."""
    labels = {"xlabel": "features / samples", "ylabel": "excess risk"}
    return [panel(without(rows, CONTROL), **labels, xscale="log", yscale="log", ylim=(0.1, 20.0))]
