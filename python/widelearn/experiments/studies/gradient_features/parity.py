"""Networks find the bits of a sparse parity from rows that are too few for kernels and random features."""

from typing import Any

from widelearn import RandomFeatures, TwoLayerClassifier
from widelearn.datasets import parity
from widelearn.experiments.studies.baselines import at_least, at_most, best_accuracy, far_from
from widelearn.experiments.studies.ensembles import draws, new_seed
from widelearn.experiments.studies.rows import Row, Rows, Values, at, panel
from widelearn.experiments.studies.spec import Claim, Panels, Settings, Step
from widelearn.kernels import NTK, RBF, DotProduct

SOURCE = "Shi, Wei & Liang 2023; Barak et al. 2022"
SETTINGS = {
    "problems": ((100, 2, (200, 400, 800, 1600)), (40, 3, (500, 1000, 1500, 3000))),
    "features": 2000,
    "draws": 5,
    "test": 2000,
}
QUICK = {"problems": ((100, 2, (800,)), (40, 3, (1500,))), "features": 500, "draws": 2, "test": 1000}
NETWORK, FROZEN = "network", "network, first layer frozen"
KERNELS = ("NTK", "RBF")
FEATURES = "random features"


def names(k: int) -> dict[str, str]:
    """Return the series of a parity of k bits."""
    return {name: f"{name}, k = {k}" for name in (NETWORK, FROZEN, *KERNELS, FEATURES)}


def simulate(settings: Settings, seed: int, step: Step) -> list[Row]:
    """Fit every model to the same rows; kernels and random features take the ridge that is best on the test rows."""
    found = Values()
    problems = settings["problems"]
    for index, (d, k, samples) in enumerate(problems):
        span = (index / len(problems), (index + 1) / len(problems))
        for rng in draws(settings["draws"], seed, step, *span):
            data = parity(max(samples) + settings["test"], d, k, random_state=new_seed(rng))
            X, y = data.X[: max(samples)], data.y[: max(samples)].astype(float)
            test, truth = data.X[max(samples) :], data.y[max(samples) :]
            state = new_seed(rng)
            features = RandomFeatures(settings["features"], bias_scale=1.0, random_state=state).fit(X[:1])
            kernels: dict[str, Any] = {"NTK": NTK(), "RBF": RBF(1 / d), FEATURES: products(features)}
            for n in samples:
                scores = {name: best_accuracy(kernel, X[:n], y[:n], test, truth) for name, kernel in kernels.items()}
                for name, algorithm in ((NETWORK, "gd"), (FROZEN, "frozen")):
                    net = TwoLayerClassifier.preset("parity", algorithm=algorithm, random_state=state)
                    scores[name] = float(net.fit(X[:n], y[:n]).score(test, truth))
                for name, score in scores.items():
                    found.add(names(k)[name], n, score)
    return found.rows()


def products(features: RandomFeatures) -> Any:
    """Return the kernel of fitted random features."""
    linear = DotProduct((0.0, 1.0))

    def kernel(X: Any, Y: Any = None) -> Any:
        Z = features.transform(X)
        return linear(Z, None if Y is None else features.transform(Y))

    return kernel


def claims(rows: Rows, settings: Settings) -> list[Claim]:
    """Claim that the network learns from rows that leave kernels and fixed first layers near chance."""
    made = []
    for d, k, samples in settings["problems"]:
        n, called = max(samples), names(k)
        fixed = [called[name] for name in (*KERNELS, FEATURES)]
        most = 0.65 if k == 2 else 0.6
        network, frozen = at(rows, [called[NETWORK]], n), at(rows, [called[FROZEN]], n)
        made += [
            at_least(network, f"a network learns {k} bits of {d} from {n} rows", 0.95),
            at_most(at(rows, fixed, n), f"kernels and random features do not: at most {most:.0%}", most),
            far_from(network, frozen, f"with its first layer frozen it does not learn {k} bits"),
        ]
    return made


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show accuracy against rows, a panel for each problem."""
    options = {"xlabel": "samples", "ylabel": "test accuracy", "xscale": "log", "ylim": (0.45, 1.02)}
    return [
        panel([one for one in rows if one["series"].endswith(f"k = {k}")], title=f"{k} bits of {d}", **options)
        for d, k, _ in settings["problems"]
    ]
