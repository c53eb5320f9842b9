"""Of a parity in groups, thresholds decide if the first gradient holds groups or their sum, and networks learn them."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import ndtr

from widelearn import TwoLayerClassifier
from widelearn.datasets import parity
from widelearn.diagnostics import discover_features, feature_sets, gradient_features, initial_neurons
from widelearn.experiments.studies.baselines import Rival
from widelearn.experiments.studies.ensembles import Array, new_seed
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, Theory, line, of, on_panel, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import apart, at_least, at_most, equal, more, wrong
from widelearn.kernels import NTK, RBF, Polynomial

# Of the learned problem: columns, bits of a group, neurons, iterations; and numbers of rows. Of the gradients: columns,
# bits of a group, rows and neurons, with thresholds in standard deviations of the sum of a group's weights. Of the
# directions found: rows, neurons and the angle in degrees that they are held to. Networks have `fits` draws.
SETTINGS = {
    "problem": (60, 3, 256, 800),
    "samples": (1500, 3000),
    "kernels": ("cubic kernel", "RBF", "NTK"),
    "gradients": (100, 15, 20_000, 3000),
    "thresholds": (0.0, 0.5, 1.0, 1.5, 2.0),
    "found": (40_000, 600),
    "within": 5.0,
    "fits": 8,
    "draws": 8,
    "test": 8000,
}
QUICK = {
    "problem": (24, 3, 128, 300),
    "samples": (1200,),
    "kernels": ("cubic kernel",),
    "gradients": (100, 15, 4000, 800),
    "thresholds": (0.0, 1.0),
    "found": (4000, 400),
    "within": 20.0,
    "fits": 5,
    "draws": 10,
    "test": 3000,
}
NETWORK, FROZEN = "network", "network, first layer frozen"
ONE, SUM = "gradients along one group", "gradients along their sum"
TAIL = "normal tail of one group"
FOUND, MIXED = "directions found", "directions found, threshold 0"
COUNT, TWIN_COUNT = "groups found", "directions found, structure removed"
GROUPS, RATE = 3, 1 / 12
# How often a bit outside is on, of either sign, where gradients are looked at and where directions are found: equal
# rows prove a direction once, so that there must be few of them. Then γ, B_G in units of √k p_A, and the threshold that
# directions are found with.
REST, FULLER = 0.01, 0.02
CONE, SHORT, HIGH = 0.1, 0.4, 2.0


def cells(settings: Settings) -> list[Cell]:
    """Return a cell for the networks, one for every threshold, and one for the directions found."""
    looks = [{**settings, "beta": beta} for beta in settings["thresholds"]]
    return [*looks, *({**settings, "part": part, "draws": settings["fits"]} for part in ("learn", "find"))]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Learn the problem, count gradients in cones, or find directions."""
    rng = np.random.default_rng(seed)
    if "beta" in cell:
        return look(cell, rng)
    return learn(cell, rng) if cell["part"] == "learn" else find(cell, rng)


def learn(cell: Cell, rng: np.random.Generator) -> list[Row]:
    """Score networks and kernels on the uniform component: the others show the label."""
    (d, k, width, steps), samples, state = cell["problem"], cell["samples"], new_seed(rng)
    most = max(samples)
    data = parity(most + cell["test"], d, k, "grouped", state)
    hard = np.flatnonzero(data.uniform & (np.arange(len(data.y)) >= most))
    X, y, test, truth = data.X[:most], data.y[:most].astype(float), data.X[hard], data.y[hard]
    rows = []
    for name in cell["kernels"]:
        rival = Rival(kernel_of(name, d), X, test)
        rows += [value(name, n, rival.accuracy(y[:n], truth), panel="learned") for n in samples]
    options: dict[str, Any] = {"width": width, "max_iter": steps, "random_state": state}
    for n in samples:
        for name, algorithm in ((NETWORK, "gd"), (FROZEN, "frozen")):
            net = TwoLayerClassifier.preset("parity", algorithm=algorithm, **options).fit(X[:n], y[:n])
            rows.append(value(name, n, net.score(test, truth), panel="learned"))
    return rows


def kernel_of(name: str, d: int) -> Any:
    """Return a kernel."""
    return {"NTK": NTK(), "RBF": RBF(1 / d)}.get(name, Polynomial(3, coef0=0))


def look(cell: Cell, rng: np.random.Generator) -> list[Row]:
    """Return how many of a start's gradients on rows lie near a group's direction, and near the sum of the groups'."""
    (d, k, n, m), beta = cell["gradients"], cell["beta"]
    data = parity(n, d, k, "grouped", new_seed(rng), background=REST)
    found = gradient_features(data.X, data.y, *neurons(d, k, m, beta, new_seed(rng)))
    options: dict[str, Any] = {"cones": CONE, "min_norm": SHORT * np.sqrt(k) * RATE}
    own = feature_sets(found, data.directions, **options).probability
    joint = feature_sets(found, data.directions.sum(axis=0)[None], **options).probability
    return [value(ONE, beta, np.mean(own), panel="cones"), value(SUM, beta, np.mean(joint), panel="cones")]


