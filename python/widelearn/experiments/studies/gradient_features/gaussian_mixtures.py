"""Among clusters, thresholds buy pure gradients with width; networks and kernels of the right degree learn them."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from widelearn import TwoLayerClassifier
from widelearn.datasets import gaussian_mixture
from widelearn.diagnostics import GradientFeatures, feature_sets, initial_neurons
from widelearn.experiments.studies.baselines import best_accuracy
from widelearn.experiments.studies.ensembles import Array, new_seed
from widelearn.experiments.studies.first_gradients import SHORT, cone_share
from widelearn.experiments.studies.judging import Control, Judged, Verdict, instead
from widelearn.experiments.studies.rows import Row, Rows, Theory, line, of, on_panel, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import apart, at_most, close, equal, more, shape, wrong
from widelearn.kernels import NTK, Polynomial
from widelearn.theory import covering_width, feature_coverage, mixture_gradient

# Columns and standard deviation of the clusters whose exact gradients are counted, with neurons and their thresholds in
# standard deviations of <w, x> over w; numbers that are to meet every mean, drawn with threshold `drawn`. Of what is
# learned: pairs of clusters with the length of their means in standard deviations, columns, rows per column, and draws.
SETTINGS = {
    "clusters": (100, 0.25),
    "thresholds": (0.0, 0.5, 1.0, 1.5, 2.0),
    "neurons": 10_000,
    "widths": (10, 20, 40),
    "drawn": 1.0,
    "problems": ((1, 2.0), (2, 4.0), (4, 4.0)),
    "dimension": 200,
    "ratio": 6.0,
    "fits": 8,
    "draws": 8,
    "test": 4000,
}
QUICK = {
    "clusters": (50, 0.18),
    "thresholds": (0.0, 1.0, 2.0),
    "neurons": 2400,
    "widths": (10, 20),
    "problems": ((2, 4.0), (4, 4.0)),
    "dimension": 80,
    "fits": 5,
    "draws": 10,
}
# Pairs of clusters whose gradients are counted, and cones γ.
PAIRS, CONES = (1, 2, 4), (0.03, 0.3)
# The pairs and γ that width is asked for, with this probability that a mean is missed.
TOLD, PURE, DELTA = 2, 0.03, 0.01
WIDTH, MET = "width that meets both means", "both means met"
NETWORK, FROZEN, BEST = "network", "network, first layer frozen", "best classifier"
OWN, TANGENT = "kernel of the problem's degree", "NTK"


def cells(settings: Settings) -> list[Cell]:
    """Return a cell for every threshold, one for the neurons that meet means, and one for every problem learned."""
    looks = [{**settings, "beta": beta} for beta in settings["thresholds"]]
    learned = [{**settings, "problem": problem, "draws": settings["fits"]} for problem in settings["problems"]]
    return [*looks, {**settings, "part": "meet"}, *learned]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Count exact gradients in cones, draw neurons until both means are met, or learn."""
    rng = np.random.default_rng(seed)
    if "beta" in cell:
        return look(cell, rng)
    return learn(cell, rng) if "problem" in cell else meet(cell, rng)


def problem_of(pairs: int, d: int, length: float) -> tuple[Array, Array]:
    """Return means ±μ_j along coordinates, with labels: opposite for one pair, else those of the pair in turn."""
    means = length * np.eye(d)[:pairs]
    signs = np.where(np.arange(pairs) % 2 == 0, 1, -1)
    return np.vstack([means, -means]), np.append(signs, -signs if pairs == 1 else signs)


def exact_gradients(cell: Cell, pairs: int, beta: float, seed: int) -> GradientFeatures:
    """Return the exact gradients of a start's neurons, more where there are fewer pairs to count them for."""
    (d, scale), m = cell["clusters"], cell["neurons"] * max(PAIRS) // pairs
    W, b = initial_neurons(m, d, weight_scale=np.sqrt(d), bias_scale=beta * np.sqrt(d), random_state=seed)
    return GradientFeatures(W, b, mixture_gradient(W, b, *problem_of(pairs, d, np.sqrt(d)), scale=scale).G, np.zeros(m))


