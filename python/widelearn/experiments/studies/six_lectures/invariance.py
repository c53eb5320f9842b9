"""A kernel averaged over cyclic shifts learns shift-invariant targets from about d times fewer samples."""

from functools import cache
from typing import Any

import numpy as np

from widelearn.experiments.studies.ensembles import Function, kernel_fit, mean_square, noisy, sphere
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, Theory, line, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import equal, less, wrong
from widelearn.kernels import RBF, CyclicAverage
from widelearn.theory import Spectrum, cyclic_spectrum, kernel_spectrum, risk

SETTINGS: dict[str, Any] = {
    "d": 32,
    "noise": 0.1,
    "ridge": 0.3,
    "samples": (20, 40, 80, 160, 320),
    "plain": 1280,
    "test": 600,
    "draws": 100,
    "plain_draws": 40,
}
QUICK = {"samples": (30, 80, 200), "plain": 800, "test": 250, "draws": 80, "plain_draws": 30}
AVERAGED, PLAIN, VARIED = "averaged over shifts", "plain kernel", "averaged, target that shifts change"
DEGREES = 5


def cells(settings: Settings) -> list[Cell]:
    """Return a cell for both kernels, and one where the plain kernel has many samples."""
    many = {**settings, "samples": (settings["plain"],), "draws": settings["plain_draws"], "only": PLAIN}
    return [{**settings, "only": ""}, many]


def quadratic(rng: np.random.Generator, d: int, invariant: bool) -> Function:
    """Draw ⟨x, A x⟩ of squared mass 1 in degree 2; shifts leave it as it is if A is circulant."""
    if invariant:
        row = rng.standard_normal(d)
        row = row + np.roll(row[::-1], 1)
        row[0] = 0.0
        A = np.array([np.roll(row, shift) for shift in range(d)])
    else:
        A = rng.standard_normal((d, d))
        A = A + A.T
        A -= np.trace(A) / d * np.eye(d)
    A *= np.sqrt((d + 2) / (2 * d)) / np.linalg.norm(A)
    return lambda X: np.asarray(np.einsum("ij,ij->i", X @ A, X), dtype=float)


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Fit growing parts of the same samples with both kernels; exp(x.x'/d) of rows on a sphere is an RBF kernel."""
    rng = np.random.default_rng(seed)
    d, noise, ridge, samples = cell["d"], cell["noise"], cell["ridge"], cell["samples"]
    inner = float(np.e) * RBF(gamma=0.5 / d)
    kernels = {PLAIN: inner} if cell["only"] else {PLAIN: inner, AVERAGED: CyclicAverage(inner)}
    X, test = sphere(rng, max(samples), d), sphere(rng, cell["test"], d)
    targets = (
        {"": quadratic(rng, d, True)}
        if cell["only"]
        else {"": quadratic(rng, d, True), VARIED: quadratic(rng, d, False)}
    )
    rows = []
    for name, kernel in kernels.items():
        K, cross = kernel(X), kernel(test, X)
        for label, f in targets.items():
            if label and name == PLAIN:
                continue
            y, truth = noisy(rng, f(X), noise), f(test)
            for n in samples:
                fit = cross[:, :n] @ kernel_fit(K[:n, :n], y[:n], ridge)
                rows.append(value(label or name, n, mean_square(fit - truth)))
    return rows


@cache
def spectra(d: int) -> dict[str, Spectrum]:
    """Return the spectra of both kernels."""
    return {PLAIN: kernel_spectrum(np.exp, d, DEGREES), AVERAGED: cyclic_spectrum(np.exp, d, DEGREES)}


def predicted_by(settings: Settings, name: str) -> Theory:
    """Return the risk of a target of degree 2 by the spectrum of one kernel."""
    found, target = spectra(settings["d"])[name], np.eye(DEGREES + 1)[2]
    return lambda row: float(risk(found, target, row["x"], settings["ridge"], settings["noise"]).excess)


def theory(settings: Settings) -> Theory:
    """Return the risk by the spectrum of the series' kernel; none for targets that shifts change."""
    found = {name: predicted_by(settings, name) for name in (PLAIN, AVERAGED)}
    return lambda row: found[row["series"]](row) if row["series"] in found else None


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge both theories, and what averaging saves."""
    return [
        equal("theory is the risk of both kernels, up to many samples of the plain one", AVERAGED, PLAIN, share=0.05),
        less("with as many samples the averaged kernel is better, for every n", AVERAGED, PLAIN),
    ]


def controls(settings: Settings) -> list[Control]:
    """See that the plain spectrum is not that of the averaged kernel, and that other targets gain nothing."""
    most = max(settings["samples"])
    return [
        wrong(
            "the plain kernel's spectrum does not predict the averaged kernel",
            AVERAGED,
            predicted_by(settings, PLAIN),
            most,
        ),
        wrong(
            "a target that shifts change is not learned as one that they leave",
            VARIED,
            predicted_by(settings, AVERAGED),
            most,
        ),
    ]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show the risk against n."""
    grid = np.geomspace(min(settings["samples"]), settings["plain"], 61)
    curves = [one for name in (AVERAGED, PLAIN) for one in line(name, grid, theory(settings))]
    axes = {"xlabel": "samples n", "ylabel": "excess risk", "xscale": "log", "yscale": "log"}
    return [panel([*of(rows, AVERAGED, PLAIN, VARIED), *curves], **axes)]


SPEC = Spec(
    name="invariance",
    about=__doc__,
    source="Mei, Misiakiewicz & Montanari 2021; Six Lectures, chapter 3",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=theory,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
