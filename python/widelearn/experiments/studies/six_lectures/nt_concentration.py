"""The tangent kernel of N neurons is near its limit by 2 √r + r, r = n/(N d): its edge and its risk at any width."""

from functools import cache
from typing import Any

import numpy as np

from widelearn.experiments.studies.ensembles import Array, kernel_fit, mean_square, new_seed, noisy, polynomial, sphere
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, Theory, line, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import equal, wrong
from widelearn.kernels import FiniteNTK
from widelearn.theory import nt_concentration, nt_lambda_min, nt_risk

SETTINGS: dict[str, Any] = {
    "d": 40,
    "n": 240,
    "noise": 0.1,
    "widths": (24, 50, 100, 200, 400, 800),
    "test": 1000,
    "draws": 60,
}
QUICK = {"n": 160, "widths": (20, 50, 200), "test": 500, "draws": 30}
NORM, EDGE, RISK, LIMIT = "‖K^(-1/2) K_N K^(-1/2) - I‖", "smallest eigenvalue of K_N", "risk", "risk, N infinite"


def cells(settings: Settings) -> list[Cell]:
    """Return one cell: every width meets the same rows."""
    return [settings]


def limit(X: Array, Y: Array) -> Array:
    """Return the tangent kernel of infinitely many relu neurons."""
    t = np.clip(X @ Y.T / X.shape[1], -1, 1)
    return t * (0.5 - np.arccos(t) / (2 * np.pi))


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Decompose tangent kernel matrices of every width, and fit a polynomial target with them."""
    rng = np.random.default_rng(seed)
    d, n, noise = cell["d"], cell["n"], cell["noise"]
    X, test, f = sphere(rng, n, d), sphere(rng, cell["test"], d), polynomial(rng, d, 0.6, 0.4)
    y, truth = noisy(rng, f(X), noise), f(test)
    K = limit(X, X)
    values, vectors = np.linalg.eigh(K)
    root = (vectors / np.sqrt(values)) @ vectors.T
    rows = [value(LIMIT, 0.0, mean_square(limit(test, X) @ kernel_fit(K, y, 0.0) - truth))]
    for N in cell["widths"]:
        kernel = FiniteNTK(N, random_state=new_seed(rng))
        K_N = kernel(X)
        gap = np.linalg.eigvalsh(root @ K_N @ root - np.eye(n))
        rows += [
            value(NORM, N, max(-gap[0], gap[-1])),
            value(EDGE, N, np.linalg.eigvalsh(K_N)[0]),
            value(RISK, N, mean_square(kernel(test, X) @ kernel_fit(K_N, y, 0.0) - truth)),
        ]
    return rows


@cache
def predicted_risk(n: float, d: int, noise: float, width: float) -> float:
    """Return the risk by the limit's spectrum and N d features."""
    return float(nt_risk("relu", [0.0, 0.6, 0.4], n, d, 0.0, noise, width).excess)


@cache
def predicted_edge(n: float, d: int, width: float) -> float:
    """Return the smallest eigenvalue."""
    return nt_lambda_min("relu", n, d, width)


def theory(settings: Settings) -> Theory:
    """Return norm, edge and risk at a width."""
    n, d, noise = settings["n"], settings["d"], settings["noise"]

    def predicted(row: Row) -> float:
        if row["series"] == NORM:
            return nt_concentration(n, int(row["x"]), d)
        if row["series"] == EDGE:
            return predicted_edge(n, d, row["x"])
        return predicted_risk(n, d, noise, np.inf if row["series"] == LIMIT else row["x"])

    return predicted


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge norm, edge and risk."""
    return [
        equal("relu: the distance to the limit is 2 √r + r, r = n/(N d), at n = 4 d or more", NORM, share=0.06),
        equal("relu: the smallest eigenvalue is the edge of N d features of the limit's spectrum", EDGE, share=0.05),
        equal("relu: the risk without ridge is that of N d features, for N d >= 4 n", RISK, LIMIT, share=0.05),
    ]


def controls(settings: Settings) -> list[Control]:
    """See that the limit is no theory of narrow networks."""
    n, d, noise, narrow = settings["n"], settings["d"], settings["noise"], min(settings["widths"])
    return [
        wrong(
            "the limit's smallest eigenvalue is not that of few neurons",
            EDGE,
            lambda row: predicted_edge(n, d, np.inf),
            narrow,
        ),
        wrong(
            "the limit's risk is not that of few neurons", RISK, lambda row: predicted_risk(n, d, noise, np.inf), narrow
        ),
    ]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show distance, edge and risk against the width."""
    widths = np.unique(np.geomspace(min(settings["widths"]), 2 * max(settings["widths"]), 41).round())
    found = theory(settings)
    limits = line(
        "N infinite", widths, lambda row: predicted_risk(settings["n"], settings["d"], settings["noise"], np.inf)
    )
    labels = {"xlabel": "neurons N", "xscale": "log"}
    return [
        panel([*of(rows, NORM), *line(NORM, widths, found)], ylabel=NORM, yscale="log", **labels),
        panel([*of(rows, EDGE), *line(EDGE, widths, found)], ylabel="smallest eigenvalue of K_N", **labels),
        panel([*of(rows, RISK), *line(RISK, widths, found), *limits], ylabel="excess risk", **labels),
    ]


SPEC = Spec(
    name="nt-concentration",
    about=__doc__,
    source="Montanari & Zhong 2022; Six Lectures, chapter 5",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=theory,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
