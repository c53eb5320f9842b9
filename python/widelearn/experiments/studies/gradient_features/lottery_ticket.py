"""Tickets: few weights or neurons, those with the gradient features, learn alone; others of the same number do not."""

from dataclasses import replace
from typing import Any

import numpy as np

from widelearn import TwoLayerClassifier
from widelearn.datasets import parity, xor_mixture
from widelearn.diagnostics import retrain, ticket
from widelearn.diagnostics.net_starts import NetStart
from widelearn.experiments.studies.ensembles import new_seed
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, Theory, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import apart, at_least, close, equal
from widelearn.theory import feature_coverage

# Of a parity: columns, bits, rows, neurons and iterations. Of a mixture: columns, radius, rows and neurons. `masks` and
# `neurons` say how many random tickets there are of each.
SETTINGS = {
    "parity": (40, 3, 1500, 128, 400),
    "mixture": (200, 4.0, 1200, 512),
    "shares": (0.01, 0.02, 0.05, 0.1, 0.2),
    "masks": 8,
    "neurons": 40,
    "subsets": 4000,
    "draws": 6,
    "test": 4000,
}
QUICK = {
    "parity": (30, 3, 1000, 64, 200),
    "mixture": (60, 4.0, 600, 128),
    "shares": (0.02,),
    "masks": 2,
    "neurons": 8,
    "draws": 5,
    "test": 2000,
}
# The share of the weights that is judged, and numbers of neurons.
FEW = 0.02
COUNTS = (4, 8, 16)
FULL, FRESH, TICKET, MATCHED = "whole net", "ticket, fresh start", "ticket", "random masks, as many in each neuron"
GRADIENT, RANDOM = "first gradient's neurons", "random neurons"
COVERING, MISSING = "one random neuron of each kind", "four random of three kinds"
MET = "random neurons have every kind"
# How far below the whole net a ticket may be.
MARGIN = 0.01
KINDS = 4


