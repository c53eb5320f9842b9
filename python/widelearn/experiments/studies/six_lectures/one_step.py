"""One long gradient step leads a network below what kernels leave of a neuron; a short one does not."""

import numpy as np

from widelearn import TwoLayerRegressor
from widelearn.experiments.studies.baselines import best_error
from widelearn.experiments.studies.ensembles import Array, mean_square, new_seed, sphere
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, Theory, line, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import apart, at_least, at_most, equal, less
from widelearn.kernels import NNGP
from widelearn.nets import TwoLayer
from widelearn.theory import one_step_overlap, one_step_risk, single_neuron_floor

SETTINGS = {
    # Of the three steps: dimension, and neurons over it.
    "d": 80,
    "share": 3,
    # Of the gradient alone.
    "d_alone": 200,
    "ratios": (1, 2, 4, 8, 16),
    "noise": 0.09,
    "draws": 24,
    "kernel_draws": 6,
}
QUICK = {"d": 60, "ratios": (2, 8), "draws": 18, "kernel_draws": 5}
# η, the length of a step, as a power of the width N and a factor.
LENGTHS = {"no step": (0.0, 0.0), "η = 1": (1.0, 0.0), "η = 16 √N": (16.0, 0.5)}
NONE, SHORT, LONG = LENGTHS
KERNEL, FLOOR = "NNGP kernel", "degrees up to 1 learned"
OVERLAP, ALONE, EVEN = "overlap² of the gradient", "the gradient alone", "overlap² of an even target's"
# Rows that fit the output weights of the gradient alone, and that measure errors.
FRESH, TEST = 8000, 2000


def cells(settings: Settings) -> list[Cell]:
    """Return cells for the steps and for the kernel at every ratio of samples to dimensions, and one for theory."""
    few = {"draws": settings["kernel_draws"]}
    steps = [
        {**settings, "part": part, "ratio": ratio, **own}
        for ratio in settings["ratios"]
        for part, own in (("steps", {}), ("kernel", few))
    ]
    return [*steps, {**settings, "part": "alone"}]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Take a step on n rows and fit output weights to n more; or a kernel to both; or measure the gradient alone."""
    rng, noise = np.random.default_rng(seed), cell["noise"]
    if cell["part"] == "alone":
        return alone(cell, rng)
    d, ratio = cell["d"], cell["ratio"]
    n = round(ratio * d)
    X, test = rng.standard_normal((2 * n, d)), rng.standard_normal((TEST, d))
    y, truth = relu(X[:, 0]) + np.sqrt(noise) * rng.standard_normal(2 * n), relu(test[:, 0])
    if cell["part"] == "kernel":
        return [value(KERNEL, ratio, best_error(NNGP(), X, y, test, truth))]
    width = cell["share"] * d
    W, a = sphere(rng, width, d, 1.0), rng.standard_normal(width) / width
    # pairs of opposite output weights, so that f = 0
    net = TwoLayer(np.tile(W, (2, 1)), np.zeros(2 * width), np.concatenate([a, -a])[:, None], "relu")
    G = net.loss_gradient(X[:n], (y[:n] - y[:n].mean())[:, None], "squared").W[:width]
    rows = []
    for series, (factor, power) in LENGTHS.items():
        # times √N: f = Σ_i a_i σ(⟨w_i, x⟩) with a_i of order 1/N has a gradient of that order
        stepped = np.ascontiguousarray(W - factor * width**power * np.sqrt(width) * G)
        kernel = Features(TwoLayer(stepped, np.zeros(width), np.ones((width, 1)), "relu"))
        rows.append(value(series, ratio, best_error(kernel, X[n:], y[n:], test, truth)))
    return rows


class Features:
    """The kernel of a first layer and a constant."""

    def __init__(self, net: TwoLayer) -> None:
        self.net = net

    def __call__(self, X: Array, Y: Array | None = None) -> Array:
        """Return the inner products of features over the width."""
        left = self.net.hidden(X)
        right = left if Y is None else self.net.hidden(Y)
        return np.asarray(1 + left @ right.T) / len(self.net.b)


def relu(t: Array) -> Array:
    """Return the target of the direction's component."""
    return np.maximum(t, 0)


