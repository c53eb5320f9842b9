"""Random features learn what the smaller of samples and neurons allows; N = n costs extra."""

from typing import Any

import numpy as np

from widelearn.experiments.studies.ensembles import draws, mean_square, noisy, polynomial, ridge_fit, sphere
from widelearn.experiments.studies.rows import Row, Rows, of, panel, row
from widelearn.experiments.studies.spec import Claim, Panels, Settings, Step, apart, within
from widelearn.theory import neuron_spectrum, phase_diagram, risk, sphere_multiplicity

SOURCE = "Mei, Misiakiewicz & Montanari 2022; Defilippis et al. 2024; Six Lectures, chapter 4"
SETTINGS = {
    "dimensions": (14, 20),
    "points": ((3.8, 1.2), (1.0, 3.0), (1.5, 1.5), (0.5, 0.5)),
    "draws": 80,
    "test": 1500,
    "grid": 100,
}
QUICK = {"dimensions": (14,), "draws": 60, "test": 800, "grid": 60}
POINTS, MAP, LARGE, CONTROL = "simulated", "theory", "d = 100", "infinitely wide theory"
TARGET = (0.0, 0.5, 0.5, 0.0, 0.0)
NOISE, RIDGE = 0.05, 0.5


def activation(t: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return relu with an even part, so that degree 2 is strong."""
    return np.maximum(t, 0) + 0.3 * (t * t - 1)


def simulate(settings: Settings, seed: int, step: Step) -> list[Row]:
    """Fit at a few multiples of B_2, the number of quadratics, and map theory over all sizes."""
    rows: list[Row] = []
    cases = [(d, a, b) for d in settings["dimensions"] for a, b in settings["points"]]
    for index, (d, a, b) in enumerate(cases):
        count = sphere_multiplicity(d, 2)
        n, N = int(a * count), int(b * count)
        values = []
        for rng in draws(settings["draws"], seed, step, index / len(cases), (index + 1) / len(cases)):
            W, X, test = sphere(rng, N, d), sphere(rng, n, d), sphere(rng, settings["test"], d)
            f = polynomial(rng, d, TARGET[1], TARGET[2])
            Z, Z_test = (activation(A @ W.T / np.sqrt(d)) / np.sqrt(N) for A in (X, test))
            fit = Z_test @ ridge_fit(Z, noisy(rng, f(X), NOISE), RIDGE)
            values.append(mean_square(fit - f(test)))
        spectrum = neuron_spectrum((activation,), d, 4)
        theory, wide = (float(risk(spectrum, TARGET, n, RIDGE, NOISE, size).excess) for size in (N, np.inf))
        place = {"y": float(np.log(N) / np.log(d)), "d": d}
        rows.append(row(POINTS, float(np.log(n) / np.log(d)), theory, values, **place))
        if n > N:
            rows.append(row(CONTROL, float(np.log(n) / np.log(d)), wide, values, **place))
    size, d = settings["grid"], min(settings["dimensions"])
    return rows + mapped(size, d, MAP, RIDGE) + mapped(size, 100, LARGE, 1e-3)


def mapped(size: int, d: int, series: str, ridge: float) -> list[Row]:
    """Predict over a grid of log n / log d and log N / log d."""
    powers = np.linspace(0.4, 3.4, size)
    spectrum = neuron_spectrum((activation,), d, 4)
    grid = phase_diagram(spectrum, TARGET, d**powers, d**powers, ridge, NOISE)
    return [row(series, x, float(grid[i, j]), y=y) for i, x in enumerate(powers) for j, y in enumerate(powers.tolist())]


def claims(rows: Rows, settings: Settings) -> list[Claim]:
    """Judge equality at the simulated points, and the plateaus of the map; width matters."""
    at = {(round(one["x"], 6), round(one["y"], 6)): one["theory"] for one in rows if one["series"] == LARGE}

    def nearest(x: float, y: float) -> float:
        key = min(at, key=lambda k: (k[0] - x) ** 2 + (k[1] - y) ** 2)
        return float(at[key])

    low, high, wide = nearest(1.5, 3.2), nearest(3.2, 1.5), nearest(3.3, 2.7)
    symmetric = abs(low - high) < 0.1 and wide < 0.5 * min(low, high)
    return [
        within(of(rows, POINTS), "the finite-size formula is the simulated risk", 0.02),
        Claim(
            "at d = 100 the smaller of samples and neurons sets the plateau",
            symmetric,
            f"{low:.3f} and {high:.3f} where one is d^1.5, {wide:.3f} where both are beyond d²",
        ),
        apart(of(rows, CONTROL), "the theory of infinite width misses models with fewer neurons than samples"),
    ]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show the map of the simulated dimension with its points, and that of d = 100."""
    d = min(settings["dimensions"])
    small = [one for one in rows if one["series"] == MAP or (one["series"] == POINTS and one["d"] == d)]
    axes = {"xlabel": "log n / log d", "ylabel": "log N / log d", "heat": True}
    return [
        panel(small, title=f"excess risk, d = {d}, Λ = {RIDGE:g}; discs are simulations", **axes),
        panel([one for one in rows if one["series"] == LARGE], title=f"{LARGE}, Λ = 0.001", **axes),
    ]
