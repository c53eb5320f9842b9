"""One sample knows its test error: generalised cross-validation gives it, and the effective ridge, from a trace."""

from functools import cache

import numpy as np

from widelearn.datasets import elliptical
from widelearn.experiments.studies.ensembles import Array, new_seed, noisy, ridge_fit
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, Theory, line, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import apart, close, equal
from widelearn.theory import GCV, gcv, risk

SETTINGS = {"n": 400, "p": 1200, "noise": 0.25, "ridges": (1e-2, 0.1, 1.0, 10.0, 100.0), "draws": 400}
QUICK = {"n": 150, "p": 450, "draws": 150, "ridges": (1e-2, 1.0, 30.0)}
ESTIMATE, TRUTH, RIDGE, TRAIN = "GCV", "test error", "1 / Tr (K + Λ)^(-1)", "training error"
RANDOM_ESTIMATE, RANDOM_TRUTH = "GCV, rows of random length", "test error, rows of random length"


@cache
def law(p: int) -> tuple[Array, Array]:
    """Return eigenvalues k^-1.3 and a target of mass 1 with coefficients proportional to k^-0.3."""
    k = np.arange(1.0, p + 1)
    s, theta = k**-1.3, k**-0.3
    return s, theta / np.sqrt(s @ theta**2)


def cells(settings: Settings) -> list[Cell]:
    """Return one cell: all ridges are judged on the same sample."""
    return [settings]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Fit a power law at every ridge, then isotropic features whose rows have random lengths; test errors are exact."""
    rng = np.random.default_rng(seed)
    n, p, noise, ridges = cell["n"], cell["p"], cell["noise"], cell["ridges"]
    s, theta = law(p)
    X = rng.standard_normal((n, p)) * np.sqrt(s)
    y = noisy(rng, X @ theta, noise)
    found = gcv(X @ X.T, y, ridges)
    rows = shown(found, ridges)
    for ridge in ridges:
        rows.append(value(TRUTH, ridge, s @ (ridge_fit(X, y, ridge) - theta) ** 2 + noise))
    Z, beta, ridge = elliptical(n, 2 * n, random_state=new_seed(rng)).X, np.full(2 * n, (2 * n) ** -0.5), 0.1 * n
    y = noisy(rng, Z @ beta, noise)
    error = np.sum((ridge_fit(Z, y, ridge) - beta) ** 2) + noise
    return [*rows, value(RANDOM_ESTIMATE, ridge, gcv(Z @ Z.T, y, ridge).test), value(RANDOM_TRUTH, ridge, error)]


def shown(found: GCV, ridges: tuple[float, ...]) -> list[Row]:
    """Return rows of what one sample says, at every ridge."""
    series = {ESTIMATE: found.test, RIDGE: found.effective_ridge, TRAIN: found.train}
    return [value(name, ridge, one) for name, ones in series.items() for ridge, one in zip(ridges, ones, strict=True)]


def theory(settings: Settings) -> Theory:
    """Return test error, training error and κ of the power law."""
    n, p, noise = settings["n"], settings["p"], settings["noise"]

    def predicted(row: Row) -> float | None:
        if row["series"] in (RANDOM_ESTIMATE, RANDOM_TRUTH):
            return None
        s, theta = law(p)
        found = risk(s, s * theta**2, n, row["x"], noise)
        if row["series"] == RIDGE:
            return float(found.effective_ridge)
        return float(found.train if row["series"] == TRAIN else found.test)

    return predicted


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge GCV against the truth and the theory, and κ against the theory."""
    return [
        close("GCV is the test error of its own sample's fit", ESTIMATE, TRUTH, share=0.02),
        equal("theory is GCV, test error and training error", ESTIMATE, TRUTH, TRAIN, share=0.03),
        equal("1/Tr (K + Λ)^(-1) of one sample is the effective ridge κ", RIDGE, share=0.01),
    ]


def controls(settings: Settings) -> list[Control]:
    """See GCV fail where features do not concentrate."""
    text = "where rows have random lengths GCV is not the test error"
    return [apart(text, RANDOM_ESTIMATE, RANDOM_TRUTH)]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show errors and κ against the ridge."""
    grid = np.geomspace(min(settings["ridges"]), max(settings["ridges"]), 81)
    found = theory(settings)
    errors = [*of(rows, ESTIMATE, TRUTH, TRAIN), *line(ESTIMATE, grid, found), *line(TRAIN, grid, found)]
    axes = {"xlabel": "ridge Λ", "xscale": "log", "yscale": "log"}
    return [
        panel(errors, ylabel="mean square error", **axes),
        panel([*of(rows, RIDGE), *line(RIDGE, grid, found)], ylabel="effective ridge κ", **axes),
    ]


SPEC = Spec(
    name="gcv",
    about=__doc__,
    source="Golub, Heath & Wahba 1979; Six Lectures, chapter 2",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=theory,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
