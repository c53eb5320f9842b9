"""Kernels need inputs that are long in the target's directions; a network that is trained finds these directions."""

from functools import cache
from typing import Any

import numpy as np

from widelearn import KernelRidgeCV, TwoLayerRegressor, datasets
from widelearn.experiments.studies.ensembles import Array, kernel_fit, mean_square, new_seed, noisy
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, Theory, line, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import equal, less, wrong
from widelearn.kernels import NTK, RBF
from widelearn.theory import Spectrum, effective_dimension, kernel_spectrum, risk, spiked_spectrum

SETTINGS: dict[str, Any] = {
    "d": 40,
    "k": 3,
    "n": 300,
    "noise": 0.01,
    "ridge": 0.02,
    "radii": (1.0, 1.25, 1.5, 2.0, 2.5, 3.0),
    "width": 64,
    "max_iter": 400,
    "test": 1000,
    "draws": 60,
}
QUICK = {"radii": (1.0, 1.5, 2.5), "max_iter": 150, "test": 400, "draws": 24}
FIXED, TUNED, NETWORK = "exp kernel", "best of NTK and RBF", "network"
DEGREES = 5


def cells(settings: Settings) -> list[Cell]:
    """Return a cell for each radius."""
    return [{**settings, "radius": radius} for radius in settings["radii"]]


def target(z: Array) -> Array:
    """Return z_1 z_2 of variance 1: degree 2 on the sphere in three dimensions or more."""
    k = z.shape[1]
    return np.asarray(z[:, 0] * z[:, 1] * np.sqrt((k + 2) / k))


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Fit z_1 z_2 by kernels, with fixed and with tuned parameters, and by a network; rows have the length √d."""
    rng = np.random.default_rng(seed)
    n, d, k, radius = cell["n"], cell["d"], cell["k"], cell["radius"]
    data = datasets.spiked(n + cell["test"], d, k, radius, new_seed(rng))
    X, f = data.X * np.sqrt(d / (radius**2 * k + d - k)), target(data.z)
    y, truth = noisy(rng, f[:n], cell["noise"]), f[n:]
    K = np.exp(X @ X[:n].T / d)
    # leave-one-out chooses the kernel, its width and the penalty
    kernels = [NTK(depth=1), *(RBF(gamma=scale / d) for scale in (0.2, 0.7))]
    network = TwoLayerRegressor(cell["width"], max_iter=cell["max_iter"], scaling="scalar", random_state=new_seed(rng))
    found = {
        FIXED: K[n:] @ kernel_fit(K[:n], y, cell["ridge"]),
        TUNED: KernelRidgeCV(kernels).fit(X[:n], y).predict(X[n:]),
        NETWORK: network.fit(X[:n], y).predict(X[n:]),
    }
    return [value(series, radius, mean_square(one - truth)) for series, one in found.items()]


@cache
def predicted_risk(n: float, d: int, k: int, radius: float, ridge: float, noise: float) -> float:
    """Return the risk by the spectrum on spiked inputs; radius 0 stands for inputs without spikes."""
    spectrum: Spectrum
    if radius:
        spectrum, degrees = spiked_spectrum(np.exp, d, k, radius, DEGREES)
        masses = (degrees == [2, 0]).all(axis=1) * 1.0
    else:
        spectrum, masses = kernel_spectrum(np.exp, d, DEGREES), np.eye(DEGREES + 1)[2]
    return float(risk(spectrum, masses, n, ridge, noise).excess)


def risk_at(settings: Settings, radius: float) -> float:
    """Return the risk of the study's kernel at a radius."""
    n, d, k = settings["n"], settings["d"], settings["k"]
    return predicted_risk(n, d, k, radius, settings["ridge"], settings["noise"])


def theory(settings: Settings) -> Theory:
    """Return the risk of the fixed kernel."""
    return lambda row: risk_at(settings, row["x"]) if row["series"] == FIXED else None


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge the theory of the kernel, and the network against the best kernel."""
    shortest = settings["radii"][0]
    return [
        equal("the spectrum on spiked inputs predicts the exp kernel at every radius", FIXED, share=0.05),
        less(
            "the network has less than half of the error of the best of NTK and RBF, chosen by leave-one-out, up to"
            " radius 1.5",
            NETWORK,
            TUNED,
            factor=2.0,
            at=lambda radius: radius <= 1.5,
        ),
        less(f"at radius {shortest:g} it has less than a third of it", NETWORK, TUNED, factor=3.0, at=shortest),
    ]


def controls(settings: Settings) -> list[Control]:
    """See that a spectrum without spikes predicts another risk."""
    longest = settings["radii"][-1]
    text = "the spectrum of inputs without spikes does not predict the kernel at the largest radius"
    return [wrong(text, FIXED, lambda row: risk_at(settings, 0.0), longest)]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show the error against the radius, and against the dimension that kernels see."""
    d, k, radii = settings["d"], settings["k"], settings["radii"]
    grid = np.linspace(min(radii), max(radii), 41)
    shown = of(rows, FIXED, TUNED, NETWORK)
    seen = [one | {"x": effective_dimension(d, k, one["x"])} for one in shown]
    return [
        panel(
            [*shown, *line(FIXED, grid, theory(settings))],
            xlabel="length r of a coordinate of z",
            ylabel="excess risk",
            yscale="log",
        ),
        panel(seen, xlabel="effective dimension max(k, d/r²)", ylabel="excess risk", xscale="log", yscale="log"),
    ]


SPEC = Spec(
    name="spiked-covariates",
    about=__doc__,
    source="Ghorbani et al. 2020; Six Lectures, chapter 6",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=theory,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
