"""Kernel ridge regression learns degree after degree of the target as samples pass powers of d."""

from functools import cache
from typing import Any

import numpy as np

from widelearn.experiments.studies.ensembles import kernel_fit, mean_square, noisy, polynomial, sphere
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, Theory, line, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import equal, more, wrong
from widelearn.kernels import RBF
from widelearn.theory import Spectrum, kernel_spectrum, risk, staircase

SETTINGS = {"d": 24, "noise": 0.05, "samples": (40, 80, 150, 299, 600, 1200), "test": 4000, "draws": 160}
QUICK = {"samples": (60, 150, 299, 600), "test": 2000, "draws": 160}
RIDGELESS, RIDGE = "ridgeless", "Λ = 0.1"
LEARNED = {1: "learned of degree 1", 2: "learned of degree 2"}
TARGET = (0.0, 0.5, 0.5)
RIDGES = {RIDGELESS: 0.0, RIDGE: 0.1}


def kernel_of(d: int) -> RBF:
    """Return a kernel that is exp(t - 1) on the sphere."""
    return RBF(gamma=0.5 / d)


@cache
def spectrum_of(d: int) -> tuple[Spectrum, np.ndarray[Any, Any]]:
    """Return degrees 0 to 6 and the target's masses there."""
    return kernel_spectrum(kernel_of(d), d, 6), np.array([*TARGET, 0, 0, 0, 0])


def cells(settings: Settings) -> list[Cell]:
    """Return one cell: all fits are on parts of the same samples."""
    return [settings]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Fit growing parts of the same samples, and test on fresh ones, degree by degree too."""
    rng = np.random.default_rng(seed)
    d, samples, kernel = cell["d"], cell["samples"], kernel_of(cell["d"])
    f = polynomial(rng, d, TARGET[1], TARGET[2])
    X, test = sphere(rng, max(samples), d), sphere(rng, cell["test"], d)
    y, truth = noisy(rng, f(X), cell["noise"]), f(test)
    degrees = {1: (truth - f(-test)) / 2, 2: (truth + f(-test)) / 2}
    K, cross = kernel(X), kernel(test, X)
    rows = []
    for n in samples:
        fits = {series: cross[:, :n] @ kernel_fit(K[:n, :n], y[:n], ridge) for series, ridge in RIDGES.items()}
        rows += [value(series, n, mean_square(fit - truth)) for series, fit in fits.items()]
        rows += [value(LEARNED[k], n, fits[RIDGE] @ part / (part @ part)) for k, part in degrees.items()]
    return rows


def theory(settings: Settings) -> Theory:
    """Return the risk at finite d, degrees above 6 as a ridge, and the share s/(s + κ) that is learned of a degree."""
    spectrum, target = spectrum_of(settings["d"])
    degrees = {series: k for k, series in LEARNED.items()}

    def predicted(row: Row) -> float:
        series = row["series"]
        found = risk(spectrum, target, row["x"], RIDGES.get(series, RIDGES[RIDGE]), settings["noise"])
        if series in RIDGES:
            return float(found.excess)
        s = spectrum.eigenvalues[degrees[series]]
        return float(s / (s + found.effective_ridge))

    return predicted


def no_tail(settings: Settings) -> Theory:
    """Return what degrees up to 2 predict, without the ridge that higher ones induce."""
    spectrum, target = spectrum_of(settings["d"])
    bare = Spectrum(spectrum.eigenvalues[:3], spectrum.multiplicities[:3])
    return lambda row: float(risk(bare, target[:3], row["x"], 0.0, settings["noise"]).excess)


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge equality along the curves, and that degree 1 is learned from few samples, degree 2 from many."""
    few, d = min(settings["samples"]), settings["d"]
    return [
        equal("ridgeless theory is the simulated risk", RIDGELESS, share=0.05),
        equal("theory with a ridge is the simulated risk", RIDGE, share=0.03),
        equal("of each degree the predicted share is learned", *LEARNED.values(), share=0.05, at=lambda n: n > 2 * d),
        more(
            f"at n = {few} the share of degree 1 is five times that of degree 2", *LEARNED.values(), factor=0.2, at=few
        ),
    ]


def controls(settings: Settings) -> list[Control]:
    """See that the tail must not be forgotten."""
    rank = float(np.sum(spectrum_of(settings["d"])[0].multiplicities[:3]))
    text = "degrees up to 2 without the ridge that higher ones induce predict another risk"
    return [wrong(text, RIDGELESS, no_tail(settings), lambda n: n > 0.9 * rank)]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show risk and degrees at moderate d, and the staircase where no simulation reaches."""
    predicted, samples = theory(settings), settings["samples"]
    curve = np.geomspace(min(samples) / 2, 2 * max(samples), 161)
    risks, shares = (
        [one for name in names for one in line(name, curve, predicted)] for names in (RIDGES, LEARNED.values())
    )
    axes = {"ylim": (0.0, 1.2), "title": f"d = {settings['d']}", "xlabel": "samples n", "xscale": "log"}
    far = {"title": "theory at d = 1000", "xlabel": "samples, log n / log d"}
    return [
        panel([*of(rows, *RIDGES), *risks], ylabel="excess risk", **axes),
        panel([*of(rows, *LEARNED.values()), *shares], ylabel="share learned, s/(s + κ)", **axes),
        panel(large(settings["noise"]), **far, ylabel="excess risk", ylim=(0.0, 1.2)),
    ]


def large(noise: float) -> list[Row]:
    """Predict the staircase of d = 1000, and its limit."""
    d = 1000
    spectrum, target = kernel_spectrum(kernel_of(d), d, 6), np.array([0, 1 / 3, 1 / 3, 1 / 3, 0, 0, 0])
    powers = np.linspace(0.2, 3.8, 181)
    known = dict(zip(powers.tolist(), risk(spectrum, target, d**powers, 1e-3, noise).excess, strict=True))
    limits = dict(zip(powers.tolist(), staircase(target, d**powers, d), strict=True))
    return [
        *line("finite d", powers, lambda row: float(known[row["x"]])),
        *line("limit of large d", powers, lambda row: float(limits[row["x"]])),
    ]


SPEC = Spec(
    name="krr-staircase",
    about=__doc__,
    source="Ghorbani et al. 2021; Six Lectures, chapter 3",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=theory,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
