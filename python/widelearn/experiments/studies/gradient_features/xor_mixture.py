"""On clusters labelled by exclusive or, networks learn from O(d) rows, NTK and RBF kernels do not."""

import numpy as np

from widelearn import TwoLayerClassifier
from widelearn.datasets import xor_mixture
from widelearn.experiments.studies.baselines import best_accuracy
from widelearn.experiments.studies.ensembles import new_seed
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, Theory, panel, value, without
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import apart, at_least, at_most, equal, more
from widelearn.kernels import NTK, RBF, Polynomial
from widelearn.theory import xor_accuracy

SETTINGS = {"dimensions": (250, 500, 1000), "ratio": 1.5, "radius": 4.0, "draws": 8, "test": 4000}
QUICK = {"dimensions": (500,), "draws": 5, "test": 2000}
NETWORK, FROZEN, BEST = "network", "network, first layer frozen", "best classifier"
SHARE, FROZEN_SHARE = "share of weights in the plane", "share of weights in the plane, frozen"
KERNELS = ("NTK", "RBF")
OWN_DEGREE = "quadratic kernel"
# From this dimension on every kernel must be behind.
LARGE = 1000


def cells(settings: Settings) -> list[Cell]:
    """Return a cell for each dimension."""
    return [{**settings, "dimension": d} for d in settings["dimensions"]]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Fit networks and kernels to n = ratio d rows."""
    rng = np.random.default_rng((*seed, cell["dimension"]))
    d = cell["dimension"]
    n, state = int(cell["ratio"] * d), new_seed(rng)
    data = xor_mixture(n + cell["test"], d, cell["radius"], random_state=state)
    X, y, test, truth = data.X[:n], data.y[:n].astype(float), data.X[n:], data.y[n:]
    kernels = zip((*KERNELS, OWN_DEGREE), (NTK(), RBF(1 / d), Polynomial(2, coef0=0)), strict=True)
    rows = [value(name, d, best_accuracy(kernel, X, y, test, truth)) for name, kernel in kernels]
    for name, share, algorithm in ((NETWORK, SHARE, "gd"), (FROZEN, FROZEN_SHARE, "frozen")):
        net = TwoLayerClassifier.preset("xor_mixture", algorithm=algorithm, random_state=state).fit(X, y)
        inside = net.W_ @ data.directions.T
        rows += [value(name, d, net.score(test, truth)), value(share, d, (inside**2).sum() / (net.W_**2).sum())]
    return [*rows, value(BEST, d, np.mean(data.bayes(test) == truth))]


def theory(settings: Settings) -> Theory:
    """Return the accuracies of the best classifier and of the quadratic kernel."""
    radius = settings["radius"]
    best = float(xor_mixture(1, 2, radius, random_state=0).bayes_accuracy)
    quadratic = {float(d): xor_accuracy(int(settings["ratio"] * d), d, radius) for d in settings["dimensions"]}
    return lambda row: {BEST: best, OWN_DEGREE: quadratic.get(row["x"])}.get(row["series"])


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge that networks are near the best classifier with n in O(d), and these kernels are not."""
    largest, ratio = max(settings["dimensions"]), settings["ratio"]
    return [
        at_least(f"networks learn from {ratio:g} d rows", NETWORK, bound=0.96, rival=KERNELS[1]),
        more(f"at d = {largest} they are right 1.4 times as often", NETWORK, *KERNELS, factor=1 / 1.4, at=largest),
        equal("the quadratic kernel is as accurate as theory says", OWN_DEGREE, share=0.01),
        *(verdict for d in settings["dimensions"] if d >= LARGE for verdict in where_large(d)),
        at_least("the first layer turns into the clusters' plane", SHARE, bound=0.4, rival=FROZEN_SHARE, at=largest),
    ]


def where_large(d: int) -> list[Verdict]:
    """Judge the rivals that dimensions must be large for: the quadratic kernel leads at d = 250."""
    return [
        at_most(f"NTK and RBF kernels stay near chance at d = {d}", *KERNELS, bound=0.65, rival=NETWORK, at=d),
        more(f"the quadratic kernel is behind at d = {d}", NETWORK, OWN_DEGREE, at=d),
    ]


def controls(settings: Settings) -> list[Control]:
    """See that a network with its first layer frozen does not learn."""
    return [apart("with its first layer frozen it does not learn", NETWORK, FROZEN)]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show accuracy against the dimension, that of the kernel of the problem's own degree too."""
    axes = {"xlabel": "dimension d", "ylabel": "test accuracy", "xscale": "log", "ylim": (0.45, 1.02)}
    return [panel(without(rows, SHARE, FROZEN_SHARE), **axes)]


SPEC = Spec(
    name="xor-mixture",
    about=__doc__,
    source="Shi, Wei & Liang 2023; Refinetti et al. 2021",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=theory,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