def look(cell: Cell, rng: np.random.Generator) -> list[Row]:
    """Return shares of cones, as a mean over pairs, and the width that they ask for."""
    (d, _), beta, rows = cell["clusters"], cell["beta"], []
    for pairs in PAIRS:
        features = exact_gradients(cell, pairs, beta, new_seed(rng))
        sets = feature_sets(features, np.eye(d)[:pairs], cones=CONES, min_norm=SHORT * np.sqrt(d) / (2 * pairs))
        for gamma, share in zip(CONES, sets.probability.mean(axis=0), strict=True):
            rows.append(value(name_of(pairs, gamma), beta, share, panel="cones"))
            if (pairs, gamma) == (TOLD, PURE):
                rows.append(value(WIDTH, beta, covering_width(share, DELTA, n_features=pairs), panel="width"))
    return rows


def name_of(pairs: int, gamma: float) -> str:
    """Name the share of a cone."""
    return f"{2 * pairs} clusters, γ = {gamma:g}"


def meet(cell: Cell, rng: np.random.Generator) -> list[Row]:
    """Return how often a number of neurons has one in the cone of each mean."""
    features = exact_gradients(cell, TOLD, cell["drawn"], new_seed(rng))
    d, rows = cell["clusters"][0], []
    near = np.abs(features.cosines(np.eye(d)[:TOLD])) > 1 - PURE
    near &= (features.norms >= SHORT * np.sqrt(d) / (2 * TOLD))[:, None]
    for width in cell["widths"]:
        groups = near[: len(near) // width * width].reshape(-1, width, TOLD)
        rows.append(value(MET, width, groups.any(axis=1).all(axis=1).mean(), panel="met"))
    return rows


def learn(cell: Cell, rng: np.random.Generator) -> list[Row]:
    """Score a network, kernels at the ridge that is best on the test rows, and the best classifier."""
    (pairs, radius), d = cell["problem"], cell["dimension"]
    n, state = int(cell["ratio"] * d), new_seed(rng)
    means, labels = problem_of(pairs, d, radius)
    data = gaussian_mixture(n + cell["test"], d, means=means, labels=labels, random_state=state)
    X, y, test, truth = data.X[:n], data.y[:n].astype(float), data.X[n:], data.y[n:]
    scores = {BEST: np.mean(data.bayes(test) == truth)}
    for name, kernel in ((OWN, Polynomial(1 if pairs == 1 else 2, coef0=0)), (TANGENT, NTK())):
        scores[name] = best_accuracy(kernel, X, y, test, truth)
    # Eight clusters take a smaller penalty and more steps than the preset has for four.
    options: dict[str, Any] = {"alpha": 0.1, "max_iter": 120, "random_state": state}
    for name, algorithm in ((NETWORK, "gd"), (FROZEN, "frozen")):
        net = TwoLayerClassifier.preset("xor_mixture", algorithm=algorithm, **options).fit(X, y)
        scores[name] = net.score(test, truth)
    return [value(name, 2 * pairs, score, panel="learned") for name, score in scores.items()]


def theory(settings: Settings) -> Theory:
    """Return shares of cones, and what they say of widths and of neurons that meet every mean."""
    scale = settings["clusters"][1]
    names = {name_of(pairs, gamma): (pairs, gamma) for pairs in PAIRS for gamma in CONES}

    def predicted(row: Row) -> float | None:
        if row["series"] in names:
            pairs, gamma = names[row["series"]]
            return cone_share(row["x"], scale, gamma, pairs, pairs > 1)
        if row["series"] == WIDTH:
            return width_of(scale, PURE, row["x"])
        if row["series"] == MET:
            share = cone_share(settings["drawn"], scale, PURE, TOLD)
            return feature_coverage(share, int(row["x"]), n_features=TOLD)
        return None

    return predicted


def width_of(scale: float, gamma: float, beta: float) -> float:
    """Return the width that meets both means of four clusters."""
    return covering_width(cone_share(beta, scale, gamma, TOLD), DELTA, n_features=TOLD)


def has_least_inside(rows: Rows) -> Judged:
    """Find whether a threshold between the ends needs half the width of either end, at most."""
    widths = [one["simulation"] for one in rows]
    return 2 * min(widths) <= min(widths[0], widths[-1]), f"widths {', '.join(f'{one:.3g}' for one in widths)}"


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge shares, widths and coverage by theory, and networks by the best classifier and kernels."""
    scale, wide = settings["clusters"][1], max(CONES)
    few, most = PAIRS[:-1], max(PAIRS)
    shares = [name_of(pairs, gamma) for pairs in few for gamma in CONES]
    return [
        equal("cones hold as many exact gradients as the law of the means' span", *shares, share=0.05),
        equal(
            "so do those of eight clusters, where there is a threshold",
            *(name_of(most, gamma) for gamma in CONES),
            share=0.05,
            at=above(0),
        ),
        at_most(
            f"with threshold 0 pure gradients of eight clusters, γ = {PURE:g}, are less than half a percent",
            name_of(most, PURE),
            bound=0.005,
            rival=name_of(most, wide),
            at=0.0,
        ),
        equal("neurons meet both means as often as independent draws", MET, share=0.03),
        shape(
            f"for pure gradients, γ = {PURE:g}, a threshold between needs half the width of 0, and of the highest",
            WIDTH,
            has_least_inside,
            instead(WIDTH, lambda row: width_of(scale, wide, row["x"])),
            f"γ = {wide:g} in its place",
        ),
        close("a network is within 3 % of the best classifier", NETWORK, BEST, share=0.03),
        close("so is the kernel of the problem's own degree, the best rival", OWN, BEST, share=0.03),
        more("the NTK at its best ridge is behind on four and eight clusters", NETWORK, TANGENT, at=above(2)),
    ]


def above(least: float) -> Callable[[float], bool]:
    """Return what chooses numbers of clusters."""
    return lambda clusters: clusters > least


def controls(settings: Settings) -> list[Control]:
    """See that a second pair takes neurons from the cone of the first, and that features must move."""
    scale = settings["clusters"][1]
    alone = partial(cone_share, scale=scale, gamma=PURE, pairs=1, same=False)
    return [
        wrong("the law of one pair alone is not that of two", name_of(TOLD, PURE), lambda row: alone(row["x"]), at=0.0),
        apart("with its first layer frozen it learns less", NETWORK, FROZEN, at=above(2)),
    ]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show shares and widths against thresholds, neurons that meet means, and accuracy."""
    expected, betas = theory(settings), np.linspace(0.0, max(settings["thresholds"]), 17)
    names = [name_of(pairs, gamma) for pairs in PAIRS for gamma in CONES]
    shares = [one for name in names for one in line(name, betas, expected)]
    axes = {"xlabel": "threshold in standard deviations"}
    return [
        panel([*of(rows, *names), *shares], ylabel="share of neurons p", yscale="log", ylim=(1e-3, 1.2), **axes),
        panel([*of(rows, WIDTH), *line(WIDTH, betas, expected)], ylabel="neurons needed", yscale="log", **axes),
        panel(
            [*of(rows, MET), *line(MET, np.arange(2, max(settings["widths"]) + 1), expected)],
            xlabel="neurons drawn",
            ylabel="how often both means are met",
        ),
        panel(on_panel(rows, "learned"), xlabel="clusters", ylabel="test accuracy", ylim=(0.45, 1.02)),
    ]


SPEC = Spec(
    name="gaussian-mixtures",
    about=__doc__,
    source="Shi, Wei & Liang 2023, section 4",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=theory,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
