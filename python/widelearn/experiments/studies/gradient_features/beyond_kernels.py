"""At n = c d kernels fall back as dimensions grow, as theory says, where networks and Taylor models learn."""

import warnings
from functools import cache
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from widelearn import RandomFeatures, RecursiveFeatureMachineClassifier, TaylorClassifier, TwoLayerClassifier
from widelearn.datasets import parity, xor_mixture
from widelearn.experiments.studies.baselines import RIDGES, Rival, feature_kernel
from widelearn.experiments.studies.ensembles import new_seed
from widelearn.experiments.studies.judging import Control, Judged, Verdict, backwards, error, means
from widelearn.experiments.studies.rows import Row, Rows, Theory, on_panel, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import apart, at_least, equal, more, shape
from widelearn.kernels import NNGP, NTK, RBF, Polynomial
from widelearn.theory import kernel_spectrum, parity_accuracy, xor_accuracy

# Of each problem its degree, dimensions and rows for each dimension; passes of the perceptron.
SETTINGS = {
    "problems": ("parity", "mixture", "grouped"),
    "parity": (3, (20, 36), 25),
    "mixture": (2, (100, 400), 3),
    "grouped": (3, (24, 48), 50),
    "radius": 2.5,
    "features": 1000,
    "passes": 200,
    "draws": 6,
    "test": 3000,
}
QUICK = {"problems": ("parity",), "parity": (3, (24,), 20), "features": 300, "passes": 40, "draws": 5}
NETWORK, FROZEN, TAYLOR = "network", "network, first layer frozen", "Taylor model of the degree"
OWN_DEGREE, FEATURES, PERCEPTRON, RECURSIVE = (
    "kernel of the degree",
    "random features",
    "MLPClassifier",
    "recursive machine",
)
KERNELS = (OWN_DEGREE, "NTK", "RBF")
# Penalties of which the best by the test rows counts, as it does for kernels.
DECAYS, PENALTIES = (1e-4, 0.1, 1.0), (2e-3, 2e-2)
DEGREES, RIDGED = 8, "kernels"
# The ridge at which theory is compared, of the kernel's mean diagonal entry: choosing the best by rows finds luck, too.
RIDGE = 0.1
TITLES = {"parity": "parity", "mixture": "mixture", "grouped": "groups of bits"}
# What a Taylor model is to reach; the best classifier has 1, .926 and 1.
TAYLORS = {"parity": 0.95, "mixture": 0.85, "grouped": 0.85}


def name_of(series: str, problem: str) -> str:
    """Name a series of a problem."""
    return f"{series}, {problem}"


def at_ridge(series: str) -> str:
    """Name a kernel at the ridge of theory."""
    return f"{series} at ridge {RIDGE:g}"


