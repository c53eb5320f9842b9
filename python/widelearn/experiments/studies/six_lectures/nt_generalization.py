"""Tangent features with n of the order of d are linear ridge regression with a larger ridge."""

from typing import Any

import numpy as np

from widelearn.experiments.studies.ensembles import draws, kernel_fit, mean_square, noisy, polynomial, sphere
from widelearn.experiments.studies.rows import Row, Rows, Values, of, panel, row, without
from widelearn.experiments.studies.spec import Claim, Panels, Settings, Step, apart, within
from widelearn.theory import Spectrum, hermite_coefficients, neuron_spectrum, nt_effective_ridge, risk

SOURCE = "Montanari & Zhong 2022; Six Lectures, chapter 5"
SETTINGS = {
    "d": 80,
    "width": 800,
    "noise": 0.1,
    "samples": (40, 80, 160, 320),
    "ridges": (0.0, 0.3),
    "draws": 30,
    "test": 2000,
}
QUICK = {"samples": (80, 160, 320), "draws": 24, "test": 1000}
CONTROL, QUADRATIC = "without the ridge of higher degrees", "quadratic target"


def name_of(ridge: float) -> str:
    """Name the series of a ridge."""
    return f"linear target, Λ = {ridge:g}"


def simulate(settings: Settings, seed: int, step: Step) -> list[Row]:
    """Fit finite tangent models, never forming their features: K_N is a Hadamard product."""
    d, N, noise = settings["d"], settings["width"], settings["noise"]
    found = Values()
    limits: list[list[float]] = []
    for rng in draws(settings["draws"], seed, step):
        samples = settings["samples"]
        X, test, W = sphere(rng, max(samples), d), sphere(rng, settings["test"], d), sphere(rng, N, d, 1.0)
        on, on_test = ((A @ W.T > 0).astype(float) for A in (X, test))
        K, cross = (on @ on.T / N) * (X @ X.T / d), (on_test @ on.T / N) * (test @ X.T / d)
        wide, wide_cross = (limit(A @ X.T / d) for A in (X, test))
        for share, label in ((0.0, ""), (0.4, QUADRATIC)):
            f = polynomial(rng, d, 1 - share, share)
            y, truth = noisy(rng, f(X), noise), f(test)
            for n in samples:
                for ridge in settings["ridges"] if not label else settings["ridges"][-1:]:
                    fit = cross[:, :n] @ kernel_fit(K[:n, :n], y[:n], ridge)
                    error = mean_square(fit - truth)
                    found.add(label or name_of(ridge), n, error)
                    if label and n == max(samples):
                        other = wide_cross[:, :n] @ kernel_fit(wide[:n, :n], y[:n], ridge)
                        limits.append([error, mean_square(other - truth)])
    gap = float(np.mean([a for a, _ in limits]) / np.mean([b for _, b in limits]) - 1)
    return predictions(settings, found, gap)


def limit(t: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the tangent kernel of infinitely many relu neurons."""
    return t * (0.5 - np.arccos(np.clip(t, -1, 1)) / (2 * np.pi))


def predictions(settings: Settings, found: Values, gap: float) -> list[Row]:
    """Put linear-ridge theory beside linear targets, and the kernel's own spectrum beside the quadratic one."""
    d, noise = settings["d"], settings["noise"]
    spectrum, last = neuron_spectrum("relu", d, 6, tangent=True), settings["ridges"][-1]
    mean = float(hermite_coefficients("relu", 0, derivative=1)[0])
    linear = Spectrum([1.0], [float(d)])

    def theory(series: str, n: float) -> float:
        if series == QUADRATIC:
            return float(risk(spectrum, [0, 0.6, 0.4, 0, 0, 0, 0], n, last, noise).excess)
        ridge = next(one for one in settings["ridges"] if name_of(one) == series)
        return float(risk(linear, [1.0], n, d * nt_effective_ridge("relu", ridge), noise).excess)

    rows = found.rows(theory, wide_gap=gap)
    curve = np.geomspace(min(settings["samples"]) / 2, 2 * max(settings["samples"]), 61)
    rows += [row(series, n, theory(series, n)) for series in dict.fromkeys(s for s, _ in found.values) for n in curve]
    n = max(settings["samples"])
    wrong = float(risk(linear, [1.0], n, d * last / mean**2, noise).excess)
    return [*rows, row(CONTROL, n, wrong, found.values[name_of(last), n])]


def claims(rows: Rows, settings: Settings) -> list[Claim]:
    """Judge both theories; the finite width costs little; the ridge of higher degrees must not be forgotten."""
    gap = next(one["wide_gap"] for one in of(rows, QUADRATIC))
    return [
        within(of(rows, *map(name_of, settings["ridges"])), "linear ridge has the risk at γ = (Λ + v_1)/μ_0²", 0.05),
        within(of(rows, QUADRATIC), "the tangent kernel's spectrum predicts a quadratic target too", 0.05),
        Claim("finite width costs at most 2 % beside the infinitely wide kernel", abs(gap) < 0.02, f"{gap:+.2%}"),
        apart(of(rows, CONTROL), "without the ridge that higher degrees induce the risk is another"),
    ]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show risk against n."""
    return [panel(without(rows, CONTROL), xlabel="samples", ylabel="excess risk", xscale="log", ylim=(0.0, 1.1))]
