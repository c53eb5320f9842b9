"""Forecasts from one sample are scored at four times the rows of real tables, beside three other ways."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

import widelearn as wl
from widelearn.experiments.errors import InputError
from widelearn.experiments.studies import forecast_rivals, forecast_tables
from widelearn.experiments.studies.ensembles import Array, new_seed
from widelearn.experiments.studies.forecast_scores import (
    HALF,
    INSIDE,
    NOTHING,
    OUTSIDE,
    OWN_ERROR,
    RATIO,
    REGRET,
    answered,
    better,
    biased,
    covers,
    draws,
    mostly,
    near,
    no_regret,
    refused_or_covered,
    share,
    silent,
    unbiased,
)
from widelearn.experiments.studies.forecast_tables import CHOSEN, GAUSSIAN, GIVEN, HEAVY, LAWS, PRICES, SHUFFLED, SMALL
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.forecast import forecast

# Rows that are looked at (of the laws: fewer), how many times as many the forecast is for, and rows tested on at most;
# tables by their names, with commas between, or all; kernels, and numbers of random features.
SETTINGS = {
    "data": "",
    "tables": "",
    "kinds": ("RBF", "NTK"),
    "rows": 1000,
    "law_rows": 400,
    "times": 4,
    "test": 4000,
    "draws": 20,
    "law_draws": 60,
    "rivals": ("power law of refits", "Hermite ansatz", "power law of GCV"),
}
QUICK = {
    "tables": "digits,Gaussian,Gaussian with a small penalty,shuffled labels,heavy tails",
    "kinds": ("RBF",),
    "rows": 160,
    "test": 1500,
    "draws": 8,
    "law_draws": 24,
    "rivals": ("Hermite ansatz",),
}
# Draws of a law from which on its coverage is judged, and a mean log error that counts as none.
DECISIVE, BIAS = 40, 0.08
# Penalties beside the mean of the kernel's diagonal.
PENALTIES = tuple(10.0**power for power in range(-4, 3))
KERNELS = ("RBF", "NTK")
REFITS, ANSATZ, CROSS = "power law of refits", "Hermite ansatz", "power law of GCV"
RIVALS = {REFITS: forecast_rivals.by_refits, ANSATZ: forecast_rivals.by_ansatz, CROSS: forecast_rivals.by_gcv}


def chosen_tables(settings: Settings) -> tuple[str, ...]:
    """Return the names of tables and laws; InputError for a name that is none."""
    known = (*forecast_tables.names(settings["data"]), *LAWS)
    if not settings["tables"]:
        return known
    found = tuple(name.strip() for name in settings["tables"].split(","))
    for name in found:
        if name not in known:
            raise InputError(f"--set tables: there is no {name!r}; there are {', '.join(known)}")
    return found


def cells(settings: Settings) -> list[Cell]:
    """Return a cell for each table and kernel, or number of random features, and for each law by the first of them."""
    places = []
    for name in chosen_tables(settings):
        kinds = settings["kinds"][:1] if name in LAWS else settings["kinds"]
        draws = settings["law_draws"] if name in (CHOSEN, *GIVEN) else settings["draws"]
        places += [{**settings, "table": name, "kind": kind, "draws": draws} for kind in kinds]
    return [{**cell, "cell": index} for index, cell in enumerate(places)]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Forecast from the first rows of a split, fit all rows with every penalty, and score all ways at other rows."""
    rng = np.random.default_rng(seed)
    (X, Y), (X_all, Y_all), held = forecast_tables.split(cell, rng)
    model, choice, alphas = estimators(cell["kind"], X, new_seed(rng))
    if cell["table"] in GIVEN:
        alphas = alphas[np.isclose(PENALTIES, GIVEN[cell["table"]])]
    target = Y if Y.shape[1] > 1 else Y[:, 0]
    told = forecast(choice(alphas), X, target, n=[len(X_all)])
    chosen = int(np.argmin(np.abs(np.log(alphas / told.alpha[0]))))
    # The regret of laws is not asked for.
    tried = [chosen] if cell["table"] in LAWS else list(range(len(alphas)))
    inside = within(X, held[0])
    measured = dict(zip(tried, test_errors(model, alphas[tried], (X_all, Y_all), held, inside), strict=True))
    truth, error, there = measured[chosen]
    found = {
        RATIO: math.log(told.test[0] / truth),
        HALF: math.log(told.upper[0] / told.test[0]),
        OWN_ERROR: error / truth,
        NOTHING: float(told.nothing_learnt) if np.isfinite(told.test[0]) else math.nan,
    }
    if cell["table"] not in LAWS:
        found[REGRET] = truth / min(each for each, *_ in measured.values()) - 1.0
        found[INSIDE], found[OUTSIDE] = math.log(told.test[0] / there), 1.0 - float(inside.mean())
    for name in () if cell["table"] in LAWS else cell["rivals"]:
        found[name] = math.log(RIVALS[name](model(alphas[chosen]), X, Y, len(X_all)) / truth)
    place = {"table": cell["table"], "kind": cell["kind"]}
    return [value(name, cell["cell"], number, **place) for name, number in found.items()]