def neurons(d: int, k: int, m: int, beta: float, seed: int) -> tuple[Array, Array]:
    """Draw standard normal weights, and thresholds of β standard deviations of the sum over a group."""
    return initial_neurons(m, d, weight_scale=np.sqrt(d), bias_scale=beta * np.sqrt(k), random_state=seed)


def find(cell: Cell, rng: np.random.Generator) -> list[Row]:
    """Return by how many degrees the groups' directions are missed: with a high threshold, and without one."""
    (d, k, _, _), (n, m) = cell["gradients"], cell["found"]
    state, start = new_seed(rng), new_seed(rng)
    data = parity(n, d, k, "grouped", state, background=FULLER)
    twin = parity(n, d, k, "grouped", state, background=FULLER, group_rate=0.0)
    high = neurons(d, k, m, HIGH, start)
    found, none = (discover_features(one.X, one.y, *high).directions for one in (data, twin))
    mixed = discover_features(data.X, data.y, *neurons(d, k, m // 4, 0.0, start)).directions
    near = missed(found, data.directions)
    seen = np.count_nonzero(np.cos(np.radians(near)) > 1 - CONE)
    return [
        value(COUNT, n, seen),
        value(TWIN_COUNT, n, len(none)),
        value(FOUND, n, np.mean(near)),
        value(MIXED, n, np.mean(missed(mixed, data.directions))),
    ]


def missed(found: Array, truth: Array) -> Array:
    """Return the angles in degrees of true directions to the nearest one found, 90 where none is."""
    nearest = np.abs(truth @ found.T).max(axis=1, initial=0.0)
    return np.asarray(np.degrees(np.arccos(np.minimum(nearest, 1.0))))


def one_group_share(beta: float) -> float:
    """Return the share of neurons whose gradient lies near the direction of one group of three.

    A neuron passes rows that show a group, with one sign or the other, where |z_j| > β, z_j the sum of the group's
    weights over √k. So G = √k p_A Σ_j 1{|z_j| > β} D_j, but for bits outside and the uniform component. One of three
    normal z_j must be beyond β, alone.
    """
    beyond = tail(beta)
    return beyond * (1 - beyond) ** (GROUPS - 1)


def tail(beta: float) -> float:
    """Return P(|z| > β) of a standard normal."""
    return float(2 * ndtr(-beta))


def theory(settings: Settings) -> Theory:
    """Return shares of gradients along one group."""
    return lambda row: one_group_share(row["x"]) if row["series"] == ONE else None


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge what gradients hold by thresholds, and networks by the best of the kernels."""
    d, k, _, _ = settings["problem"]
    n, kernels, rows, within = max(settings["samples"]), settings["kernels"], settings["found"][0], settings["within"]
    return [
        at_least(
            f"a network learns {GROUPS} groups of {k} bits of {d} from {n} rows, uniform part",
            NETWORK,
            bound=0.9,
            rival=kernels[0],
            at=n,
        ),
        more(f"it is ahead of {', '.join(kernels)} at their best ridge there", NETWORK, *kernels, at=n),
        equal("gradients lie along a group as often as it alone is beyond the threshold", ONE, share=0.05, at=above(0)),
        at_least("with threshold 0 they lie along the sum of the groups", SUM, bound=0.95, rival=ONE, at=0.0),
        at_least(f"threshold {HIGH:g} lets all {GROUPS} groups be found", COUNT, bound=GROUPS - 0.5, rival=TWIN_COUNT),
        at_most(f"they are found within {within:g} degrees from {rows} rows", FOUND, bound=within, rival=MIXED),
        at_most("without structure in the inputs nothing is found", TWIN_COUNT, bound=0.5, rival=COUNT),
    ]


def above(least: float) -> Callable[[float], bool]:
    """Return what chooses thresholds."""
    return lambda beta: beta > least


def controls(settings: Settings) -> list[Control]:
    """See that fixed features do not learn, and that a group's tail is not the law: the others must be below."""
    return [
        apart("with its first layer frozen it does not learn", NETWORK, FROZEN, at=max(settings["samples"])),
        wrong(
            "the normal tail of one group is not their share at threshold 1", ONE, lambda row: tail(row["x"]), at=1.0
        ),
    ]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show accuracy on the uniform component, what gradients hold at which threshold, and directions found."""
    betas = np.linspace(0.0, max(settings["thresholds"]), 40)
    tails = line(TAIL, betas[betas >= 1.0], lambda row: tail(row["x"]))
    return [
        panel(
            on_panel(rows, "learned"),
            title=f"{GROUPS} groups of {settings['problem'][1]} bits of {settings['problem'][0]}",
            xlabel="samples n",
            ylabel="accuracy on the uniform component",
            xscale="log",
            ylim=(0.45, 1.02),
        ),
        panel(
            [*of(rows, ONE, SUM), *line(ONE, betas, theory(settings)), *tails],
            title=f"{GROUPS} groups of {settings['gradients'][1]} bits of {settings['gradients'][0]}",
            xlabel="threshold in standard deviations of a group's sum",
            ylabel=f"share of neurons p, γ = {CONE:g}",
        ),
    ]


SPEC = Spec(
    name="grouped-parity",
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
