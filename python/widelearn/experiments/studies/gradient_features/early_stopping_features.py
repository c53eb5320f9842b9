"""With noisy labels features come first, then noise is fitted: rows held out say when to stop; a penalty does more."""

from typing import Any

import numpy as np

from widelearn import TwoLayerClassifier
from widelearn.datasets import xor_mixture
from widelearn.experiments.studies.baselines import best_accuracy
from widelearn.experiments.studies.ensembles import Array, new_seed
from widelearn.experiments.studies.judging import Control, Judged, Verdict, exchanged
from widelearn.experiments.studies.rows import Row, Rows, of, on_panel, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import apart, at_least, close, more, shape
from widelearn.kernels import Polynomial
from widelearn.nets import TwoLayer

# Clusters labelled by exclusive or: columns, length of the means, and the probability that a label is flipped; numbers
# of rows; steps of a training, and how many of them are looked at.
SETTINGS = {
    "problem": (80, 4.0, 0.2),
    "samples": (1600, 3200),
    "steps": 500,
    "looks": 25,
    "draws": 8,
    "test": 4000,
}
QUICK = {"problem": (40, 4.0, 0.2), "samples": (800,), "steps": 300, "looks": 15, "draws": 6}
ACCURACY, TRAIN = "accuracy on true labels", "accuracy on noisy labels, a fifth of them held out"
SHARE = "share of weights in the clusters' plane"
STOPPED, LAST, TOP = "step of least loss on rows held out", "last step", "best step in hindsight"
CLEAN, PENALTY, OWN = "last step, no noise", "weight decay", "quadratic kernel"
# A penalty that hardly acts, and one that does.
LITTLE, SOME = 1e-4, 0.1
HELD = 0.2


def cells(settings: Settings) -> list[Cell]:
    """Return a cell for every number of rows."""
    return [{**settings, "n": n} for n in settings["samples"]]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Follow a training, and score what stops it, what else could be done, and what labels without noise would give."""
    rng = np.random.default_rng((*seed, cell["n"]))
    (d, radius, noise), n, state = cell["problem"], cell["n"], new_seed(rng)
    data = xor_mixture(n + cell["test"], d, radius, state, label_noise=noise)
    true = np.where(data.cluster < 2, 1, -1)
    X, y, test, truth = data.X[:n], data.y[:n], data.X[n:], true[n:]
    looks = Looks(np.unique(np.geomspace(1, cell["steps"], cell["looks"]).astype(int)))
    whole: dict[str, Any] = {"early_stopping": True, "validation_fraction": HELD, "n_iter_no_change": cell["steps"]}
    stopped = model(cell, state, callback=looks, **whole).fit(X, y)
    rows, scores = [], []
    for step, net in looks.nets:
        inside = net.W @ data.directions.T
        scores.append(accuracy(net, test, truth))
        found = {ACCURACY: scores[-1], TRAIN: accuracy(net, X, y), SHARE: np.sum(inside**2) / np.sum(net.W**2)}
        rows += [value(name_of(name, n), step, one, panel=f"{n}") for name, one in found.items()]
    clean = model(cell, state).fit(X, true[:n])
    decayed = model(cell, state, alpha=SOME, max_iter=150).fit(X, y)
    last = {
        STOPPED: stopped.score(test, truth),
        LAST: scores[-1],
        TOP: max(scores),
        CLEAN: clean.score(test, truth),
        PENALTY: decayed.score(test, truth),
        OWN: best_accuracy(Polynomial(2, coef0=0), X, y.astype(float), test, truth),
    }
    return rows + [value(name, n, one, panel="ends") for name, one in last.items()]


def model(cell: Cell, state: int, **options: Any) -> TwoLayerClassifier:
    """Return the network."""
    chosen: dict[str, Any] = {"alpha": LITTLE, "max_iter": cell["steps"], "random_state": state}
    return TwoLayerClassifier.preset("xor_mixture", **chosen | options)


class Looks:
    """Keep the networks of chosen steps of a training."""

    def __init__(self, steps: Array) -> None:
        self.steps, self.nets = set(steps.tolist()), list[tuple[int, TwoLayer]]()

    def __call__(self, step: int, state: Any) -> None:
        """Copy a network."""
        if step in self.steps:
            self.nets.append((step, TwoLayer(state.W.copy(), state.b.copy(), state.a.reshape(-1, 1).copy(), "relu")))


def accuracy(net: TwoLayer, X: Array, y: Array) -> float:
    """Return the share of right signs."""
    return float(np.mean(np.sign(net.outputs(X)[:, 0]) == y))


def name_of(name: str, n: int) -> str:
    """Name a curve of a number of rows."""
    return f"{name}, n = {n}"


def comes_and_goes(rows: Rows) -> Judged:
    """Find whether a share trebles, and falls by a quarter of its largest value again."""
    found = [one["simulation"] for one in rows]
    top = max(found)
    return 3 * found[0] <= top and found[-1] <= 0.75 * top, f"{found[0]:.3f}, {top:.3f} at most, {found[-1]:.3f}"


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge that features come before noise, what stopping gains, and that it is not the best that can be done."""
    steps, made = settings["steps"], []
    for n in settings["samples"]:
        share, train = name_of(SHARE, n), name_of(TRAIN, n)
        made += [
            shape(
                f"weights turn into the clusters' plane, and out of it again, {n} rows",
                share,
                comes_and_goes,
                exchanged(share, train),
                train,
                size=1.0,
            ),
            at_least(
                f"the last step has fitted most of the noise, {n} rows",
                train,
                bound=1 - settings["problem"][2] / 2,
                rival=name_of(ACCURACY, n),
                at=steps,
            ),
        ]
    return [
        *made,
        more("the step that rows held out choose is ahead of the last", STOPPED, LAST),
        close("it is within 4 % of the best step", STOPPED, TOP, share=0.04),
        more("weight decay is ahead of it", PENALTY, STOPPED),
        more("so is the quadratic kernel at its best ridge, the best rival, of both", OWN, PENALTY, STOPPED),
    ]


def controls(settings: Settings) -> list[Control]:
    """See that without noise the last step is right."""
    return [apart("without noise the last step does not lose", CLEAN, LAST)]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show a training, and how it may end."""
    curves = [on_panel(rows, f"{n}") for n in settings["samples"]]
    ends = {"xlabel": "samples n", "xscale": "log", "ylabel": ACCURACY}
    steps = {"xlabel": "steps", "xscale": "log", "ylabel": "share", "ylim": (0.0, 1.02)}
    return [
        *(panel(curve, **steps) for curve in curves),
        panel(of(rows, STOPPED, LAST, TOP, CLEAN, PENALTY, OWN), **ends),
    ]


SPEC = Spec(
    name="early-stopping-features",
    about=__doc__,
    source="Shi, Wei & Liang 2023; Frei, Chatterji & Bartlett 2022",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=None,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
