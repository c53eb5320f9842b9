"""On small tables of classes the NTK, an RBF kernel and a random forest are level."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from scipy.stats import rankdata

from widelearn.experiments.studies import real_tables
from widelearn.experiments.studies.ensembles import Array
from widelearn.experiments.studies.judging import (
    NO_ROWS,
    Control,
    Judged,
    Verdict,
    lacking,
    multiplied,
)
from widelearn.experiments.studies.kernel_choice import chosen_accuracy, chosen_model_accuracy, inner_folds, outer_fold
from widelearn.experiments.studies.rows import Row, Rows, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import EQUAL, POWER, apart
from widelearn.kernels import NTK, RBF

# Draws are outer folds, four of each of two partitions.
SETTINGS = {
    "data": "",
    "rows": 1000,
    "depths": (1, 2, 3, 4, 5),
    "bias": 0.1,
    "gammas": (0.01, 0.03, 0.1, 0.3, 1.0, 3.0),
    "trees": 200,
    "rounds": 60,
    "draws": 8,
}
QUICK = {"rows": 150, "depths": (1, 3), "gammas": (0.03, 0.3), "trees": 25, "rounds": 5, "draws": 5}
OUTER, INNER = 4, 3
KERNEL, GAUSSIAN, FOREST, BOOSTING = "NTK", "RBF kernel", "random forest", "boosting"
METHODS = (KERNEL, GAUSSIAN, FOREST, BOOSTING)
SHUFFLED = "NTK, labels shuffled"
# The table of ten classes, where labels without meaning are told at once.
DIGITS = 3


def cells(settings: Settings) -> list[Cell]:
    """Return a cell for each table."""
    return [{**settings, "table": index} for index in range(len(real_tables.tables(settings["data"])))]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Choose every method by inner folds of an outer fold's training rows; score it at the rows left out."""
    table = real_tables.tables(cell["data"])[cell["table"]].first(cell["rows"])
    partition, state = np.random.default_rng((seed[0], seed[1] // OUTER)), seed[1] % OUTER
    fit, hold = outer_fold(table.y, OUTER, state, int(partition.integers(2**31)))
    rng = np.random.default_rng(seed)
    mean, scale = table.X[fit].mean(axis=0), table.X[fit].std(axis=0)
    Z = (table.X - mean) / np.where(scale > 0, scale, 1)
    X, y, test, truth = Z[fit], table.y[fit], Z[hold], table.y[hold]
    folds = inner_folds(y, INNER, int(rng.integers(2**31)))
    rest = X, y, test, truth, folds
    networks = [NTK(depth=depth, bias_variance=cell["bias"]) for depth in cell["depths"]]
    found = {
        KERNEL: chosen_accuracy(networks, *rest),
        GAUSSIAN: chosen_accuracy([RBF(gamma=gamma / X.shape[1]) for gamma in cell["gammas"]], *rest),
        FOREST: chosen_model_accuracy(forests(cell["trees"]), *rest),
        BOOSTING: chosen_model_accuracy(boosters(cell["rounds"]), *rest),
    }
    if cell["table"] == DIGITS:
        found[SHUFFLED] = chosen_accuracy(networks[:1], X, rng.permutation(y), test, truth, folds)
    return [value(name, cell["table"], accuracy, table=table.name) for name, accuracy in found.items()]


def forests(trees: int) -> list[Callable[[], Any]]:
    """Return the maker of a forest, whose usual parameters need no choice."""
    from sklearn.ensemble import RandomForestClassifier

    return [partial(RandomForestClassifier, trees, random_state=0)]


def boosters(rounds: int) -> list[Callable[[], Any]]:
    """Return makers of boosted trees, small and larger ones."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    options = {"max_iter": rounds, "min_samples_leaf": 5, "early_stopping": False, "random_state": 0}
    return [partial(HistGradientBoostingClassifier, max_leaf_nodes=leaves, **options) for leaves in (4, 16)]


def accuracies(rows: Rows, name: str) -> Array:
    """Return the accuracy of a method on each table."""
    return np.array([one["simulation"] for one in sorted(of(rows, name), key=lambda one: one["x"])])


def ranks(rows: Rows) -> dict[str, Array]:
    """Return the rank of each method on each table, 1 the best; equal ones share theirs."""
    found = rankdata(-np.stack([accuracies(rows, name) for name in METHODS]), axis=0)
    return dict(zip(METHODS, found, strict=True))


def _gap(rows: Rows, one: str, rival: str) -> tuple[float, float]:
    """Return by how much a method is more accurate, over tables, with the standard error over tables."""
    apart_ = accuracies(rows, one) - accuracies(rows, rival)
    error = float(apart_.std(ddof=1) / math.sqrt(len(apart_))) if len(apart_) > 1 else math.inf
    return float(apart_.mean()), error


def level(text: str, one: str, rival: str, share: float) -> Verdict:
    """State that two methods are equally accurate over tables: the gap and 3 standard errors are less than a share."""

    def judge(rows: Rows) -> Judged:
        if not of(rows, one) or not of(rows, rival):
            return NO_ROWS
        mean, error = _gap(rows, one, rival)
        place = ranks(rows)
        told = f"{100 * mean:+.2f} ± {100 * error:.2f} points over {len(of(rows, one))} tables; mean ranks "
        told += ", ".join(f"{name} {place[name].mean():.2f}" for name in METHODS)
        return abs(mean) + EQUAL * error <= share, told

    def lacks(rows: Rows) -> str:
        whole = of(rows, one, rival)
        error = _gap(rows, one, rival)[1] if whole else math.inf
        return lacking((row, error, 1.0) for row in whole)

    return Verdict(text, judge, lacks, multiplied(rival, POWER), f"{rival} × {POWER:g}")


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge that none leads by much; four tables alone do not tell for the forest."""
    found = [level("the NTK is as accurate as the RBF kernel, within 3 points over tables", KERNEL, GAUSSIAN, 0.03)]
    if settings["data"]:
        found += [level("the NTK is as accurate as a forest, within 3 points over tables", KERNEL, FOREST, 0.03)]
    return found


def controls(settings: Settings) -> list[Control]:
    """See that labels of other rows teach nothing."""
    return [apart("shuffled labels teach nothing", KERNEL, SHUFFLED, at=DIGITS)]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show mean ranks, and what each rival loses to the NTK table by table."""
    if not rows:
        return [panel([], xlabel="method", ylabel="mean rank")]
    place = ranks(rows)
    number = len(place[KERNEL])
    means = [
        _row(name, position + 1, found.mean(), found.std(ddof=1) / math.sqrt(number))
        for position, (name, found) in enumerate(place.items())
    ]
    # Points of its own give each rival the colour of the left panel.
    gaps = [_row(KERNEL, index, 0.0, None) for index in (1, number)]
    for rival in METHODS[1:]:
        apart_ = np.sort(accuracies(rows, KERNEL) - accuracies(rows, rival))
        gaps += [_row(rival, index + 1, 100 * one, None) for index, one in enumerate(apart_)]
    where = "scikit-learn's tables alone" if not settings["data"] else f"{number} tables"
    left = {"xlabel": f"method ({where})", "ylabel": "mean rank, 1 the best", "xlim": (0.5, 4.5)}
    right = {"xlabel": "tables, sorted for each rival", "ylabel": "accuracy of the NTK over the rival, points"}
    return [panel(means, **left), panel(gaps, **right)]


def _row(series: str, x: float, found: float, error: float | None) -> Row:
    return {"series": series, "x": float(x), "theory": None, "simulation": float(found), "se": error, "draws": 1}


SPEC = Spec(
    name="uci-ntk",
    about=__doc__,
    source="Arora et al. 2020",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=None,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
