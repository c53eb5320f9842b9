"""Networks find the bits of a sparse parity from rows that are too few for NTK and RBF kernels and random features."""

from functools import cache
from typing import Any

import numpy as np
from scipy.stats import norm

from widelearn import RandomFeatures, TwoLayerClassifier
from widelearn.datasets import parity
from widelearn.experiments.studies.baselines import RIDGES, Rival
from widelearn.experiments.studies.ensembles import new_seed
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, Theory, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import apart, at_least, equal, more
from widelearn.kernels import NTK, RBF, DotProduct
from widelearn.theory import kernel_spectrum, risk

SETTINGS = {
    "problems": ((100, 2, (200, 400, 800, 1600)), (40, 3, (500, 1000, 1500, 3000))),
    "features": 2000,
    "draws": 8,
    "test": 4000,
}
QUICK = {"problems": ((60, 2, (400,)), (30, 3, (700,))), "features": 500, "draws": 5, "test": 3000}
NETWORK, FROZEN = "network", "network, first layer frozen"
KERNELS = ("NTK", "RBF")
FEATURES = "random features"
# All higher ones act as a ridge.
DEGREES = 8


def name_of(series: str, k: int) -> str:
    """Name a series of a parity of k bits."""
    return f"{series}, k = {k}"


def kernel_of(name: str, d: int) -> Any:
    """Return a kernel."""
    return NTK() if name == "NTK" else RBF(1 / d)


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
    kernels = {name: kernel_of(name, d) for name in KERNELS} | {FEATURES: products(features)}
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


def products(features: RandomFeatures) -> Any:
    """Return the kernel of fitted random features."""
    linear = DotProduct((0.0, 1.0))

    def kernel(X: Any, Y: Any = None) -> Any:
        Z = features.transform(X)
        return linear(Z, None if Y is None else features.transform(Y))

    return kernel


@cache
def predicted_accuracy(name: str, d: int, k: int, n: int) -> float:
    """Return how often the sign is right at the best ridge: f = L χ + normal noise, L learned of the parity."""
    kernel = kernel_of(name, d)
    spectrum = kernel_spectrum(kernel, d, DEGREES, "hypercube")
    trace = float(np.sum(spectrum.eigenvalues * spectrum.multiplicities)) + float(spectrum.tail)
    target = np.eye(DEGREES + 1)[k]
    found = []
    for ridge in RIDGES:
        one = risk(spectrum, target, n, ridge * trace, 0.0)
        learned = float(spectrum.eigenvalues[k] / (spectrum.eigenvalues[k] + one.effective_ridge))
        spread = float(one.excess) - (1 - learned) ** 2
        found.append(float(norm.cdf(learned / np.sqrt(spread))))
    return max(found)


def theory(settings: Settings) -> Theory:
    """Return the accuracies of kernels."""
    known = {name_of(name, k): (name, d, k) for d, k, _ in settings["problems"] for name in KERNELS}

    def predicted(row: Row) -> float | None:
        return predicted_accuracy(*known[row["series"]], int(row["x"])) if row["series"] in known else None

    return predicted


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge that the network learns from rows that leave kernels where theory puts them."""
    made = []
    for d, k, samples in settings["problems"]:
        n = max(samples)
        network, features, *kernels = (name_of(name, k) for name in (NETWORK, FEATURES, *KERNELS))
        made += [
            at_least(f"a network learns {k} bits of {d} from {n} rows", network, bound=0.95, rival=kernels[0], at=n),
            equal(f"kernels are as accurate as theory says, {k} bits", *kernels, share=0.03, accuracy=True),
            more(
                f"the network's accuracy is 1.3 times theirs, {k} bits",
                network,
                *kernels,
                features,
                factor=1 / 1.3,
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
