"""The first gradient of neurons points along the features of a problem: how near, and for how many of them."""

from functools import cache
from typing import Any

import numpy as np
from scipy.stats import binom

from widelearn.datasets import parity
from widelearn.diagnostics import (
    GradientFeatures,
    discover_features,
    feature_sets,
    gradient_features,
    initial_neurons,
)
from widelearn.experiments.studies.ensembles import Array, new_seed
from widelearn.experiments.studies.first_gradients import SHORT, cone_share, pooled_angle
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, Theory, line, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import apart, at_least, at_most, equal, wrong
from widelearn.theory import PopulationGradient, mixture_gradient, parity_gradient, sampling_angle

# Of a structured parity: columns, bits, neurons and their threshold; of an exclusive or of clusters: columns and their
# standard deviation. Cones are γ; thresholds of the clusters' neurons are in standard deviations of <w, x> over w.
SETTINGS = {
    "parity": (100, 5, 100),
    "threshold": 0.3,
    "samples": (2500, 10_000, 40_000),
    "within": 5.0,
    "repeats": 4,
    "mixture": (100, 0.25),
    "thresholds": (0.0, 1.0, 2.0),
    "cones": (0.01, 0.03, 0.1, 0.3),
    "neurons": 20_000,
    "draws": 8,
}
QUICK = {
    "parity": (100, 5, 40),
    "samples": (4000,),
    "within": 10.0,
    "thresholds": (0.0, 2.0),
    "neurons": 12_000,
    "draws": 6,
}
SINGLE, FOUND = "one neuron's gradient", "direction found"
COUNT, TWIN_COUNT = "directions found", "directions found, structure removed"
TWIN = "one neuron's gradient, structure removed"
INSIDE, TWIN_INSIDE = "share in the cone", "share in the cone, structure removed"
HELD, NARROW = "90 % intervals", "60 % intervals"
# Pairs of clusters.
PAIRS = 2
# Neurons of one interval, and γ of the cone of single gradients of a parity.
FEW, CONE = 150, 0.3


def cells(settings: Settings) -> list[Cell]:
    """Return a cell for every number of rows of a parity, and one for every threshold of the clusters' neurons."""
    parities = [{**settings, "n": n} for n in settings["samples"]]
    return parities + [{**settings, "beta": beta} for beta in settings["thresholds"]]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Compare gradients on rows with those of the population, or count exact ones in cones."""
    return of_parity(cell, seed) if "n" in cell else of_mixture(cell, seed)


def of_parity(cell: Cell, seed: Seed) -> list[Row]:
    """Return the mean angles over repeated data, and what is found with and without structure in the inputs."""
    n, (d, k, m) = cell["n"], cell["parity"]
    rng = np.random.default_rng((*seed, n))
    W, b, exact = start(d, k, m, cell["threshold"])
    D = np.zeros((1, d))
    D[0, :k] = 1 / np.sqrt(k)
    single, found, count = [], [], []
    for _ in range(cell["repeats"]):
        state = new_seed(rng)
        data = parity(n, d, k, "structured", state, support=np.arange(k))
        near = gradient_features(data.X, data.y, W, b)
        single.append(np.mean(angles(near.G, exact.G)))
        seen = discover_features(data.X, data.y, W, b)
        count.append(len(seen.directions))
        found.append(np.min(angles(seen.directions, D)) if count[-1] else 90.0)
    twin = parity(n, d, k, "uniform", state, support=np.arange(k))
    unseen, none = gradient_features(twin.X, twin.y, W, b), discover_features(twin.X, twin.y, W, b)
    shares = [float(feature_sets(one, D, cones=CONE).probability[0, 0]) for one in (near, unseen)]
    return [
        value(SINGLE, n, np.mean(single)),
        value(FOUND, n, np.mean(found)),
        value(COUNT, n, np.mean(count)),
        value(INSIDE, n, shares[0]),
        value(TWIN, n, np.mean(angles(unseen.G, D))),
        value(TWIN_COUNT, n, len(none.directions)),
        value(TWIN_INSIDE, n, shares[1]),
    ]


@cache
def start(d: int, k: int, m: int, threshold: float) -> tuple[Array, Array, PopulationGradient]:
    """Return neurons of weights ±1/√d, of which the gradients of a structured parity are known, and these."""
    W = np.where(initial_neurons(m, d)[0] < 0, -1.0, 1.0) / np.sqrt(d)
    return W, np.full(m, threshold), parity_gradient(W, threshold, np.arange(k), group_rate=0.25)


def angles(found: Array, truth: Array) -> Array:
    """Return the angles in degrees of axes, row by row."""
    cosines = np.abs(np.sum(found * truth, axis=1))
    cosines /= np.linalg.norm(found, axis=1) * np.linalg.norm(truth, axis=1)
    return np.asarray(np.degrees(np.arccos(np.minimum(cosines, 1.0))))


def of_mixture(cell: Cell, seed: Seed) -> list[Row]:
    """Return how many exact gradients lie near the first mean or the second, and how often intervals of few say so."""
    (d, scale), m, beta = cell["mixture"], cell["neurons"], cell["beta"]
    rng = np.random.default_rng(seed)
    W, b = initial_neurons(m, d, weight_scale=np.sqrt(d), bias_scale=beta * np.sqrt(d), random_state=new_seed(rng))
    axes, length = np.eye(d)[:PAIRS], np.sqrt(d)
    G = mixture_gradient(W, b, length * np.vstack([axes, -axes]), [1, -1, 1, -1], scale=scale).G
    options: dict[str, Any] = {"cones": cell["cones"], "min_norm": SHORT * length / (2 * PAIRS)}
    every = feature_sets(GradientFeatures(W, b, G, np.zeros(m)), axes, **options)
    rows = [
        value(name_of(beta), gamma, np.mean(share), panel="cones")
        for gamma, share in zip(cell["cones"], every.probability.T, strict=True)
    ]
    truth = [cone_share(beta, scale, gamma, PAIRS) for gamma in cell["cones"]]
    for name, level in ((HELD, 0.9), (NARROW, 0.6)):
        held = []
        for first in range(0, m - FEW + 1, FEW):
            part = slice(first, first + FEW)
            some = feature_sets(
                GradientFeatures(W[part], b[part], G[part], np.zeros(FEW)), axes, level=level, **options
            )
            held.append((some.lower <= truth) & (truth <= some.upper))
        rows.append(value(name, beta, np.mean(held), panel="intervals"))
    return rows


def name_of(beta: float) -> str:
    """Name the cones of a threshold."""
    return f"threshold {beta:g}"


def theory(settings: Settings) -> Theory:
    """Return angles by tan θ = √E‖Ĝ - G‖²/‖G‖, and shares of cones."""
    d, k, m = settings["parity"]
    exact = start(d, k, m, settings["threshold"])[2]
    names = {name_of(beta): beta for beta in settings["thresholds"]}

    def predicted(row: Row) -> float | None:
        if row["series"] == SINGLE:
            return float(np.mean(sampling_angle(np.linalg.norm(exact.G, axis=1), exact.energy, row["x"])))
        if row["series"] == FOUND:
            return pooled_angle(d, k, m, active(d, settings["threshold"]), row["x"])
        if row["series"] in names:
            return cone_share(names[row["series"]], settings["mixture"][1], row["x"], PAIRS)
        return None

    return predicted


def active(d: int, threshold: float) -> float:
    """Return P(<w, x> > b) for signs x."""
    return float(binom.sf(np.floor((d + threshold * np.sqrt(d)) / 2 + 1e-9), d, 0.5))


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge angles, shares and intervals by theory, and that nothing is found without structure."""
    n, (_, k, _), within = max(settings["samples"]), settings["parity"], settings["within"]
    thresholds = [name_of(beta) for beta in settings["thresholds"]]
    return [
        equal(
            f"a neuron's gradient of a structured parity of {k} bits is off by its sampling error", SINGLE, share=0.05
        ),
        equal("the direction that neurons share is nearer, by the error of their mean", FOUND, share=0.05),
        at_most(f"{n} rows show it within {within:g} degrees", FOUND, bound=within, rival=TWIN, at=n),
        at_least(
            f"9 of 10 neurons' gradients are in its cone, γ = {CONE:g}", INSIDE, bound=0.9, rival=TWIN_INSIDE, at=n
        ),
        at_most("without structure nothing is found", TWIN_COUNT, bound=0.5, rival=COUNT),
        equal("cones about clusters hold as many exact gradients as the law of their plane", *thresholds, share=0.05),
        at_least(f"90 % intervals of {FEW} neurons hold that law's share", HELD, bound=0.85, rival=NARROW),
    ]