def cells(settings: Settings) -> list[Cell]:
    """Return a cell for the parity and one for the mixture."""
    return [{**settings, "problem": problem} for problem in ("parity", "mixture")]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Train a net, find its tickets, and train these and random ones again."""
    rng = np.random.default_rng(seed)
    return of_parity(cell, rng) if cell["problem"] == "parity" else of_mixture(cell, rng)


def of_parity(cell: Cell, rng: np.random.Generator) -> list[Row]:
    """Keep the largest |a_i W_ij| of the trained net."""
    d, k, n, width, steps = cell["parity"]
    data = parity(n + cell["test"], d, k, random_state=new_seed(rng))
    X, y, test, truth = data.X[:n], data.y[:n], data.X[n:], data.y[n:]
    options = {"width": width, "max_iter": steps, "random_state": new_seed(rng)}
    model = TwoLayerClassifier.preset("parity", **options).fit(X, y)
    rows = []
    for share in cell["shares"]:
        found = ticket(model, X, y, "magnitude", keep=share)
        models = {TICKET: retrain(found, X, y), FULL: model}
        models[FRESH] = retrain(found, X, y, start="fresh", random_state=new_seed(rng))
        scores = {name: float(one.score(test, truth)) for name, one in models.items()}
        others = [
            retrain(found.control("matched", new_seed(rng)), X, y).score(test, truth) for _ in range(cell["masks"])
        ]
        scores[MATCHED] = float(np.mean(others))
        rows += [value(name, share, score, panel="parity") for name, score in scores.items()]
    return rows


def of_mixture(cell: Cell, rng: np.random.Generator) -> list[Row]:
    """Keep four neurons: those of the first gradient, one of each kind, or four of three kinds."""
    d, radius, n, width = cell["mixture"]
    data = xor_mixture(n + cell["test"], d, radius, random_state=new_seed(rng))
    X, y, test, truth = data.X[:n], data.y[:n], data.X[n:], data.y[n:]
    options = {"width": width, "bias": "constant", "bias_scale": 0.2, "train_bias": True, "alpha": 0.1, "max_iter": 60}
    model = TwoLayerClassifier.preset("xor_mixture", random_state=new_seed(rng), **options).fit(X, y)
    means = np.vstack([data.directions, -data.directions])
    found = ticket(model, X, y, keep=KINDS, directions=means)
    kinds = kinds_of(model, X, y, means)

    def accuracy(neurons: Any) -> float:
        mask = np.zeros(width)
        mask[neurons] = 1.0
        return float(retrain(replace(found, mask=mask), X, y).score(test, truth))

    covering: list[float] = []
    missing: list[float] = []
    for turn in range(cell["neurons"]):
        covering.append(accuracy([rng.choice(np.flatnonzero(kinds == kind)) for kind in range(KINDS)]))
        if turn % 2 == 0:
            three = rng.permutation(KINDS)[:-1]
            missing.append(accuracy(rng.choice(np.flatnonzero(np.isin(kinds, three)), KINDS, replace=False)))
    rows = []
    for count in COUNTS:
        own = float(retrain(ticket(model, X, y, keep=count, directions=means), X, y).score(test, truth))
        drawn = [accuracy(rng.choice(width, count, replace=False)) for _ in range(cell["neurons"] // 8)]
        scores = {FULL: float(model.score(test, truth)), GRADIENT: own, RANDOM: float(np.mean(drawn))}
        rows += [value(name, count, score, panel="mixture") for name, score in scores.items()]
    for name, found_by in ((COVERING, covering), (MISSING, missing)):
        rows.append(value(name, KINDS, float(np.mean(found_by)), panel="mixture"))
    for count in COUNTS:
        met = [len(set(rng.choice(kinds, count, replace=False))) == KINDS for _ in range(cell["subsets"])]
        rows.append(value(MET, count, float(np.mean(met)), panel="coverage"))
    return rows


def kinds_of(model: Any, X: Any, y: Any, means: Any) -> Any:
    """Return for each neuron the cluster nearest to its first gradient, of those with the sign of its output weight."""
    inner = NetStart.of(model, X, y).descent @ means.T
    # The clusters are the two of class 1 along the first direction, and the two of class -1 along the second.
    signs = np.array([1.0, -1.0, 1.0, -1.0])
    inner[np.sign(model.a0_) != signs] = -np.inf
    return inner.argmax(axis=1)


def theory(settings: Settings) -> Theory:
    """Return how likely draws of equally frequent kinds have all of them."""

    def predicted(row: Row) -> float | None:
        return feature_coverage([1 / KINDS] * KINDS, int(row["x"])) if row["series"] == MET else None

    return predicted


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge that tickets learn, that having every kind is what decides, and how often chance has it."""
    d, k, _, width, _ = settings["parity"]
    few = FEW
    return [
        at_least(
            f"{few:.0%} of {width * d} weights learn {k} bits of {d} again", TICKET, bound=0.97, rival=MATCHED, at=few
        ),
        at_least("they do from another start, too", FRESH, bound=0.97, rival=MATCHED, at=few),
        close(
            f"four neurons by the first gradient are as accurate as {settings['mixture'][3]}",
            GRADIENT,
            FULL,
            share=MARGIN,
            at=KINDS,
        ),
        at_least("four random neurons, one of each kind, learn alone", COVERING, bound=0.95, rival=MISSING),
        equal("random neurons have every kind as often as draws of four equal kinds", MET, share=0.05),
    ]


def controls(settings: Settings) -> list[Control]:
    """See that other weights of the same neurons, and neurons of three kinds, do not learn."""
    return [
        apart("as many other weights of each neuron do not learn", TICKET, MATCHED, at=FEW),
        apart("four neurons of three kinds miss a cluster", COVERING, MISSING),
    ]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show tickets of a parity, of a mixture, and how often random neurons have every kind."""
    kept = of(rows, TICKET, FRESH, MATCHED) + [row for row in of(rows, FULL) if row["panel"] == "parity"]
    mixture = [row for row in rows if row["panel"] == "mixture"]
    axes = {"ylabel": "test accuracy", "ylim": (0.45, 1.02)}
    return [
        panel(kept, title="a sparse parity", xlabel="share of the weights kept", xscale="log", **axes),
        panel(mixture, title="two pairs of clusters", xlabel="neurons kept", **axes),
        panel(of(rows, MET), title="all kinds among random neurons", xlabel="neurons kept", ylabel="how often"),
    ]


SPEC = Spec(
    name="lottery-ticket",
    about=__doc__,
    source="Shi, Wei & Liang 2023, section 5; Frankle & Carbin 2019",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=theory,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