def estimators(kind: str, X: Array, state: int) -> tuple[Callable[[Any], Any], Callable[[Any], Any], Array]:
    """Return what makes a model of given penalties, what makes one that chooses between them, and the penalties."""
    if kind in KERNELS:
        kernel: wl.kernels.Kernel = wl.kernels.NTK() if kind == "NTK" else wl.kernels.RBF(gamma=1 / X.shape[1])
        size = float(np.mean(kernel.diag(X)))
        return partial(wl.KernelRidge, kernel), partial(wl.KernelRidgeCV, kernel), size * np.array(PENALTIES)
    if not kind.isdecimal() or int(kind) < 1:
        raise InputError(f"--set kinds: {kind!r} is none of {', '.join(KERNELS)} and no number of random features")
    map_ = wl.RandomFeatures(int(kind), random_state=state)
    size = float(np.mean(np.sum(np.square(map_.fit_transform(X)), axis=1)))
    return partial(wl.FeatureRidge, map_), partial(wl.FeatureRidgeCV, map_), size * np.array(PENALTIES)


def within(X: Array, new: Array) -> NDArray[np.bool_]:
    """Return of new rows whether every column is between the least and the largest that rows have."""
    return np.asarray(((new >= X.min(axis=0)) & (new <= X.max(axis=0))).all(axis=1))


