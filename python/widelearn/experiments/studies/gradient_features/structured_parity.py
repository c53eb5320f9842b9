"""Where inputs show the bits of a parity one gradient step finds them, and kernels find their majority alone."""

import math

import numpy as np

from widelearn import TwoLayerClassifier
from widelearn.datasets import parity
from widelearn.experiments.studies.baselines import RIDGES, Rival
from widelearn.experiments.studies.ensembles import Array, new_seed, ridge_fit
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, Theory, line, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import apart, at_least, at_most, equal
from widelearn.kernels import NTK, RBF
from widelearn.nets import simplified_gradient

SETTINGS = {"d": 100, "k": 5, "samples": (600, 1200, 2500, 5000), "draws": 8, "test": 4000}
QUICK = {"d": 20, "samples": (800,), "draws": 5, "test": 3000}
ONE_STEP, GD, TWIN = "one step", "algorithm 1", "one step, structure removed"
KERNELS, LINEAR = ("NTK", "RBF"), "linear ridge"
COSINE, TWIN_COSINE = "cosine of gradient and hidden direction", "the same, structure removed"
MAJORITY = "majority of the bits"
# What a kernel may be above the majority: a tenth of its error rate at k = 5.
MARGIN = 0.03


def cells(settings: Settings) -> list[Cell]:
    """Return one cell: all models are fitted to parts of the same rows."""
    return [settings]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Score on the uniform component; every model is right on the other one."""
    rng = np.random.default_rng(seed)
    d, k, samples, state = cell["d"], cell["k"], cell["samples"], new_seed(rng)
    most = max(samples)
    data = parity(most + cell["test"], d, k, kind="structured", random_state=state)
    twin = parity(most + cell["test"], d, k, kind="uniform", random_state=state)
    hard = np.arange(len(data.y)) >= most
    test, truth = data.X[hard & data.uniform], data.y[hard & data.uniform]
    rows, signs = [], data.y[:most].astype(float)
    for name, kernel in zip(KERNELS, (NTK(), RBF(1 / d)), strict=True):
        rival = Rival(kernel, data.X[:most], test)
        rows += [value(name, n, rival.accuracy(signs[:n], truth)) for n in samples]
    rows += [value(LINEAR, n, linear_accuracy(data.X[:n], signs[:n], test, truth)) for n in samples]
    for n in samples:
        X, y = data.X[:n], signs[:n]
        for name, algorithm in ((ONE_STEP, "one_step"), (GD, "algorithm1")):
            net = TwoLayerClassifier.preset("structured_parity", algorithm=algorithm, random_state=state)
            rows.append(value(name, n, net.fit(X, y).score(test, truth)))
        net = TwoLayerClassifier.preset("structured_parity", random_state=state).fit(twin.X[:n], twin.y[:n])
        rows.append(value(TWIN, n, net.score(twin.X[most:], twin.y[most:])))
        W = rng.standard_normal((100, d)) / np.sqrt(d)
        for name, part in ((COSINE, data), (TWIN_COSINE, twin)):
            G = simplified_gradient(part.X[:n], part.y[:n, None].astype(float), W, np.zeros(100))[0]
            rows.append(value(name, n, np.mean(np.abs(G @ data.directions[0]) / np.linalg.norm(G, axis=1))))
    return rows


def linear_accuracy(X: Array, y: Array, test: Array, truth: Array) -> float:
    """Return the best share of signs that linear ridge regression gets right, over ridges."""
    fits = [test @ ridge_fit(X, y, ridge * len(X)) for ridge in RIDGES]
    return max(float(np.mean(np.sign(fit) == truth)) for fit in fits)


def majority(k: int) -> float:
    """Return how often the majority of k uniform bits, k odd, has the sign of their product."""
    right = sum(math.comb(k, plus) for plus in range(k + 1) if (-1) ** (k - plus) == (1 if 2 * plus > k else -1))
    return right / 2**k


def theory(settings: Settings) -> Theory:
    """Return the accuracy of a linear fit, whose weights on the bits are equal."""
    level = majority(settings["k"])
    return lambda row: level if row["series"] == LINEAR else None


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge that one step suffices where inputs show the bits, and that kernels see no more than their majority."""
    n, rival, level = max(settings["samples"]), KERNELS[0], majority(settings["k"])
    return [
        at_least(f"one gradient step and a convex fit learn from {n} rows", ONE_STEP, bound=0.97, rival=rival, at=n),
        at_least("so do a forgetting step and small steps after it", GD, bound=0.93, rival=rival, at=n),
        at_least("the gradient at the start points along the hidden bits", COSINE, bound=0.9, rival=TWIN_COSINE, at=n),
        equal(
            f"a linear fit is the majority, right in {level:.4g} of the rows", LINEAR, share=0.03, at=n, accuracy=True
        ),
        at_most(
            "NTK and RBF kernels at their best ridge are no better than the majority",
            *KERNELS,
            bound=level + MARGIN,
            rival=ONE_STEP,
            at=n,
        ),
    ]


def controls(settings: Settings) -> list[Control]:
    """See that it fails without structure in the inputs."""
    return [apart("without structure in the inputs it fails", ONE_STEP, TWIN, at=max(settings["samples"]))]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show accuracy on the uniform component beside the majority's, and how well the gradient is aligned."""
    axes = {"xlabel": "samples n", "xscale": "log", "ylim": (0.0, 1.02)}
    level, samples = majority(settings["k"]), settings["samples"]
    # A quick run has one number of samples, at which no line would be seen.
    lines = line(MAJORITY, (min(samples) / 2, 2 * max(samples)), lambda row: level)
    return [
        panel(
            [*of(rows, LINEAR, *KERNELS, ONE_STEP, GD, TWIN), *lines],
            ylabel="accuracy on the uniform component",
            **axes,
        ),
        panel(of(rows, COSINE, TWIN_COSINE), ylabel=COSINE, **axes),
    ]


SPEC = Spec(
    name="structured-parity",
    about=__doc__,
    source="Daniely & Malach 2020; Shi, Wei & Liang 2022 and 2023",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=theory,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
