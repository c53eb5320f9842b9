"""Where inputs show the bits of a parity, one gradient step finds them; without that structure it does not."""

import numpy as np

from widelearn import TwoLayerClassifier
from widelearn.datasets import parity
from widelearn.experiments.studies.baselines import at_least, at_most, best_accuracy, far_from
from widelearn.experiments.studies.ensembles import draws, new_seed
from widelearn.experiments.studies.rows import Row, Rows, Values, at, of, panel, without
from widelearn.experiments.studies.spec import Claim, Panels, Settings, Step
from widelearn.kernels import NTK, RBF
from widelearn.nets import simplified_gradient

SOURCE = "Daniely & Malach 2020; Shi, Wei & Liang 2022 and 2023"
SETTINGS = {"d": 100, "k": 5, "samples": (600, 1200, 2500, 5000), "draws": 5, "test": 4000}
QUICK = {"d": 60, "samples": (1500,), "draws": 2, "test": 1500}
ONE_STEP, GD, TWIN = "one step", "algorithm 1", "one step, structure removed"
KERNELS = ("NTK", "RBF")
COSINE = "cosine of gradient and hidden direction"


def simulate(settings: Settings, seed: int, step: Step) -> list[Row]:
    """Score on the uniform component; every model is right on the other one."""
    d, k = settings["d"], settings["k"]
    found = Values()
    for rng in draws(settings["draws"], seed, step):
        state = new_seed(rng)
        samples, most = settings["samples"], max(settings["samples"])
        data = parity(most + settings["test"], d, k, kind="structured", random_state=state)
        twin = parity(most + settings["test"], d, k, kind="uniform", random_state=state)
        hard = np.arange(len(data.y)) >= most
        test, truth = data.X[hard & data.uniform], data.y[hard & data.uniform]
        for n in samples:
            X, y = data.X[:n], data.y[:n].astype(float)
            for name, kernel in zip(KERNELS, (NTK(), RBF(1 / d)), strict=True):
                found.add(name, n, best_accuracy(kernel, X, y, test, truth))
            for name, algorithm in ((ONE_STEP, "one_step"), (GD, "algorithm1")):
                net = TwoLayerClassifier.preset("structured_parity", algorithm=algorithm, random_state=state)
                found.add(name, n, net.fit(X, y).score(test, truth))
            net = TwoLayerClassifier.preset("structured_parity", random_state=state).fit(twin.X[:n], twin.y[:n])
            found.add(TWIN, n, net.score(twin.X[most:], twin.y[most:]))
            W = rng.standard_normal((100, d)) / np.sqrt(d)
            G = simplified_gradient(X, y[:, None], W, np.zeros(100))[0]
            found.add(COSINE, n, np.mean(np.abs(G @ data.directions[0]) / np.linalg.norm(G, axis=1)))
    return found.rows()


def claims(rows: Rows, settings: Settings) -> list[Claim]:
    """Claim that one step suffices where inputs show the bits, and that kernels do not see them."""
    n = max(settings["samples"])
    return [
        at_least(at(rows, [ONE_STEP], n), f"one gradient step and a convex fit learn from {n} rows", 0.97),
        at_least(at(rows, [GD], n), "so do a forgetting step and small steps after it", 0.93),
        at_least(at(rows, [COSINE], n), "the gradient at the start points along the hidden bits", 0.9),
        at_most(at(rows, KERNELS, n), "kernels stay far behind, at the ridge that is best for these rows", 0.75),
        far_from(at(rows, [ONE_STEP], n), at(rows, [TWIN], n), "without structure in the inputs it fails"),
    ]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show accuracy on the uniform component, and how well the gradient is aligned."""
    options = {"xlabel": "samples", "xscale": "log", "ylim": (0.4, 1.02)}
    return [
        panel(without(rows, COSINE), ylabel="accuracy on the uniform component", **options),
        panel(of(rows, COSINE), ylabel=COSINE, **options),
    ]
