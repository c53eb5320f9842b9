"""Every minimum that descent finds of a wide quadratic model is near-global, which a dual certificate proves."""

import copy
from typing import Any

import numpy as np

from widelearn import TaylorRegressor
from widelearn.datasets import hypercube
from widelearn.diagnostics import curvature_identity, min_hessian_eigenvalue, optimality_gap
from widelearn.experiments.studies.ensembles import Array, new_seed
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, Theory, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import apart, at_least, at_most, equal

SETTINGS = {"d": 20, "n": 300, "noise": 0.1, "widths": (64, 128, 256), "slope": (64, 128, 256, 512), "draws": 20}
QUICK = {"d": 10, "n": 120, "widths": (64,), "slope": (32, 64, 128), "draws": 5}
GAP, SADDLE_GAP = "certified gap, minima", "certified gap, W = 0"
LOWEST, SADDLE_LOWEST = "negative curvature, minima", "negative curvature, W = 0"
TERM, SLOPE = "width term of the curvature identity", "power of the width in that term"


def cells(settings: Settings) -> list[Cell]:
    """Return a cell for each width, and one for the slope over widths."""
    return [*({**settings, "width": width} for width in settings["widths"]), {**settings, "width": None}]


def fitted(X: Array, y: Array, width: int, state: int) -> TaylorRegressor:
    """Descend from a random start to the end."""
    options: dict[str, Any] = {"linear_term": False, "init": "random", "tol": 1e-12, "max_iter": 5000}
    return TaylorRegressor(width=width, random_state=state, **options).fit(X, y)


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Fit noisy products of two columns from random starts, and certify what is found."""
    rng = np.random.default_rng(seed)
    X = hypercube(cell["n"], cell["d"], random_state=new_seed(rng))
    y = X[:, 0] * X[:, 1] + cell["noise"] * rng.standard_normal(cell["n"])
    if cell["width"] is None:
        terms = [width_term(X, y, width, rng) for width in cell["slope"]]
        power = np.polyfit(np.log(cell["slope"]), np.log(terms), 1)[0]
        return [*(value(TERM, m, one) for m, one in zip(cell["slope"], terms, strict=True)), value(SLOPE, 0.0, power)]
    width = cell["width"]
    model = fitted(X, y, width, new_seed(rng))
    saddle = copy.deepcopy(model)
    saddle.W_ = np.zeros_like(model.W_)
    start = 0.5 * float(np.mean((y / model.y_scale_) ** 2))
    rows = []
    for one, gap, lowest, objective in (
        (model, GAP, LOWEST, model.loss_curve_[-1]),
        (saddle, SADDLE_GAP, SADDLE_LOWEST, start),
    ):
        found = min_hessian_eigenvalue(one, X, y)
        rows.append(value(gap, width, optimality_gap(one, X, y) / objective))
        rows.append(value(lowest, width, min(found.value / found.largest, 0.0)))
    return rows


def width_term(X: Array, y: Array, width: int, rng: np.random.Generator) -> float:
    """Return Δ of the curvature identity at a minimum, along that minimum itself."""
    model = fitted(X, y, width, new_seed(rng))
    return curvature_identity(model, X, y, model.W_, draws=2).width


def theory(settings: Settings) -> Theory:
    """Return the power of the width."""
    return lambda row: -1.0 if row["series"] == SLOPE else None


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge the certificates."""
    return [
        at_most(
            "minima from random starts are within 0.1 % of the global minimum, proved by the dual",
            GAP,
            bound=1e-3,
            rival=SADDLE_GAP,
        ),
        at_least(
            "no eigenvalue of their Hessian is below -1e-6 of the largest",
            LOWEST,
            bound=-1e-6,
            rival=SADDLE_LOWEST,
        ),
        at_most(
            "W = 0 is stationary, but a saddle: an eigenvalue is below -1 % of the largest",
            SADDLE_LOWEST,
            bound=-0.01,
            rival=LOWEST,
        ),
        equal("the term that width leaves in the curvature identity falls like 1/m", SLOPE, share=0.05),
    ]


def controls(settings: Settings) -> list[Control]:
    """See a stationary point that is no minimum without a certificate."""
    return [apart("a vanishing gradient alone is certified of nothing", GAP, SADDLE_GAP)]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show gaps and the width term."""
    axes = {"xlabel": "neurons m", "xscale": "log", "yscale": "log"}
    return [
        panel(of(rows, GAP, SADDLE_GAP), ylabel="certified gap / objective", **axes),
        panel(of(rows, TERM), ylabel="Δ of the curvature identity", **axes),
    ]


SPEC = Spec(
    name="landscape",
    about=__doc__,
    source="Bai & Lee 2020, section 3",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=theory,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