def alone(cell: Cell, rng: np.random.Generator) -> list[Row]:
    """Replace the first layer by its gradient, from so small a start that slopes are those at the thresholds."""
    d, noise = cell["d_alone"], cell["noise"]
    most = round(max(cell["ratios"]) * d)
    X = rng.standard_normal((most + FRESH + TEST, d), dtype=np.float32)
    truth = relu(X[:, 0].astype(float))
    y = truth + np.sqrt(noise) * rng.standard_normal(len(X))
    even = X[:, 0] ** 2 / np.sqrt(2)
    rows, state, fresh = [], new_seed(rng), slice(most, most + FRESH)
    for ratio in cell["ratios"]:
        n = round(ratio * d)
        mean = y[:n].mean()
        net = TwoLayerRegressor(
            64, algorithm="one_step", weight_scale=1e-9, alpha=1e-6, scaling=None, random_state=state
        ).fit_stream([(X[:n], y[:n] - mean), (X[fresh], y[fresh] - mean)])
        found = net.predict(X[-TEST:]) + mean - truth[-TEST:]
        # neurons whose slope is 0 keep their start
        w = net.W_[np.argmax(np.linalg.norm(net.W_, axis=1))].astype(float)
        g = X[:n].T @ (even[:n] - even[:n].mean())
        rows.append(value(ALONE, ratio, mean_square(found)))
        rows.append(value(OVERLAP, ratio, w[0] ** 2 / (w @ w)))
        rows.append(value(EVEN, ratio, g[0] ** 2 / (g @ g)))
    return rows


def theory(settings: Settings) -> Theory:
    """Return the overlap, and the risk of the best function of the direction that the gradient finds."""
    d, noise = settings["d_alone"], settings["noise"]

    def predicted(row: Row) -> float | None:
        if row["series"] == OVERLAP:
            return float(one_step_overlap("relu", row["x"] * d, d, noise))
        return float(one_step_risk("relu", row["x"] * d, d, noise)) if row["series"] == ALONE else None

    return predicted


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge the gradient against theory, and steps of three lengths against degree 1 and the kernel."""
    floor, most = single_neuron_floor("relu", 1), max(settings["ratios"])
    text = f"n = {most} d"
    return [
        equal("the gradient of a network finds the direction as predicted", OVERLAP, share=0.04),
        equal("fitted on the gradient alone, networks leave what theory says", ALONE, share=0.04),
        at_least("without a step they leave more than degree 1 does", NONE, bound=floor, rival=LONG, at=most),
        at_least("after a step of η = 1, too", SHORT, bound=floor, rival=LONG, at=most),
        at_most(f"after a step of 16 √N they leave less, {text}", LONG, bound=floor, rival=SHORT, at=most),
        less(f"and less than the NNGP kernel of both samples, {text}", LONG, KERNEL, at=most),
    ]


def controls(settings: Settings) -> list[Control]:
    """See that the step is what it takes, and a target with a linear part."""
    most = max(settings["ratios"])
    return [
        apart("without its step the network is another one", LONG, NONE, at=most),
        apart("the gradient does not find the direction of an even target", OVERLAP, EVEN, at=most),
    ]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show risks of steps and of the gradient alone, and overlaps."""
    predicted, ratios = theory(settings), settings["ratios"]
    xs = np.geomspace(min(ratios), max(ratios), 41)
    floor = line(FLOOR, [min(ratios), max(ratios)], lambda row: single_neuron_floor("relu", 1))
    axes = {"xlabel": "samples / dimensions, n/d", "xscale": "log"}
    d, N = settings["d"], settings["share"] * settings["d"]
    steps = [*of(rows, *LENGTHS, KERNEL), *floor]
    single = [*of(rows, ALONE), *line(ALONE, xs, predicted), *floor]
    overlaps = [*of(rows, OVERLAP, EVEN), *line(OVERLAP, xs, predicted)]
    return [
        panel(steps, title=f"d = {d}, N = {N}", ylabel="excess risk", yscale="log", **axes),
        panel(single, title=f"d = {settings['d_alone']}", ylabel="excess risk", yscale="log", **axes),
        panel(overlaps, ylabel="squared overlap with the direction", **axes),
    ]


SPEC = Spec(
    name="one-step",
    about=__doc__,
    source="Ba et al. 2022; Damian, Lee & Soltanolkotabi 2022; Six Lectures, chapter 6",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=theory,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
