"""Tangent features with n of the order of d are linear ridge regression with a larger ridge."""

from functools import cache
from typing import Any

import numpy as np

from widelearn.experiments.studies.ensembles import kernel_fit, mean_square, noisy, polynomial, sphere
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, Theory, line, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import close, equal, wrong
from widelearn.theory import Spectrum, hermite_coefficients, neuron_spectrum, nt_effective_ridge, risk

SETTINGS = {
    "d": 80,
    "width": 800,
    "noise": 0.1,
    "samples": (40, 80, 160, 320),
    "ridges": (0.0, 0.3),
    "draws": 80,
    "test": 2000,
}
QUICK = {"samples": (80, 160, 320), "draws": 80, "test": 1000}
QUADRATIC, WIDE = "quadratic target", "quadratic target, infinitely wide"


def name_of(ridge: float) -> str:
    """Name the series of a ridge."""
    return f"linear target, Λ = {ridge:g}"


def cells(settings: Settings) -> list[Cell]:
    """Return one cell: all fits are on parts of the same samples."""
    return [settings]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Fit finite tangent models, never forming their features: K_N is a Hadamard product."""
    rng = np.random.default_rng(seed)
    d, N, noise, samples, last = cell["d"], cell["width"], cell["noise"], cell["samples"], cell["ridges"][-1]
    X, test, W = sphere(rng, max(samples), d), sphere(rng, cell["test"], d), sphere(rng, N, d, 1.0)
    on, on_test = ((A @ W.T > 0).astype(float) for A in (X, test))
    K, cross = (on @ on.T / N) * (X @ X.T / d), (on_test @ on.T / N) * (test @ X.T / d)
    wide, wide_cross = (limit(A @ X.T / d) for A in (X, test))
    rows = []
    for share, label in ((0.0, ""), (0.4, QUADRATIC)):
        f = polynomial(rng, d, 1 - share, share)
        y, truth = noisy(rng, f(X), noise), f(test)
        for n in samples:
            for ridge in cell["ridges"] if not label else (last,):
                fit = cross[:, :n] @ kernel_fit(K[:n, :n], y[:n], ridge)
                rows.append(value(label or name_of(ridge), n, mean_square(fit - truth)))
                if label and n == max(samples):
                    other = wide_cross[:, :n] @ kernel_fit(wide[:n, :n], y[:n], ridge)
                    rows.append(value(WIDE, n, mean_square(other - truth)))
    return rows


def limit(t: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the tangent kernel of infinitely many relu neurons."""
    return t * (0.5 - np.arccos(np.clip(t, -1, 1)) / (2 * np.pi))


@cache
def spectrum_of(d: int) -> Spectrum:
    """Return the tangent kernel's spectrum."""
    return neuron_spectrum("relu", d, 6, tangent=True)


def theory(settings: Settings) -> Theory:
    """Return linear-ridge theory for linear targets, and what the kernel's own spectrum says of the quadratic one."""
    d, noise, last = settings["d"], settings["noise"], settings["ridges"][-1]
    linear = Spectrum([1.0], [float(d)])
    ridges = {name_of(ridge): d * nt_effective_ridge("relu", ridge) for ridge in settings["ridges"]}

    def predicted(row: Row) -> float:
        if row["series"] in ridges:
            return float(risk(linear, [1.0], row["x"], ridges[row["series"]], noise).excess)
        return float(risk(spectrum_of(d), [0, 0.6, 0.4, 0, 0, 0, 0], row["x"], last, noise).excess)

    return predicted


def bare(settings: Settings) -> Theory:
    """Return what linear ridge without the ridge of higher degrees predicts."""
    d, last = settings["d"], settings["ridges"][-1]
    mean = float(hermite_coefficients("relu", 0, derivative=1)[0])
    linear = Spectrum([1.0], [float(d)])
    return lambda row: float(risk(linear, [1.0], row["x"], d * last / mean**2, settings["noise"]).excess)


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge both theories, and what the finite width costs."""
    ridges, n, d = map(name_of, settings["ridges"]), max(settings["samples"]), settings["d"]
    return [
        equal(
            "linear ridge has the risk at γ = (Λ + v_1)/μ_0² for n up to 2 d",
            *ridges,
            share=0.05,
            at=lambda n: n <= 2 * d,
        ),
        equal("the tangent kernel's spectrum predicts a quadratic target too", QUADRATIC, WIDE, share=0.05),
        close(f"at n = {n} the finite width changes the risk by 2 % at most", QUADRATIC, WIDE, share=0.02, at=n),
    ]


def controls(settings: Settings) -> list[Control]:
    """See that the ridge of higher degrees must not be forgotten."""
    text, last = "without the ridge that higher degrees induce the risk is another", name_of(settings["ridges"][-1])
    return [wrong(text, last, bare(settings), max(settings["samples"]))]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show risk against n."""
    curve = np.geomspace(min(settings["samples"]) / 2, 2 * max(settings["samples"]), 61)
    shown = [*map(name_of, settings["ridges"]), QUADRATIC]
    lines = [one for series in shown for one in line(series, curve, theory(settings))]
    return [panel([*of(rows, *shown), *lines], xlabel="samples n", ylabel="excess risk", xscale="log", ylim=(0.0, 1.1))]


SPEC = Spec(
    name="nt-generalization",
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
