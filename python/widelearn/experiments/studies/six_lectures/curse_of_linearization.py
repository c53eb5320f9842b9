"""Fixed features fail on quadratics, single neurons and parities that trained networks learn."""

from functools import cache

import numpy as np

from widelearn.datasets import hypercube
from widelearn.experiments.studies.ensembles import Array, kernel_fit, mean_square, new_seed, sphere
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, Theory, line, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import equal, less, wrong
from widelearn.kernels import NNGP, RBF
from widelearn.theory import (
    Spectrum,
    kernel_spectrum,
    neuron_spectrum,
    one_step_overlap,
    quadratic_network_residual,
    quadratic_nt_residual,
    risk,
    single_neuron_floor,
)

SETTINGS = {
    "d": 60,
    "shares": (0.25, 0.5, 0.75),
    "d_neuron": 30,
    "samples": (100, 300, 1000),
    "d_step": 200,
    "ratios": (0.5, 2.0, 8.0),
    "draws": 80,
}
QUICK = {"d_neuron": 20, "samples": (60, 200, 600), "draws": 60}
TANGENT, TRACE, NETWORK = "tangent, q = 0", "tangent, q = 1/2", "best network, q = 1/2"
KERNEL, FLOOR = "relu kernel on one relu neuron", "degrees up to 1 learned"
STEP, PARITY = "first step", "parity of 4 bits"
STEP_NOISE, PARITY_D, PARITY_N = 0.1, 20, 300
TRACES = {TANGENT: 0.0, TRACE: 0.5}


def cells(settings: Settings) -> list[Cell]:
    """Return a cell for each target."""
    return [{**settings, "part": part} for part in PARTS]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Simulate quadratics under tangent features, one neuron under its kernel, the first gradient step, or a parity."""
    return PARTS[cell["part"]](cell, np.random.default_rng(seed))


def quadratics(cell: Cell, rng: np.random.Generator) -> list[Row]:
    """Project ⟨x, B x⟩ on the tangent features of N = ρ d neurons: ‖P B P‖²/‖B‖², exactly."""
    d = cell["d"]
    G = rng.standard_normal((d, d))
    plain = (G + G.T) / 2
    plain -= np.trace(plain) / d * np.eye(d)
    plain /= np.linalg.norm(plain)
    traced = (plain + np.eye(d) / np.sqrt(d)) / np.sqrt(2)
    Q = np.linalg.qr(rng.standard_normal((d, d)))[0]
    rows = []
    for rho in cell["shares"]:
        rest = Q[:, round(rho * d) :]
        rows += [value(one, rho, np.sum((rest.T @ B @ rest) ** 2)) for one, B in ((TANGENT, plain), (TRACE, traced))]
        rows.append(value(NETWORK, rho, quadratic_network_residual(traced, round(rho * d))))
    return rows


def one_neuron(cell: Cell, rng: np.random.Generator) -> list[Row]:
    """Fit one relu neuron with the kernel of infinitely many: slow, where one neuron would do."""
    d, samples, kernel = cell["d_neuron"], cell["samples"], NNGP()
    X, test, u = sphere(rng, max(samples), d), sphere(rng, 1000, d), sphere(rng, 1, d, 1.0)[0]
    K, cross = kernel(X), kernel(test, X)
    y, truth = np.maximum(X @ u, 0), np.maximum(test @ u, 0)
    fits = {n: cross[:, :n] @ kernel_fit(K[:n, :n], y[:n], 1e-3) for n in samples}
    return [value(KERNEL, n, mean_square(fit - truth)) for n, fit in fits.items()]


def first_step(cell: Cell, rng: np.random.Generator) -> list[Row]:
    """Measure how well the first gradient points at a relu neuron's direction."""
    d, ratios = cell["d_step"], cell["ratios"]
    X = rng.standard_normal((int(max(ratios) * d), d))
    y = np.maximum(X[:, 0], 0) + np.sqrt(STEP_NOISE) * rng.standard_normal(len(X))
    rows = []
    for ratio in ratios:
        n = int(ratio * d)
        g: Array = X[:n].T @ (y[:n] - y[:n].mean())
        rows.append(value(STEP, ratio, g[0] ** 2 / (g @ g)))
    return rows


