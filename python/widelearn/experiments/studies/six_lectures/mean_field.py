"""Networks in the mean-field scaling follow a flow of few variables a neuron, below what the linear regime leaves."""

from functools import cache, partial

import numpy as np
from scipy.special import erf

from widelearn.experiments.studies.ensembles import Array
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.passes import Pass
from widelearn.experiments.studies.rows import Row, Rows, Theory, line, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import at_least, at_most, close, wrong
from widelearn.theory import hermite_coefficients, mean_field_flow, mean_field_particles, single_neuron_floor

SETTINGS = {
    "d": 100,
    "width": 200,
    "norm": 2.0,
    "scales": (1.0, 8.0),
    "times": (1.0, 2.0, 4.0, 8.0, 12.0),
    "step": 0.0125,
    "batch": 500,
    "draws": 8,
}
QUICK = {"d": 80, "width": 120, "times": (2.0, 4.0, 8.0, 12.0), "step": 0.025, "batch": 250, "draws": 5}
TRAINED, LINEAR = "network, trained on samples", "linear regime"


def particles(scale: float) -> str:
    """Name the flow in d dimensions."""
    return f"particles, α = {scale:g}"


def reduced(scale: float) -> str:
    """Name the flow in few variables."""
    return f"few variables, α = {scale:g}"


def cells(settings: Settings) -> list[Cell]:
    """Return a cell for each scale, and one for training on samples."""
    return [{**settings, "scale": scale} for scale in (*settings["scales"], None)]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Follow the flow of the population risk from one start, in d dimensions and reduced; or train on fresh samples."""
    rng = np.random.default_rng(seed)
    d, width, norm, scale = cell["d"], cell["width"], cell["norm"], cell["scale"]
    W = rng.standard_normal((width, d)) / np.sqrt(d)
    times = np.array([0.0, *cell["times"]])
    if scale is None:
        return trained(cell, rng, W, times)
    options = {"scale": scale, "from_zero": scale != 1}
    full = mean_field_particles(W, norm * np.eye(d)[0], times, **options)
    few = mean_field_flow(W[:, 0], np.linalg.norm(W[:, 1:], axis=1), norm, times, **options)
    found = ((particles(scale), full.risk), (reduced(scale), few.risk))
    return [value(series, t, risk) for series, risks in found for t, risk in zip(times[1:], risks[1:], strict=True)]


def trained(cell: Cell, rng: np.random.Generator, W: Array, times: Array) -> list[Row]:
    """Train the network on fresh samples; erf(t) is erf(t/√2) of weights √2 times as large, at half the time."""
    width = cell["width"]
    link = partial(neuron, cell["norm"])
    one = Pass(link, 1, "gaussian", step=cell["step"], batch=cell["batch"])
    net = one.train(W / np.sqrt(2), np.zeros(width), np.ones(width), times / 2, rng, train_bias=False)
    few = mean_field_flow(W[:, 0], np.linalg.norm(W[:, 1:], axis=1), cell["norm"], times)
    rows = [value(TRAINED, t, risk) for t, risk in zip(times[1:], net.risks, strict=True)]
    return rows + [value(f"{TRAINED}: few variables", t, risk) for t, risk in zip(times[1:], few.risk[1:], strict=True)]


def neuron(norm: float, z: Array) -> Array:
    """Return the target of the direction's component."""
    return np.asarray(erf(norm * z[:, 0] / np.sqrt(2)))


@cache
def masses(norm: float) -> tuple[float, float, float]:
    """Return the target's squared masses in degree 1 and above, and twice the rate at which degree 1 is learned."""

    def link(t: Array) -> Array:
        return neuron(norm, t[..., None])

    def unit(t: Array) -> Array:
        return neuron(1.0, t[..., None])

    linear, slope = hermite_coefficients(link, 1)[1], hermite_coefficients(unit, 1)[1]
    return float(linear**2), single_neuron_floor(link, 1), float(2 * slope**2)


def linear_regime(settings: Settings) -> Theory:
    """Return the risk for large scales and dimensions: degree 1 is learned, nothing above it."""
    linear, rest, rate = masses(settings["norm"])
    return lambda row: float(linear * np.exp(-rate * row["x"]) + rest)


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge the reduction at every scale and of training on samples, and where the linear regime ends."""
    rest, end, largest = masses(settings["norm"])[1], max(settings["times"]), max(settings["scales"])
    mean_field = particles(1.0)
    return [
        *(
            close(f"few variables give the risk of particles, α = {scale:g}", particles(scale), reduced(scale), 0.01)
            for scale in settings["scales"]
        ),
        close("few variables give the risk of networks trained on samples", TRAINED, f"{TRAINED}: few variables", 0.05),
        at_most(
            "networks leave less than half of what degree 1 does",
            TRAINED,
            mean_field,
            bound=rest / 2,
            rival=particles(largest),
            at=end,
        ),
        at_least(
            f"at α = {largest:g} they leave nearly all of it",
            particles(largest),
            bound=0.8 * rest,
            rival=mean_field,
            at=end,
        ),
    ]


def controls(settings: Settings) -> list[Control]:
    """See that trained networks are not in the linear regime."""
    at = max(settings["times"])
    return [wrong("the linear regime is not the risk of trained networks", TRAINED, linear_regime(settings), at=at)]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show risks along training, a panel for flows and one for samples."""
    predicted, times = linear_regime(settings), np.linspace(0, max(settings["times"]), 61)
    limit = line(LINEAR, times, predicted)
    flows = [one for scale in settings["scales"] for one in drawn(rows, particles(scale), reduced(scale))]
    axes = {"xlabel": "time t of training", "ylabel": "risk", "yscale": "log"}
    return [
        panel([*flows, *limit], title="population gradients", **axes),
        panel([*drawn(rows, TRAINED, f"{TRAINED}: few variables"), *limit], title="one pass over samples", **axes),
    ]


def drawn(rows: Rows, series: str, flow: str) -> list[Row]:
    """Return a series with the mean of its flow as a line."""
    there = {one["x"]: one["simulation"] for one in of(rows, flow)}
    return [one | {"theory": there.get(one["x"])} for one in of(rows, series)]


SPEC = Spec(
    name="mean-field",
    about=__doc__,
    source="Mei, Montanari & Nguyen 2018; Chizat, Oyallon & Bach 2019; Six Lectures, chapter 6",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=None,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
