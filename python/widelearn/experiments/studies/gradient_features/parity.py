"""Networks find the bits of a sparse parity; kernels, that of its own degree included, are as good as theory says."""

from functools import cache
from typing import Any

import numpy as np

from widelearn import RandomFeatures, TwoLayerClassifier
from widelearn.datasets import parity
from widelearn.experiments.studies.baselines import Rival, feature_kernel
from widelearn.experiments.studies.ensembles import new_seed
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, Theory, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import apart, at_least, equal, more
from widelearn.kernels import NNGP, NTK, RBF, Polynomial
from widelearn.theory import kernel_spectrum, parity_accuracy

SETTINGS = {
    "problems": ((100, 2, (200, 400, 800, 1600)), (40, 3, (500, 1000, 1500, 3000))),
    "features": 2000,
    "draws": 8,
    "test": 4000,
}
QUICK = {"problems": ((60, 2, (400,)), (24, 3, (500,))), "features": 500, "draws": 5, "test": 3000}
NETWORK, FROZEN = "network", "network, first layer frozen"
OWN_DEGREE, FEATURES = "kernel of the degree", "random features"
KERNELS = (OWN_DEGREE, "NTK", "RBF")
# All higher ones act as a ridge.
DEGREES = 8


def name_of(series: str, k: int) -> str:
    """Name a series of a parity of k bits."""
    return f"{series}, k = {k}"


def kernel_of(name: str, d: int, k: int) -> Any:
    """Return a kernel; that of random features is their limit."""
    made = {
        OWN_DEGREE: Polynomial(k, coef0=0),
        "NTK": NTK(),
        "RBF": RBF(1 / d),
        FEATURES: NNGP(bias_variance=1.0),
    }
    return made[name]


def cells(settings: Settings) -> list[Cell]:
    """Return a cell for each problem."""
    return [{**settings, "problem": problem} for problem in settings["problems"]]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Fit every model to the same rows; kernels and random features take the ridge that is best on the test rows."""
    rng = np.random.default_rng(seed)
    d, k, samples = cell["problem"]
    most = max(samples)
    data = parity(most + cell["test"], d, k, random_state=new_seed(rng))
    X, y, test, truth = data.X[:most], data.y[:most].astype(float), data.X[most:], data.y[most:]
    state = new_seed(rng)
    features = RandomFeatures(cell["features"], bias_scale=1.0, random_state=state).fit(X[:1])
    kernels = {name: kernel_of(name, d, k) for name in KERNELS} | {FEATURES: feature_kernel(features)}
    rows = []
    for name, kernel in kernels.items():
        rival = Rival(kernel, X, test)
        rows += [value(name_of(name, k), n, rival.accuracy(y[:n], truth)) for n in samples]
    for n in samples:
        scores = {}
        for name, algorithm in ((NETWORK, "gd"), (FROZEN, "frozen")):
            net = TwoLayerClassifier.preset("parity", algorithm=algorithm, random_state=state)
            scores[name] = float(net.fit(X[:n], y[:n]).score(test, truth))
        rows += [value(name_of(name, k), n, score) for name, score in scores.items()]
    return rows


@cache
def predicted_accuracy(name: str, d: int, k: int, n: int, features: int) -> float:
    """Return how often the sign is right at the best ridge."""
    spectrum = kernel_spectrum(kernel_of(name, d, k), d, k if name == OWN_DEGREE else DEGREES, "hypercube")
    return parity_accuracy(spectrum, k, n, n_features=features if name == FEATURES else np.inf)


def theory(settings: Settings) -> Theory:
    """Return the accuracies of kernels and of random features."""
    known = {name_of(name, k): (name, d, k) for d, k, _ in settings["problems"] for name in (*KERNELS, FEATURES)}

    def predicted(row: Row) -> float | None:
        if row["series"] not in known:
            return None
        return predicted_accuracy(*known[row["series"]], int(row["x"]), settings["features"])

    return predicted


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge that the network learns from rows that leave kernels where theory puts them."""
    made = []
    for d, k, samples in settings["problems"]:
        n = max(samples)
        network, *rivals = (name_of(name, k) for name in (NETWORK, *KERNELS, FEATURES))
        made += [
            at_least(f"a network learns {k} bits of {d} from {n} rows", network, bound=0.95, rival=rivals[0], at=n),
            equal(
                f"kernels and random features are as accurate as theory says, {k} bits",
                *rivals,
                share=0.03,
                accuracy=True,
            ),
            more(
                f"it is right 1.25 times as often as the best of them, the kernel of degree {k}",
                network,
                *rivals,
                factor=1 / 1.25,
                at=n,
            ),
        ]
    return made


def controls(settings: Settings) -> list[Control]:
    """See that a network with its first layer frozen does not learn."""
    return [
        apart(
            f"with its first layer frozen it does not learn {k} bits",
            name_of(NETWORK, k),
            name_of(FROZEN, k),
            at=max(samples),
        )
        for _, k, samples in settings["problems"]
    ]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show accuracy against rows, a panel for each problem."""
    axes = {"xlabel": "samples n", "ylabel": "test accuracy", "xscale": "log", "ylim": (0.45, 1.02)}
    return [
        panel([one for one in rows if one["series"].endswith(f"k = {k}")], title=f"{k} bits of {d}", **axes)
        for d, k, _ in settings["problems"]
    ]


SPEC = Spec(
    name="parity",
    about=__doc__,
    source="Shi, Wei & Liang 2023; Barak et al. 2022",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=theory,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