def cells(settings: Settings) -> list[Cell]:
    """Return a cell for each dimension of each problem."""
    return [{**settings, "problem": name, "d": d} for name in settings["problems"] for d in settings[name][1]]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Fit every model to the same rows; grouped parities are scored where their bits are uniform."""
    problem, d = cell["problem"], cell["d"]
    degree, _, ratio = cell[problem]
    rng = np.random.default_rng((*seed, len(problem), d))
    n, state = ratio * d, new_seed(rng)
    total = n + cell["test"]
    if problem == "mixture":
        data = xor_mixture(total, d, cell["radius"], random_state=state)
    else:
        data = parity(total, d, degree, "uniform" if problem == "parity" else problem, random_state=state)
    scored = np.arange(total) >= n
    if problem == "grouped":
        scored &= data.uniform
    X, y, test, truth = data.X[:n], data.y[:n], data.X[scored], data.y[scored]
    features = RandomFeatures(cell["features"], bias_scale=1.0, random_state=state).fit(X[:1])
    kernels = {OWN_DEGREE: Polynomial(degree, coef0=0), "NTK": NTK(), "RBF": RBF(1 / d)}
    scores, rows = {}, []
    for name, kernel in (kernels | {FEATURES: feature_kernel(features)}).items():
        found = Rival(kernel, X, test).accuracies(y.astype(float), truth)
        scores[name] = max(found)
        fixed = found[RIDGES.index(RIDGE)]
        if name == OWN_DEGREE or problem == "parity":
            rows.append(value(name_of(at_ridge(name), problem), d, fixed, panel=RIDGED))
    with warnings.catch_warnings():
        # The perceptron is ended by its number of passes.
        warnings.simplefilter("ignore", ConvergenceWarning)
        for name, models in rivals(cell, degree, state).items():
            scores[name] = max(float(model.fit(X, y).score(test, truth)) for model in models)
    return rows + [value(name_of(name, problem), d, score, panel=problem) for name, score in scores.items()]


def rivals(cell: Cell, degree: int, state: int) -> dict[str, list[Any]]:
    """Return the networks, and what else learns features; of several settings the best counts."""
    preset = "xor_mixture" if cell["problem"] == "mixture" else "parity"
    net: dict[str, Any] = {"random_state": state}
    passes = cell["passes"]
    return {
        NETWORK: [TwoLayerClassifier.preset(preset, **net)],
        FROZEN: [TwoLayerClassifier.preset(preset, algorithm="frozen", **net)],
        TAYLOR: [TaylorClassifier(degree, width=32, alpha=one, linear_term=False, **net) for one in PENALTIES],
        PERCEPTRON: [MLPClassifier(64, alpha=one, max_iter=passes, **net) for one in DECAYS],
        RECURSIVE: [RecursiveFeatureMachineClassifier(alphas=(1e-3, 1e-1), n_iter=4, **net)],
    }


@cache
def predicted_accuracy(name: str, d: int, degree: int, n: int, features: int) -> float:
    """Return how often a kernel or random features are right on a uniform parity."""
    kernels = {OWN_DEGREE: Polynomial(degree, coef0=0), "NTK": NTK(), "RBF": RBF(1 / d)}
    kernel = kernels.get(name, NNGP(bias_variance=1.0))
    spectrum = kernel_spectrum(kernel, d, degree if name == OWN_DEGREE else DEGREES, "hypercube")
    count = features if name == FEATURES else np.inf
    return parity_accuracy(spectrum, degree, n, RIDGE * spectrum.trace, n_features=count)


def theory(settings: Settings) -> Theory:
    """Return the accuracies of fixed features on uniform parities, and of the quadratic kernel on the mixture."""
    degree, dimensions, ratio = settings["parity"]
    known = {
        (name_of(at_ridge(name), "parity"), float(d)): (name, d, degree, ratio * d, settings["features"])
        for name in (*KERNELS, FEATURES)
        for d in dimensions
    }
    quadratic, radius = name_of(at_ridge(OWN_DEGREE), "mixture"), settings["radius"]

    def predicted(row: Row) -> float | None:
        d = int(row["x"])
        if row["series"] == quadratic:
            scale = (1 + radius**2 / d) ** 2
            return xor_accuracy(settings["mixture"][2] * d, d, radius, RIDGE * scale)
        place = (row["series"], row["x"])
        return predicted_accuracy(*known[place]) if place in known else None

    return predicted


def falls(rows: Rows) -> Judged:
    """Say whether the accuracy at the largest dimension is below that at the smallest."""
    first, last = rows[0], rows[-1]
    held = first["simulation"] - last["simulation"] > 3 * np.hypot(error(first), error(last))
    return bool(held), means([first, last])


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge the network against kernels and other learners of features, and kernels against theory."""
    return [one for problem in settings["problems"] for one in on_problem(problem, settings)]


def on_problem(problem: str, settings: Settings) -> list[Verdict]:
    """Judge one problem."""
    largest, several = max(settings[problem][1]), len(settings[problem][1]) > 1
    network, taylor, *fixed = (name_of(one, problem) for one in (NETWORK, TAYLOR, *KERNELS, FEATURES))
    where, own = f"{TITLES[problem]}, d = {largest}", fixed[0]
    made = [
        more(f"{where}: no fixed features reach the network, the best are the degree's", network, *fixed, at=largest),
        at_least(
            f"{where}: a Taylor model of the degree learns too", taylor, bound=TAYLORS[problem], rival=own, at=largest
        ),
    ]
    if several:
        made.append(
            shape(
                f"{TITLES[problem]}: the degree's kernel falls back", own, falls, backwards(own), "dimensions reversed"
            )
        )
    ridged = [name_of(at_ridge(one), problem) for one in (*KERNELS, FEATURES)]
    if problem == "parity":
        text = "parity: kernels and random features are as accurate as theory says"
        return [*made, equal(text, *ridged, share=0.03, accuracy=True)]
    # A parity is found by some starts of it, and not by others.
    perceptron = name_of(PERCEPTRON, problem)
    made.append(more(f"{where}: MLPClassifier at its best penalty is behind", network, perceptron, at=largest))
    if problem == "mixture":
        rivals = (network, name_of(RECURSIVE, problem), perceptron, *fixed)
        made.append(equal("mixture: the quadratic kernel is as accurate as theory says", ridged[0], share=0.015))
        made.append(more("mixture: the best of all rivals is the Taylor model", taylor, *rivals, at=largest))
    return made


def controls(settings: Settings) -> list[Control]:
    """See that networks with a frozen first layer do not learn."""
    return [
        apart(
            f"{TITLES[problem]}: with its first layer frozen the network does not learn",
            name_of(NETWORK, problem),
            name_of(FROZEN, problem),
            at=max(settings[problem][1]),
        )
        for problem in settings["problems"]
    ]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show accuracy against the dimension, a panel for each problem."""
    axes = {"xlabel": "dimension d", "ylabel": "test accuracy", "ylim": (0.45, 1.02)}
    shown = [*settings["problems"], RIDGED]
    return [panel(on_panel(rows, one), title=TITLES.get(one, f"kernels at ridge {RIDGE:g}"), **axes) for one in shown]


SPEC = Spec(
    name="beyond-kernels",
    about=__doc__,
    source="Shi, Wei & Liang 2023, sections 4 and 5",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=theory,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
