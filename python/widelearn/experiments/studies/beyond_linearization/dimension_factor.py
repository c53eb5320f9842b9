"""The quadratic model learns a product of two columns from O(d) rows; kernels need O(d²)."""

from functools import cache

import numpy as np

from widelearn import TaylorRegressor
from widelearn.datasets import hypercube
from widelearn.experiments.studies.baselines import Rival
from widelearn.experiments.studies.ensembles import mean_square, new_seed
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, Theory, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import apart, at_most, equal, less
from widelearn.kernels import NTK
from widelearn.theory import kernel_spectrum, optimal_ridge, risk

SETTINGS = {
    "dimensions": (20, 40, 80),
    "ratios": (3, 4, 6, 8, 12),
    "ratio": 6,
    "square_ratios": (0.1, 0.2, 0.4),
    "model_draws": 8,
    "draws": 60,
    "test": 2000,
}
QUICK = {
    "dimensions": (16, 32),
    "ratios": (6, 8),
    "square_ratios": (0.1, 0.3),
    "model_draws": 5,
    "draws": 50,
    "test": 600,
}


def model(d: int) -> str:
    """Name the series of the quadratic model."""
    return f"quadratic model, d = {d}"


def kernel(d: int) -> str:
    """Name the series of the kernel."""
    return f"NTK, d = {d}"


def squared(d: int) -> str:
    """Name the series of the kernel against n/d²."""
    return f"NTK by n/d², d = {d}"


def dense(d: int) -> str:
    """Name the series of the quadratic model on a dense quadratic form."""
    return f"dense quadratic form, d = {d}"


def cells(settings: Settings) -> list[Cell]:
    """Return cells for the model and, of more draws, for the kernel at each dimension."""
    few = {"part": "model", "draws": settings["model_draws"]}
    return [{**settings, **part, "dimension": d} for d in settings["dimensions"] for part in (few, {"part": "kernel"})]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Fit the model to n = ratio d rows, and the kernel to as many and to n = ratio d² rows."""
    rng = np.random.default_rng(seed)
    d, ratios, squares = cell["dimension"], cell["ratios"], cell["square_ratios"]
    state, most = new_seed(rng), round(max(max(ratios) * d, max(squares) * d**2))
    X, check = (hypercube(n, d, random_state=new_seed(rng)) for n in (most, cell["test"]))
    y, truth = X[:, 0] * X[:, 1], check[:, 0] * check[:, 1]
    if cell["part"] == "kernel":
        places = [(kernel(d), ratio, int(ratio * d)) for ratio in ratios]
        places += [(squared(d), ratio, round(ratio * d**2)) for ratio in squares]
        ntk = Rival(NTK(activation="softplus"), X, check)
        return [value(series, ratio, ntk.error(y[:n], truth)) for series, ratio, n in places]
    model_of = TaylorRegressor(linear_term=False, random_state=state)
    fits = {ratio: model_of.fit(X[: int(ratio * d)], y[: int(ratio * d)]).predict(check) for ratio in ratios}
    rows = [value(model(d), ratio, mean_square(fit - truth)) for ratio, fit in fits.items()]
    A = np.triu(rng.standard_normal((d, d)), 1)
    A /= np.linalg.norm(A)
    n, form, true_form = int(cell["ratio"] * d), ((X @ A) * X).sum(axis=1), ((check @ A) * check).sum(axis=1)
    fit = model_of.fit(X[:n], form[:n]).predict(check)
    return [*rows, value(dense(d), cell["ratio"], mean_square(fit - true_form))]


@cache
def least_risk(d: int, n: float) -> float:
    """Return the predicted risk of the kernel on a product of two columns of the cube, at its best ridge."""
    spectrum = kernel_spectrum(NTK(activation="softplus"), d, d, "hypercube")
    target = np.eye(d + 1)[2]
    return float(risk(spectrum, target, n, optimal_ridge(spectrum, target, n, 0.0), 0.0).excess)


def theory(settings: Settings) -> Theory:
    """Return the kernel's risk."""
    linear = {kernel(d): d for d in settings["dimensions"]}
    square = {squared(d): d for d in settings["dimensions"]}

    def predicted(row: Row) -> float | None:
        series, ratio = row["series"], row["x"]
        if series in linear:
            return least_risk(linear[series], int(ratio * linear[series]))
        return least_risk(square[series], round(ratio * square[series] ** 2)) if series in square else None

    return predicted


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge that the same n/d is enough for the model at every d, and that the kernel needs n of the order d²."""
    dimensions, ratio, most = settings["dimensions"], settings["ratio"], max(settings["ratios"])
    small, large = min(dimensions), max(dimensions)
    models = [model(d) for d in dimensions]
    kernels = map(squared, dimensions)
    return [
        at_most(f"{ratio:g} d rows are enough at every d", *models, bound=0.05, rival=kernel(small), at=ratio),
        equal("the kernel's error by n/d² is what theory predicts at its best ridge", *kernels, share=0.05),
        less(f"at {most:g} d rows it is larger at d = {large} than at {small}", kernel(small), kernel(large), at=most),
    ]


def controls(settings: Settings) -> list[Control]:
    """See that the model does not learn dense forms from as many rows."""
    d, text = max(settings["dimensions"]), "from as many rows the model does not learn a dense quadratic form"
    return [apart(text, model(d), dense(d), at=settings["ratio"])]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show error against n/d for models and kernels, and against n/d² for kernels."""
    axes = {"ylabel": "test error", "xscale": "log", "ylim": (0.0, 1.2)}
    shown = [("quadratic model", model, "n/d"), ("NTK", kernel, "n/d"), ("NTK", squared, "n/d²")]
    return [
        panel(
            of(rows, *map(name, settings["dimensions"])),
            title=title,
            xlabel=f"samples / {'dimension' if of_what == 'n/d' else 'square of the dimension'}, {of_what}",
            **axes,
        )
        for title, name, of_what in shown
    ]


SPEC = Spec(
    name="dimension-factor",
    about=__doc__,
    source="Bai & Lee 2020",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=theory,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
