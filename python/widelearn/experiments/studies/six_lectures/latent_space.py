"""With features that are noisy views of few hidden variables, more features help even without ridge."""

from itertools import pairwise

import numpy as np

from widelearn.experiments.studies.ensembles import draws, noisy, ridge_fit
from widelearn.experiments.studies.rows import Row, Rows, Values, of, panel, row, without
from widelearn.experiments.studies.spec import Claim, Panels, Settings, Step, apart, within
from widelearn.theory import Spectrum, isotropic_ridge, latent_space, optimal_ridge

SOURCE = "Hastie et al. 2022; Six Lectures, section 2.3"
SETTINGS = {"n": 200, "hidden": 20, "mu": 1.0, "noise": 0.1, "gammas": (0.2, 0.5, 0.75, 1.5, 2, 4, 8, 16), "draws": 60}
QUICK = {"n": 100, "hidden": 10, "draws": 80, "gammas": (0.2, 0.5, 0.75, 1.5, 2.0, 4.0, 12.0)}
RIDGELESS, BEST, CONTROL = "ridgeless", "best ridge", "isotropic theory"


def ridge_of(series: str, settings: Settings, p: float) -> float:
    """Return Λ; the best one minimises the predicted risk of the two blocks."""
    if series != BEST:
        return 0.0
    d, mu = settings["hidden"], settings["mu"]
    a = 1 + p * mu / d
    spectrum = Spectrum([a, 1.0], [d, p - d])
    return optimal_ridge(spectrum, [(a - 1) / a, 0.0], settings["n"], settings["noise"] + 1 / a)


def predicted(series: str, settings: Settings, p: float) -> float:
    """Return the excess risk over the best predictor from z, as the simulation measures it."""
    d, mu, noise = settings["hidden"], settings["mu"], settings["noise"]
    found = latent_space(settings["n"], p, d, mu, ridge_of(series, settings, p), 1.0, noise)
    return float(found.test) - noise


def simulate(settings: Settings, seed: int, step: Step) -> list[Row]:
    """Fit with every number of features on nested views of the same hidden variables; the risk is exact."""
    n, d, mu, noise = (settings[key] for key in ("n", "hidden", "mu", "noise"))
    sizes = [round(g * n) for g in settings["gammas"]]
    ridges = {(series, p): ridge_of(series, settings, p) for series in (RIDGELESS, BEST) for p in sizes}
    found = Values()
    for rng in draws(settings["draws"], seed, step):
        z, u = rng.standard_normal((n, d)), rng.standard_normal((n, max(sizes)))
        theta = rng.standard_normal(d)
        theta /= np.linalg.norm(theta)
        y = noisy(rng, z @ theta, noise)
        for p in sizes:
            W = np.linalg.qr(rng.standard_normal((p, d)))[0] * np.sqrt(p * mu / d)
            X = z @ W.T + u[:, :p]
            for series in (RIDGELESS, BEST):
                w = ridge_fit(X, y, ridges[series, p])
                found.add(series, p / n, w @ w + np.sum((W.T @ w - theta) ** 2))
    rows = found.rows(lambda series, gamma: predicted(series, settings, gamma * n))
    for g in np.geomspace(min(settings["gammas"]), max(settings["gammas"]), 41):
        rows += [row(series, g, predicted(series, settings, g * n)) for series in (RIDGELESS, BEST)]
    last = max(sizes)
    plain = float(isotropic_ridge(n, last, 0.0, 1.0, noise).excess)
    return [*rows, row(CONTROL, last / n, plain, found.values[RIDGELESS, last / n])]


def claims(rows: Rows, settings: Settings) -> list[Claim]:
    """Judge equality; the best number of features is the largest; isotropic theory misses the hidden structure."""
    curve = sorted(of(rows, RIDGELESS), key=lambda one: one["x"])
    least = min(curve, key=lambda one: one["simulation"])
    beyond = [one["simulation"] for one in curve if one["x"] > 1]
    falls = all(a > b for a, b in pairwise(beyond))
    return [
        within(of(rows, RIDGELESS, BEST), "theory is the simulated risk", 0.05),
        Claim("without ridge the least risk is far beyond p = n", least["x"] > 1, f"at p/n = {least['x']:g}"),
        Claim(
            "past p = n the ridgeless risk falls as features are added", falls, f"{beyond[0]:.3f} to {beyond[-1]:.3f}"
        ),
        apart(of(rows, CONTROL), "isotropic theory misses what the features share"),
    ]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show risk against p/n."""
    labels = {"xlabel": "features / samples", "ylabel": "excess risk"}
    return [panel(without(rows, CONTROL), **labels, xscale="log", yscale="log", ylim=(0.02, 20.0))]
