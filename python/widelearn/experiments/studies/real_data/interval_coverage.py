"""Intervals by rows left out in closed form hold 90 % of new targets on real tables, and are as short as refits'."""

import math
from typing import Any

import numpy as np

import widelearn as wl
from widelearn.experiments.studies import real_targets
from widelearn.experiments.studies.ensembles import Array, new_seed
from widelearn.experiments.studies.judging import NO_ROWS, Control, Judged, Verdict, error, exchanged, lacking, means
from widelearn.experiments.studies.rows import Row, Rows, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import EQUAL, apart, at_most

SETTINGS = {"data": "", "rows": 1200, "level": 0.9, "columns": 200, "draws": 20}
QUICK = {"rows": 180, "columns": 60, "draws": 10}
PLUS, STUDENT, FEATURES = "jackknife+", "leverage", "jackknife+, random features"
SEEN, TWICE = "errors at fitted rows", "every row twice"
WIDTH, WIDE = "width over that of CV+", "width of 97 % over that of CV+"
FOLDS, SMALL = 10, 1e-4
GAMMAS = (0.1, 0.3, 1.0)
ALPHAS = tuple(10.0**power for power in range(-8, 6))
# Rows from which on a table counts as large, and what coverage is to be there and below, beside 0.9.
LARGE, NARROW, BROAD = 1000, (-0.02, 0.03), (-0.04, 0.04)


