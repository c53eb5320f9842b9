"""Kernel ridge regression learns degree after degree of the target as samples pass powers of d."""

from typing import Any

import numpy as np

from widelearn.experiments.studies.ensembles import draws, kernel_fit, mean_square, noisy, polynomial, sphere
from widelearn.experiments.studies.rows import Row, Rows, Values, of, on_panel, panel, row, without
from widelearn.experiments.studies.spec import Claim, Panels, Settings, Step, apart, within
from widelearn.kernels import RBF
from widelearn.theory import Spectrum, kernel_spectrum, risk, staircase

SOURCE = "Ghorbani et al. 2021; Six Lectures, chapter 3"
SETTINGS = {"d": 24, "noise": 0.05, "samples": (40, 80, 150, 299, 600, 1200), "draws": 40, "test": 2000}
QUICK = {"samples": (60, 150, 299, 600), "draws": 30, "test": 1000}
RIDGELESS, RIDGE, NO_TAIL, STEPS = "ridgeless", "Λ = 0.1", "without self-induced ridge", "limit d = 1000"
TARGET = (0.0, 0.5, 0.5)


def kernel_of(d: int) -> RBF:
    """Return a kernel that is exp(t - 1) on the sphere."""
    return RBF(gamma=0.5 / d)


def spectrum_of(d: int) -> tuple[Spectrum, np.ndarray[Any, Any]]:
    """Return degrees 0 to 6 and the target's masses there."""
    return kernel_spectrum(kernel_of(d), d, 6), np.array([*TARGET, 0, 0, 0, 0])


def simulate(settings: Settings, seed: int, step: Step) -> list[Row]:
    """Fit growing parts of the same samples, and test on fresh ones."""
    d, noise, samples = settings["d"], settings["noise"], settings["samples"]
    kernel = kernel_of(d)
    found = Values()
    for rng in draws(settings["draws"], seed, step):
        f = polynomial(rng, d, TARGET[1], TARGET[2])
        X, test = sphere(rng, max(samples), d), sphere(rng, settings["test"], d)
        y, truth = noisy(rng, f(X), noise), f(test)
        K, cross = kernel(X), kernel(test, X)
        for n in samples:
            for series, ridge in ((RIDGELESS, 0.0), (RIDGE, 0.1)):
                fit = cross[:, :n] @ kernel_fit(K[:n, :n], y[:n], ridge)
                found.add(series, n, mean_square(fit - truth))
    spectrum, target = spectrum_of(d)
    bare = Spectrum(spectrum.eigenvalues[:3], spectrum.multiplicities[:3])
    rows = []
    for (series, n), values in found.values.items():
        ridge = 0.1 if series == RIDGE else 0.0
        rows.append(row(series, n, float(risk(spectrum, target, n, ridge, noise).excess), values))
        if series == RIDGELESS and n > 0.9 * bare.rank:
            wrong = float(risk(bare, target[:3], n, ridge, noise).excess)
            rows.append(row(NO_TAIL, n, wrong, values))
    curve = np.geomspace(min(samples) / 2, 2 * max(samples), 161)
    for series, ridge in ((RIDGELESS, 0.0), (RIDGE, 0.1)):
        values = risk(spectrum, target, curve, ridge, noise).excess
        rows += [row(series, n, value) for n, value in zip(curve, values, strict=True)]
    return rows + large(noise)


def large(noise: float) -> list[Row]:
    """Predict the staircase of d = 1000, where no simulation reaches, and its limit."""
    d = 1000
    spectrum, target = kernel_spectrum(kernel_of(d), d, 6), np.array([0, 1 / 3, 1 / 3, 1 / 3, 0, 0, 0])
    powers = np.linspace(0.2, 3.8, 181)
    values = risk(spectrum, target, d**powers, 1e-3, noise).excess
    limits = staircase(target, d**powers, d)
    rows = [row("theory d = 1000", p, v, panel="large") for p, v in zip(powers, values, strict=True)]
    return rows + [row(STEPS, p, v, panel="large") for p, v in zip(powers, limits, strict=True)]


def claims(rows: Rows, settings: Settings) -> list[Claim]:
    """Judge equality along the curve; interpolation costs little off the peaks; the tail must not be forgotten."""
    middle = [one for one in on_panel(rows, "large") if any(abs(one["x"] - at) < 0.011 for at in (0.5, 1.5, 2.5))]
    finite = {round(one["x"], 2): one["theory"] for one in middle if one["series"] != STEPS}
    limit = {round(one["x"], 2): one["theory"] for one in middle if one["series"] == STEPS}
    worst = max(abs(finite[x] - limit[x]) for x in limit)
    return [
        within(of(rows, RIDGELESS), "ridgeless theory is the simulated risk", 0.05),
        within(of(rows, RIDGE), "theory with a ridge is the simulated risk", 0.03),
        Claim("at d = 1000 the plateaus are there in the middle of each step", worst < 0.1, f"within {worst:.3f}"),
        apart(of(rows, NO_TAIL), "degrees up to 2 without the ridge that higher ones induce predict another risk"),
    ]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show simulation at moderate d, the staircase at large d."""
    small, title = without(on_panel(rows, None), NO_TAIL), f"d = {settings['d']}"
    return [
        panel(small, title=title, xlabel="samples", ylabel="excess risk", xscale="log", ylim=(0.0, 1.2)),
        panel(on_panel(rows, "large"), title="d = 1000", xlabel="log n / log d", ylabel="excess risk", ylim=(0.0, 1.2)),
    ]