def parity(cell: Cell, rng: np.random.Generator) -> list[Row]:
    """Fit the product of four of twenty signs with an RBF kernel: chance level."""
    d, n = PARITY_D, PARITY_N
    kernel = RBF(gamma=0.5 / d)
    X = hypercube(n + 1000, d, random_state=new_seed(rng))
    y = X[:, :4].prod(axis=1)
    fit = kernel(X[n:], X[:n]) @ kernel_fit(kernel(X[:n]), y[:n], 0.1)
    return [value(PARITY, n, mean_square(fit - y[n:]))]


PARTS = {"quadratics": quadratics, "one neuron": one_neuron, "first step": first_step, "parity": parity}


@cache
def neuron(d: int) -> Spectrum:
    """Return the spectrum of one relu neuron."""
    return neuron_spectrum("relu", d, 40)


@cache
def parity_risk(n: int) -> float:
    """Return the risk on the cube."""
    spectrum = kernel_spectrum(RBF(gamma=0.5 / PARITY_D), PARITY_D, PARITY_D, "hypercube")
    return float(risk(spectrum, np.eye(PARITY_D + 1)[4], n, 0.1, 0.0).excess)


def theory(settings: Settings) -> Theory:
    """Return what each part's theory says."""
    d, spectrum = settings["d_step"], neuron(settings["d_neuron"])

    def predicted(row: Row) -> float | None:
        series, x = row["series"], row["x"]
        if series in TRACES:
            return float(quadratic_nt_residual(x, TRACES[series], settings["d"]))
        if series == KERNEL:
            return float(risk(spectrum, spectrum.masses, x, 1e-3, 0.0, target_tail=spectrum.tail).excess)
        if series == STEP:
            return float(one_step_overlap("relu", x * d, d, STEP_NOISE))
        return parity_risk(int(x)) if series == PARITY else None

    return predicted


def traceless(settings: Settings) -> Theory:
    """Return the residual of a quadratic without a trace."""
    return lambda row: float(quadratic_nt_residual(row["x"], 0.0, settings["d"]))


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge each prediction, and what a network with learned directions does better."""
    return [
        equal("tangent features leave (1 - ρ)²(1 - q) + (1 - ρ) q of a quadratic", TANGENT, TRACE, share=0.02),
        less("a network of as many neurons can leave less", NETWORK, TRACE),
        equal("kernel theory predicts the risk on one neuron", KERNEL, share=0.05),
        equal("the first gradient step finds the direction as predicted", STEP, share=0.04),
        equal("theory on the cube is the simulated risk on a parity, chance being 1", PARITY, share=0.05),
    ]


def controls(settings: Settings) -> list[Control]:
    """See that the trace must not be forgotten."""
    return [wrong("forgetting the trace of the quadratic predicts another residual", TRACE, traceless(settings))]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show quadratics, one neuron, the first step."""
    predicted, d, samples = theory(settings), settings["d_neuron"], settings["samples"]
    curve = np.geomspace(min(samples) / 2, 20 * max(samples), 81)
    floor = single_neuron_floor("relu", 1)
    quadratic = [one for series in TRACES for one in line(series, np.linspace(0, 1, 41), predicted)]
    kernel = [*line(KERNEL, curve, predicted), *line(FLOOR, curve[[0, -1]], lambda row: floor)]
    step = line(STEP, np.geomspace(0.25, 16, 61), predicted)
    shares, neurons = "neurons / dimensions, N/d", {"title": f"d = {d}", "xlabel": "samples n", "ylabel": "excess risk"}
    steps = {"xlabel": "samples / dimensions, n/d", "ylabel": "squared overlap with the direction"}
    return [
        panel([*of(rows, *TRACES, NETWORK), *quadratic], title="quadratic target", xlabel=shares, ylabel="residual"),
        panel([*of(rows, KERNEL), *kernel], **neurons, xscale="log", yscale="log"),
        panel([*of(rows, STEP), *step], title="one gradient step", **steps, xscale="log"),
    ]


SPEC = Spec(
    name="curse-of-linearization",
    about=__doc__,
    source="Ghorbani et al. 2019, 2021; Ba et al. 2022; Six Lectures, chapter 6",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=theory,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
