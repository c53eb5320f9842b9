"""The tangent kernel at trained weights has what training learned: on fresh rows it does as well as the network."""

from typing import Any

import numpy as np

from widelearn import KernelRidgeCV, TwoLayerRegressor
from widelearn.experiments.studies.ensembles import Array, mean_square, new_seed, noisy
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import apart, at_most, less
from widelearn.kernels import NTK
from widelearn.nets import TangentKernel, TwoLayer

SETTINGS: dict[str, Any] = {
    "d": 30,
    "samples": (300, 600, 1200),
    "noise": 0.01,
    "width": 64,
    "max_iter": 300,
    "test": 2000,
    "draws": 20,
}
QUICK = {"samples": (300,), "test": 800, "draws": 9}
NETWORK, LIMIT, START, AFTER = "network", "infinite network's kernel", "kernel at the start", "kernel after training"
SHUFFLED = "kernel after training on permuted targets"
# Of the target's variance.
SMALL = 0.06


def cells(settings: Settings) -> list[Cell]:
    """Return a cell for each number of rows."""
    return [{**settings, "n": n} for n in settings["samples"]]


def target(X: Array) -> Array:
    """Return |x_1|, of which no linear function knows anything."""
    return np.abs(X[:, 0])


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Train a network; fit kernels, with penalties chosen by leave-one-out, to other rows, and test all on more."""
    rng = np.random.default_rng(seed)
    n, d = cell["n"], cell["d"]
    X, fresh, test = (rng.standard_normal((rows, d)) for rows in (n, n, cell["test"]))
    y, y_fresh, truth = noisy(rng, target(X), cell["noise"]), noisy(rng, target(fresh), cell["noise"]), target(test)
    options = {"width": cell["width"], "max_iter": cell["max_iter"], "scaling": None, "random_state": new_seed(rng)}
    trained = TwoLayerRegressor(**options).fit(X, y)
    shuffled = TwoLayerRegressor(**options).fit(X, rng.permutation(y))
    weights = {
        START: (trained.W0_, trained.b0_, trained.a0_),
        AFTER: (trained.W_, trained.b_, trained.a_),
        SHUFFLED: (shuffled.W_, shuffled.b_, shuffled.a_),
    }
    kernels = {name: TangentKernel(TwoLayer(*parts, "relu")) for name, parts in weights.items()}
    found = {NETWORK: trained.predict(test)}
    for name, kernel in {LIMIT: NTK(depth=1), **kernels}.items():
        found[name] = KernelRidgeCV(kernel).fit(fresh, y_fresh).predict(test)
    return [value(name, n, mean_square(one - truth) / np.var(truth)) for name, one in found.items()]


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge the kernel after training against those before."""
    return [
        less(
            "on fresh rows the relu network's kernel after training has less than a fifth of the error of the infinite"
            " network's kernel and of its own at the start",
            AFTER,
            LIMIT,
            START,
            factor=5.0,
        ),
        at_most(f"it leaves at most {SMALL:.0%} of the target's variance", AFTER, bound=SMALL, rival=LIMIT),
    ]


def controls(settings: Settings) -> list[Control]:
    """See that training without a target to learn leaves no such kernel."""
    return [apart("training on permuted targets leaves another kernel", AFTER, SHUFFLED)]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show errors against the number of rows."""
    axes = {"xlabel": "rows n", "ylabel": "test error / variance of the target", "xscale": "log", "yscale": "log"}
    return [panel(of(rows, NETWORK, AFTER, LIMIT, START, SHUFFLED), **axes)]


SPEC = Spec(
    name="after-kernel",
    about=__doc__,
    source="Long 2021; Six Lectures, chapter 6",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=None,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