def test_errors(
    model: Callable[[Any], Any],
    alphas: Array,
    fitted: tuple[Array, Array],
    held: tuple[Array, Array],
    inside: NDArray[np.bool_],
) -> list[tuple[float, float, float]]:
    """Return squared errors at new rows, averaged over targets, their standard errors, and those at some of the rows.

    By penalties: one model has the targets once for each of them, so that rows meet once.
    """
    (X, Y), (X_new, Y_new) = fitted, held
    t, k = Y.shape[1], len(alphas)
    values = model(np.repeat(alphas, t)).fit(X, np.tile(Y, k)).predict(X_new)
    squares = np.square(np.tile(Y_new, k) - np.reshape(values, (len(X_new), k * t)))
    by_row = squares.reshape(len(X_new), k, t).mean(axis=2)
    there = by_row[inside].mean(axis=0) if inside.any() else np.full(k, math.nan)
    columns = by_row.mean(axis=0), by_row.std(axis=0) / math.sqrt(len(X_new)), there
    return list(zip(*(column.tolist() for column in columns), strict=True))


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge bands, and on the tables of a folder all that was asked of forecasts before they were seen."""
    names = chosen_tables(settings)
    real = [name for name in names if name not in LAWS]
    found = []
    if GAUSSIAN in names:
        text = f"at a penalty of the kernel's size Gaussian errors are forecast without bias, within {BIAS:.0%}"
        found.append(unbiased(text, GAUSSIAN, BIAS))
        if settings["law_draws"] >= DECISIVE:
            found.append(share("there the band of 90 % covers 85 to 97 %", covers, [GAUSSIAN], 0.85, 0.97))
    if CHOSEN in names and settings["law_draws"] >= DECISIVE:
        text = "where the forecast chooses the penalty of Gaussian rows, the band of 90 % covers 85 to 97 %"
        found.append(share(text, covers, [CHOSEN], 0.85, 0.97))
    if settings["data"]:
        found += asked_of_tables(settings, real)
    elif real:
        found.append(better("forecasts are nearer than the Hermite ansatz alone", (ANSATZ,), real))
    return found


def asked_of_tables(settings: Settings, real: list[str]) -> list[Verdict]:
    """Return what was asked of tables of thousands of rows, before it was seen."""
    raw = [name for name in real if name == PRICES[1]]
    log_price = [name for name in real if name == PRICES[0]]
    classes = [name for name in real if name not in PRICES]
    calm, found = [*classes, *log_price], []
    for some, least in ((classes, 0.9), (log_price, 0.8)):
        if some:
            found.append(share(f"{least:.0%} or more are within 15 %: {', '.join(some)}", near, some, least))
    if calm:
        found += [
            share("the band of 90 % covers 85 % or more on real tables", covers, calm, 0.85),
            share("70 % or more are answered", answered, calm, 0.7),
            share("the regret of the chosen penalty is at most 5 % in 90 % or more", no_regret, calm, 0.9),
            better("forecasts are nearer than all rivals", settings["rivals"], calm),
        ]
    if raw:
        found.append(share("forecasts of raw prices are refused or covered in 80 %", refused_or_covered, raw, 0.8))
    return found


def controls(settings: Settings) -> list[Control]:
    """See labels without meaning told as such, heavy tails refused, and errors missed where too little is shown."""
    names = chosen_tables(settings)
    found = {
        SHUFFLED: mostly("where labels have no meaning, nothing is said to be learned", silent, SHUFFLED, 0.9),
        HEAVY: mostly("targets of heavy tails are refused or covered in 80 %", refused_or_covered, HEAVY, 0.8),
        SMALL: biased("where more is fitted than the sample shows, the same errors are missed by more", SMALL, BIAS),
    }
    if not set(found) & set(names):
        raise InputError(f"--set tables: name one of {', '.join(found)}, too: a claim needs a control")
    return [control for name, control in found.items() if name in names]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show median absolute log errors of forecasts and rivals, and how many forecasts hold, a table a place."""
    places = cells(settings)
    names = [f"{cell['cell']} {cell['table']} {cell['kind']}" for cell in places]
    half = (len(names) + 1) // 2
    errors: list[Row] = []
    held: list[Row] = []
    for cell in places:
        here = draws([one for one in rows if one["x"] == cell["cell"]], [cell["table"]])
        good = np.isfinite(here.get(RATIO, np.empty(0)))
        if not good.any():
            continue
        for name in (RATIO, INSIDE, *RIVALS):
            values = np.abs(here.get(name, np.full(len(good), math.nan))[good])
            if np.isfinite(values).any():
                errors.append(_point(name, cell["cell"], float(np.median(values)), int(good.sum())))
        for name, score in {"band covers": covers, "within 15 %": near, "answered": answered}.items():
            held.append(_point(name, cell["cell"], float(score(here).mean()), len(good)))
    first, second = (f"table ({', '.join(some)})" for some in (names[:half], names[half:]))
    return [
        panel(errors, xlabel=first, ylabel="median |log(forecast / measured)|", yscale="log"),
        panel(held, xlabel=second, ylabel="share of draws", ylim=(0.0, 1.05)),
    ]


def _point(series: str, x: float, found: float, count: int) -> Row:
    return {"series": series, "x": float(x), "theory": None, "simulation": found, "se": None, "draws": count}


SPEC = Spec(
    name="forecast-real",
    about=__doc__,
    source="Wei, Hu & Steinhardt 2022; Karkada et al. 2026 for the ansatz",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=None,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
