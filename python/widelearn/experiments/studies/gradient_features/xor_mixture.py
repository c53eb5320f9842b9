"""On clusters labelled by exclusive or, networks learn from O(d) rows and kernels do not."""

import numpy as np

from widelearn import TwoLayerClassifier
from widelearn.datasets import xor_mixture
from widelearn.experiments.studies.baselines import at_least, at_most, best_accuracy, far_from
from widelearn.experiments.studies.ensembles import draws, new_seed
from widelearn.experiments.studies.rows import Row, Rows, Values, at, of, panel, without
from widelearn.experiments.studies.spec import Claim, Panels, Settings, Step
from widelearn.kernels import NTK, RBF

SOURCE = "Shi, Wei & Liang 2023; Refinetti et al. 2021"
SETTINGS = {"dimensions": (250, 500, 1000), "ratio": 1.5, "radius": 4.0, "draws": 5, "test": 2000}
QUICK = {"dimensions": (400, 800), "draws": 2, "test": 1000}
NETWORK, FROZEN, BEST = "network", "network, first layer frozen", "best classifier"
SHARE = "share of weights in the plane"
KERNELS = ("NTK", "RBF")


def simulate(settings: Settings, seed: int, step: Step) -> list[Row]:
    """Fit networks and kernels to n = ratio d rows."""
    found = Values()
    for rng in draws(settings["draws"], seed, step):
        for d in settings["dimensions"]:
            n, state = int(settings["ratio"] * d), new_seed(rng)
            data = xor_mixture(n + settings["test"], d, settings["radius"], random_state=state)
            X, y, test, truth = data.X[:n], data.y[:n].astype(float), data.X[n:], data.y[n:]
            for name, kernel in zip(KERNELS, (NTK(), RBF(1 / d)), strict=True):
                found.add(name, d, best_accuracy(kernel, X, y, test, truth))
            for name, algorithm in ((NETWORK, "gd"), (FROZEN, "frozen")):
                net = TwoLayerClassifier.preset("xor_mixture", algorithm=algorithm, random_state=state).fit(X, y)
                found.add(name, d, net.score(test, truth))
                if name == NETWORK:
                    inside = net.W_ @ data.directions.T
                    found.add(SHARE, d, (inside**2).sum() / (net.W_**2).sum())
            found.add(BEST, d, np.mean(data.bayes(test) == truth))
    best = float(xor_mixture(1, 2, settings["radius"], random_state=0).bayes_accuracy)
    return found.rows(lambda series, d: best if series == BEST else None)


def claims(rows: Rows, settings: Settings) -> list[Claim]:
    """Claim that networks are near the best classifier with n in O(d), and kernels near chance."""
    largest = max(settings["dimensions"])
    network, frozen = of(rows, NETWORK), of(rows, FROZEN)
    return [
        at_least(network, f"networks learn from {settings['ratio']:g} d rows", 0.96),
        at_most(at(rows, KERNELS, largest), f"kernels stay near chance at d = {largest}", 0.65),
        at_least(at(rows, [SHARE], largest), "the first layer turns into the plane of the clusters", 0.4),
        far_from(network, frozen, "with its first layer frozen it does not learn"),
    ]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show accuracy against the dimension."""
    return [panel(without(rows, SHARE), xlabel="dimension d", ylabel="test accuracy", xscale="log", ylim=(0.45, 1.02))]