def cells(settings: Settings) -> list[Cell]:
    """Return a cell for each table."""
    return [{**settings, "table": index} for index in range(len(real_targets.tables(settings["data"])))]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Fit two thirds of a table, penalty and kernel chosen by leave-one-out; see which intervals hold the others."""
    rng, level = np.random.default_rng(seed), cell["level"]
    table = real_targets.tables(cell["data"])[cell["table"]].first(cell["rows"])
    order = rng.permutation(len(table.y))
    fit, hold = np.split(order, [2 * len(order) // 3])
    mean, scale = table.X[fit].mean(axis=0), table.X[fit].std(axis=0)
    Z = (table.X - mean) / np.where(scale > 0, scale, 1)
    X, y, x, truth = Z[fit], table.y[fit], Z[hold], table.y[hold]
    model = wl.KernelRidgeCV([wl.kernels.RBF(gamma=gamma / X.shape[1]) for gamma in GAMMAS], ALPHAS).fit(X, y)
    map_ = wl.RandomFeatures(cell["columns"], bias_scale=0.3, random_state=new_seed(rng))
    ends = {
        PLUS: model.predict_interval(x, level),
        STUDENT: model.predict_interval(x, level, method="loo"),
        FEATURES: wl.FeatureRidgeCV(map_, ALPHAS).fit(X, y).predict_interval(x, level),
        SEEN: seen(model, X, y, x, level),
    }
    if cell["table"] == 0:
        # Leave-one-out prefers small penalties where a copy of each row stays.
        again = wl.KernelRidge(wl.kernels.RBF(gamma=GAMMAS[-1] / X.shape[1]), SMALL).fit(
            np.repeat(X, 2, axis=0), np.repeat(y, 2)
        )
        ends[TWICE] = again.predict_interval(x, level)
    found = {name: held(pair, truth) for name, pair in ends.items()}
    refits = width(cross_validated(model, X, y, x, level, rng))
    found[WIDTH] = width(ends[PLUS]) / refits
    found[WIDE] = width(model.predict_interval(x, 0.97)) / refits
    return [value(name, cell["table"], number, table=table.name) for name, number in found.items()]


def held(ends: Array, truth: Array) -> float:
    """Return the share of targets that are in their intervals."""
    return float(np.mean((ends[:, 0] <= truth) & (truth <= ends[:, 1])))


def width(ends: Array) -> float:
    """Return the mean width of intervals."""
    return float(np.mean(ends[:, 1] - ends[:, 0]))


def seen(model: Any, X: Array, y: Array, x: Array, level: float) -> Array:
    """Return intervals by the errors at rows that the fit has seen."""
    reach, values = np.quantile(np.abs(y - model.predict(X)), level), model.predict(x)
    return np.stack([values - reach, values + reach], axis=1)


def cross_validated(model: Any, X: Array, y: Array, x: Array, level: float, rng: Any) -> Array:
    """Return intervals of CV+ by scikit-learn's kernel ridge, refitted to all folds but one, about the rows' mean.

    Source: Barber, Candès, Ramdas & Tibshirani, Annals of Statistics 49, 2021, section 3.
    """
    from sklearn.kernel_ridge import KernelRidge

    n = len(y)
    errors, values = np.empty(n), np.empty((n, len(x)))
    for out in np.array_split(rng.permutation(n), FOLDS):
        rest = np.setdiff1d(np.arange(n), out)
        mean = y[rest].mean()
        refit = KernelRidge(alpha=model.alpha_, kernel="rbf", gamma=model.kernel_.gamma).fit(X[rest], y[rest] - mean)
        errors[out] = np.abs(y[out] - mean - refit.predict(X[out]))
        values[out] = mean + refit.predict(x)
    low = max(math.floor((1 - level) * (n + 1) + 1e-9) - 1, 0)
    high = min(math.ceil(level * (n + 1) - 1e-9) - 1, n - 1)
    below, above = values - errors[:, None], values + errors[:, None]
    return np.stack([np.partition(below, low, axis=0)[low], np.partition(above, high, axis=0)[high]], axis=1)


def large(settings: Settings) -> list[bool]:
    """Return of each table whether it has many rows."""
    return [min(len(table.y), settings["rows"]) >= LARGE for table in real_targets.tables(settings["data"])]


def between(text: str, series: str, low: float, high: float, places: list[int]) -> Verdict:
    """State that coverage lies between two numbers: in the mean over tables, and within 3 standard errors on each.

    Power: errors at rows that the fit has seen, in its place, must fail.
    """

    def judge(rows: Rows) -> Judged:
        found = of(rows, series, at=lambda x: int(x) in places)
        if not found:
            return NO_ROWS
        mean = float(np.mean([one["simulation"] for one in found]))
        each = all(low <= one["simulation"] + EQUAL * error(one) for one in found)
        each = each and all(one["simulation"] - EQUAL * error(one) <= high for one in found)
        return low <= mean <= high and each, f"{mean:.4f} over {len(found)} tables: {means(found)}"

    def lacks(rows: Rows) -> str:
        return lacking((one, error(one), 1.0) for one in of(rows, series, at=lambda x: int(x) in places))

    return Verdict(text, judge, lacks, exchanged(series, SEEN), f"{SEEN} in its place")


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge coverage on tables of many and of few rows, and widths."""
    many = large(settings)
    found = []
    for whether, (low, high), size in ((True, NARROW, f"{LARGE:,} rows or more"), (False, BROAD, "fewer rows")):
        places = [index for index, one in enumerate(many) if one == whether]
        for name in (PLUS, STUDENT, FEATURES) if places else ():
            ends = settings["level"] + low, settings["level"] + high
            text = f"{name} holds {100 * ends[0]:.0f} to {100 * ends[1]:.0f} % of new targets on tables of {size}"
            found.append(between(text, name, *ends, places))
    text = "jackknife+ is at most 5 % wider than CV+ of ten refits"
    return [*found, at_most(text, WIDTH, bound=1.05, rival=WIDE)]


def controls(settings: Settings) -> list[Control]:
    """See that rows that repeat each other spoil intervals."""
    return [apart("where every row stands twice, intervals are too short", PLUS, TWICE, at=0)]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show coverage and widths, a table a place."""
    names = ", ".join(f"{index} {table.name}" for index, table in enumerate(real_targets.tables(settings["data"])))
    coverage = of(rows, PLUS, STUDENT, FEATURES, SEEN, TWICE)
    return [
        panel(coverage, xlabel=f"table ({names})", ylabel=f"new targets held, level {settings['level']:g}"),
        panel(of(rows, WIDTH), xlabel="table", ylabel="width of jackknife+ over that of CV+"),
    ]


SPEC = Spec(
    name="interval-coverage",
    about=__doc__,
    source="Barber et al. 2021",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=None,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
