"""Random-feature ridge regression has a double descent in its neurons; with some ridge wide models are best."""

import numpy as np

from widelearn.experiments.studies.ensembles import draws, mean_square, noisy, polynomial, ridge_fit, sphere
from widelearn.experiments.studies.rows import Row, Rows, Values, of, panel, row, without
from widelearn.experiments.studies.spec import Claim, Panels, Settings, Step, apart, within
from widelearn.theory import convert_ridge, hermite_coefficients, mei_montanari

SOURCE = "Mei & Montanari 2022; Six Lectures, chapter 4"
SETTINGS = {
    "d": 120,
    "psi1": (0.3, 0.7, 1.2, 1.5, 2.0, 3.0, 6.0, 12.0),
    "psi2": 1.5,
    "ridges": (1e-3, 0.1),
    "noise": 0.2,
    "draws": 40,
    "test": 2000,
}
QUICK = {"psi1": (0.3, 0.7, 1.5, 3.0, 6.0), "draws": 40, "test": 1000}
CONTROL = "infinitely wide theory"
LINEAR, QUADRATIC = 1.0, 0.3
MU0, MU1 = (float(value) for value in hermite_coefficients("relu", 1))
MU_STAR2 = 0.5 - MU0**2 - MU1**2  # E relu(G)² = 1/2


def name_of(ridge: float) -> str:
    """Name the series of a ridge."""
    return f"λ = {ridge:g}"


def predicted(psi1: float, psi2: float, ridge: float, noise: float) -> float:
    """Return Mei and Montanari's risk for centred relu features."""
    return float(mei_montanari(psi1, psi2, ridge, MU1, MU_STAR2, LINEAR**0.5, QUADRATIC, noise).excess)


def simulate(settings: Settings, seed: int, step: Step) -> list[Row]:
    """Fit growing parts of the same random features on the same samples."""
    d, psi2, noise = settings["d"], settings["psi2"], settings["noise"]
    n, widths = round(psi2 * d), [round(psi1 * d) for psi1 in settings["psi1"]]
    found = Values()
    for rng in draws(settings["draws"], seed, step):
        W, X, test = sphere(rng, max(widths), d), sphere(rng, n, d), sphere(rng, settings["test"], d)
        f = polynomial(rng, d, LINEAR, QUADRATIC)
        y, truth = noisy(rng, f(X), noise), f(test)
        Z, Z_test = (np.maximum(A @ W.T / np.sqrt(d), 0) - MU0 for A in (X, test))
        for N in widths:
            for ridge in settings["ridges"]:
                alpha = convert_ridge(ridge, "mei_montanari", "unscaled", n=n, d=d, n_features=N)
                fit = Z_test[:, :N] @ ridge_fit(Z[:, :N], y, alpha)
                found.add(name_of(ridge), N / d, mean_square(fit - truth))
    ridges = {name_of(ridge): ridge for ridge in settings["ridges"]}
    rows = found.rows(lambda series, psi1: predicted(psi1, n / d, ridges[series], noise))
    for ridge in settings["ridges"]:
        grid = np.geomspace(min(settings["psi1"]), max(settings["psi1"]), 161)
        rows += [row(name_of(ridge), psi1, predicted(psi1, n / d, ridge, noise)) for psi1 in grid]
    low, N = min(settings["ridges"]), min(widths)
    return [*rows, row(CONTROL, N / d, predicted(np.inf, n / d, low, noise), found.values[name_of(low), N / d])]


def claims(rows: Rows, settings: Settings) -> list[Claim]:
    """Judge equality and the peak at N = n; kernel theory misses narrow models."""
    small, large = (name_of(pick(settings["ridges"])) for pick in (min, max))
    curve = {one["x"]: one["simulation"] for one in of(rows, small)}
    peak = max(curve, key=lambda x: curve[x])
    near = abs(np.log(peak / settings["psi2"])) < 0.5
    widest = max(curve)
    cured = {one["x"]: one["simulation"] for one in of(rows, large)}
    falls = min(cured, key=lambda x: cured[x]) == widest
    return [
        within(of(rows, small, large), "Mei and Montanari's formula is the simulated risk", 0.05),
        Claim("with little ridge the risk peaks at N = n", bool(near), f"largest at N/d = {peak:g}"),
        Claim("with more ridge the widest model is the best", falls, f"{cured[widest]:.3f} at N/d = {widest:g}"),
        apart(of(rows, CONTROL), "the theory of infinite width misses narrow models"),
    ]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show risk against N/d."""
    labels = {"xlabel": "neurons / dimensions", "ylabel": "excess risk"}
    return [panel(without(rows, CONTROL), **labels, xscale="log", yscale="log", ylim=(0.3, 30.0))]
