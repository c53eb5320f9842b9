"""With features that are noisy views of few hidden variables, more features help even without ridge."""

from functools import cache, partial
from itertools import pairwise

import numpy as np

from widelearn.experiments.studies.ensembles import noisy, ridge_fit
from widelearn.experiments.studies.judging import Control, Judged, Verdict, instead
from widelearn.experiments.studies.rows import Row, Rows, Theory, line, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import equal, shape, wrong
from widelearn.theory import Spectrum, isotropic_ridge, latent_space, optimal_ridge

SETTINGS = {
    "n": 200,
    "hidden": 20,
    "mu": 1.0,
    "noise": 0.1,
    "gammas": (0.2, 0.5, 0.75, 1.5, 2.0, 4.0, 8.0, 16.0),
    "draws": 240,
}
QUICK = {"draws": 160, "gammas": (0.2, 0.5, 0.75, 1.5, 2.0, 4.0, 12.0)}
RIDGELESS, BEST = "ridgeless", "best ridge"
ISOTROPIC = "isotropic theory"


@cache
def ridge_of(series: str, n: int, d: int, mu: float, noise: float, p: float) -> float:
    """Return Λ; the best one minimises the predicted risk of the two blocks."""
    if series != BEST:
        return 0.0
    a = 1 + p * mu / d
    return optimal_ridge(Spectrum([a, 1.0], [d, p - d]), [(a - 1) / a, 0.0], n, noise + 1 / a)


def cells(settings: Settings) -> list[Cell]:
    """Return one cell: every number of features is fitted on the same samples."""
    return [settings]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Fit with every number of features on nested views of the same hidden variables; the risk is exact."""
    rng = np.random.default_rng(seed)
    n, d, mu, noise = (cell[key] for key in ("n", "hidden", "mu", "noise"))
    sizes = [round(g * n) for g in cell["gammas"]]
    z, u = rng.standard_normal((n, d)), rng.standard_normal((n, max(sizes)))
    theta = rng.standard_normal(d)
    theta /= np.linalg.norm(theta)
    y = noisy(rng, z @ theta, noise)
    rows = []
    for p in sizes:
        W = np.linalg.qr(rng.standard_normal((p, d)))[0] * np.sqrt(p * mu / d)
        X = z @ W.T + u[:, :p]
        for series in (RIDGELESS, BEST):
            w = ridge_fit(X, y, ridge_of(series, n, d, mu, noise, p))
            rows.append(value(series, p / n, w @ w + np.sum((W.T @ w - theta) ** 2)))
    return rows


def theory(settings: Settings) -> Theory:
    """Return the excess risk over the best predictor from z, as the simulation measures it."""
    n, d, mu, noise = (settings[key] for key in ("n", "hidden", "mu", "noise"))

    def predicted(row: Row) -> float:
        p = row["x"] * n
        found = latent_space(n, p, d, mu, ridge_of(row["series"], n, d, mu, noise, p), 1.0, noise)
        return float(found.test) - float(noise)

    return predicted


def isotropic(settings: Settings) -> Theory:
    """Return what is predicted if the features have nothing in common."""
    n, noise = settings["n"], settings["noise"]
    return lambda row: float(isotropic_ridge(n, row["x"] * n, 0.0, 1.0, noise).excess)


def best_beyond(rows: Rows) -> Judged:
    """Find whether the least risk is beyond p = n."""
    least = min(rows, key=lambda one: float(one["simulation"]))["x"]
    return least > 1, f"at p/n = {least:g}"


def falls_beyond(rows: Rows) -> Judged:
    """Find whether the risk falls past p = n."""
    beyond = [one["simulation"] for one in rows if one["x"] > 1]
    return all(one > two for one, two in pairwise(beyond)), f"{beyond[0]:.3f} to {beyond[-1]:.3f}"


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge equality; the best number of features is the largest."""
    judged = partial(shape, series=RIDGELESS, spoil=instead(RIDGELESS, isotropic(settings)), spoilt=ISOTROPIC)
    return [
        equal("theory is the simulated risk", RIDGELESS, BEST, share=0.05),
        judged("without ridge the least risk is far beyond p = n", check=best_beyond),
        judged("past p = n the ridgeless risk falls as features are added", check=falls_beyond),
    ]


def controls(settings: Settings) -> list[Control]:
    """See isotropic theory miss what the features share."""
    return [wrong("isotropic theory misses what the features share", RIDGELESS, isotropic(settings), lambda x: x > 3)]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show risk against p/n."""
    grid = np.geomspace(min(settings["gammas"]), max(settings["gammas"]), 41)
    curves = [one for series in (RIDGELESS, BEST) for one in line(series, grid, theory(settings))]
    axes = {"xlabel": "features / samples, p/n", "ylabel": "excess risk", "xscale": "log", "yscale": "log"}
    return [panel([*rows, *curves], **axes, ylim=(0.02, 20.0))]


SPEC = Spec(
    name="latent-space",
    about=__doc__,
    source="Hastie et al. 2022; Six Lectures, section 2.3",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=theory,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