def controls(settings: Settings) -> list[Control]:
    """See that the shared direction is not that of one neuron, and that a threshold decides who is in the cone."""
    scale, largest = settings["mixture"][1], max(settings["thresholds"])
    one = theory(settings)
    return [
        wrong(
            "the shared direction is not as far off as one neuron's", FOUND, lambda row: one(row | {"series": SINGLE})
        ),
        apart("without structure no gradient is near the bits", INSIDE, TWIN_INSIDE),
        wrong(
            "thresholds decide who is in a cone",
            name_of(0.0),
            lambda row: cone_share(largest, scale, row["x"], PAIRS),
            at=max(settings["cones"]),
        ),
    ]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show angles against rows, shares of cones against γ, and how often intervals hold them."""
    expected, samples, cones = theory(settings), settings["samples"], settings["cones"]
    n = np.geomspace(min(samples) / 2, 2 * max(samples), 20)
    gammas = np.geomspace(min(cones), max(cones), 20)
    thresholds = [name_of(beta) for beta in settings["thresholds"]]
    lines = [one for name in (SINGLE, FOUND) for one in line(name, n, expected)]
    shares = [one for name in thresholds for one in line(name, gammas, expected)]
    logs = {"xscale": "log", "yscale": "log"}
    return [
        panel(
            [*of(rows, SINGLE, FOUND, TWIN), *lines],
            title="a structured parity",
            xlabel="samples n",
            ylabel="angle in degrees",
            **logs,
        ),
        panel(
            [*of(rows, *thresholds), *shares],
            title="clusters labelled by exclusive or",
            xlabel="γ of the cone, |cos| > 1 - γ",
            ylabel="share of neurons p",
            **logs,
        ),
        panel(
            of(rows, HELD, NARROW),
            title=f"intervals of {FEW} neurons",
            xlabel="threshold in standard deviations",
            ylabel="how often they hold p",
            ylim=(0.5, 1.02),
        ),
    ]


SPEC = Spec(
    name="gradient-features",
    about=__doc__,
    source="Shi, Wei & Liang 2023, sections 3 and 4",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=theory,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
