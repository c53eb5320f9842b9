"""Random-feature ridge regression has a double descent in its neurons; with some ridge wide models are best."""

import numpy as np

from widelearn.experiments.studies.ensembles import mean_square, noisy, polynomial, ridge_fit, sphere
from widelearn.experiments.studies.judging import Control, Judged, Verdict, backwards, exchanged
from widelearn.experiments.studies.rows import Row, Rows, Theory, line, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import equal, shape, wrong
from widelearn.theory import convert_ridge, hermite_coefficients, mei_montanari

SETTINGS = {
    "d": 120,
    "psi1": (0.3, 0.7, 1.2, 1.5, 2.0, 3.0, 6.0, 12.0),
    "psi2": 1.5,
    "ridges": (1e-3, 0.1),
    "noise": 0.2,
    "draws": 80,
    "test": 2000,
}
QUICK = {"psi1": (0.3, 0.7, 1.5, 3.0, 6.0), "draws": 80, "test": 1000}
LINEAR, QUADRATIC = 1.0, 0.3
MU0, MU1 = (float(value) for value in hermite_coefficients("relu", 1))
MU_STAR2 = 0.5 - MU0**2 - MU1**2  # E relu(G)² = 1/2


def name_of(ridge: float) -> str:
    """Name the series of a ridge."""
    return f"λ = {ridge:g}"


def ends(settings: Settings) -> tuple[str, str]:
    """Name the series of the smallest and of the largest ridge."""
    return name_of(min(settings["ridges"])), name_of(max(settings["ridges"]))


def cells(settings: Settings) -> list[Cell]:
    """Return one cell: all widths are parts of the same neurons, fitted on the same samples."""
    return [settings]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Fit growing parts of the same random features on the same samples."""
    rng = np.random.default_rng(seed)
    d, n, widths = cell["d"], round(cell["psi2"] * cell["d"]), [round(psi1 * cell["d"]) for psi1 in cell["psi1"]]
    W, X, test = sphere(rng, max(widths), d), sphere(rng, n, d), sphere(rng, cell["test"], d)
    f = polynomial(rng, d, LINEAR, QUADRATIC)
    y, truth = noisy(rng, f(X), cell["noise"]), f(test)
    Z, Z_test = (np.maximum(A @ W.T / np.sqrt(d), 0) - MU0 for A in (X, test))
    rows = []
    for N in widths:
        for ridge in cell["ridges"]:
            alpha = convert_ridge(ridge, "mei_montanari", "unscaled", n=n, d=d, n_features=N)
            fit = Z_test[:, :N] @ ridge_fit(Z[:, :N], y, alpha)
            rows.append(value(name_of(ridge), N / d, mean_square(fit - truth)))
    return rows


def predicted(settings: Settings, wide: bool) -> Theory:
    """Return Mei and Montanari's risk for centred relu features, or that of infinitely many."""
    d, ridges = settings["d"], {name_of(ridge): ridge for ridge in settings["ridges"]}
    psi2 = round(settings["psi2"] * d) / d

    def at(row: Row) -> float:
        psi1, ridge = np.inf if wide else row["x"], ridges[row["series"]]
        return float(mei_montanari(psi1, psi2, ridge, MU1, MU_STAR2, LINEAR**0.5, QUADRATIC, settings["noise"]).excess)

    return at


def theory(settings: Settings) -> Theory:
    """Return Mei and Montanari's risk."""
    return predicted(settings, wide=False)


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge equality, the peak at N = n, and what cures it."""
    small, large = ends(settings)

    def has_peak(rows: Rows) -> Judged:
        peak = max(rows, key=lambda one: float(one["simulation"]))["x"]
        return bool(abs(np.log(peak / settings["psi2"])) < 0.5), f"largest at N/d = {peak:g}"

    def ends_best(rows: Rows) -> Judged:
        least = min(rows, key=lambda one: float(one["simulation"]))
        return least is rows[-1], f"least at N/d = {least['x']:g}, {least['simulation']:.3f}"

    return [
        equal("Mei and Montanari's formula is the simulated risk", small, large, share=0.05),
        shape("with little ridge the risk peaks at N = n", small, has_peak, exchanged(small, large), large),
        shape("with more ridge the widest model is the best", large, ends_best, backwards(large), "widths reversed"),
    ]


def controls(settings: Settings) -> list[Control]:
    """See kernel theory miss narrow models."""
    small, narrow = ends(settings)[0], 0.5 * settings["psi2"]
    text = "the theory of infinite width misses narrow models"
    return [wrong(text, small, predicted(settings, wide=True), lambda x: x < narrow)]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show risk against N/d."""
    grid = np.geomspace(min(settings["psi1"]), max(settings["psi1"]), 161)
    curves = [one for ridge in settings["ridges"] for one in line(name_of(ridge), grid, theory(settings))]
    labels = {"xlabel": "neurons / dimensions, N/d", "ylabel": "excess risk"}
    return [panel([*rows, *curves], **labels, xscale="log", yscale="log", ylim=(0.3, 30.0))]


SPEC = Spec(
    name="random-features",
    about=__doc__,
    source="Mei & Montanari 2022; Six Lectures, chapter 4",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=theory,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
