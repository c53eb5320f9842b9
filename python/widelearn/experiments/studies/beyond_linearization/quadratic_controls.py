"""Where the quadratic model must not win, what a linear part mends, and what scales of columns cost."""

import warnings

import numpy as np

from widelearn import TaylorRegressor
from widelearn.datasets import hypercube
from widelearn.experiments.studies.baselines import best_error
from widelearn.experiments.studies.ensembles import Array, mean_square, new_seed
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import apart, at_least, at_most, less
from widelearn.kernels import NTK, TaylorKernel

SETTINGS = {"d": 40, "n": 400, "width": 128, "tol": 1e-5, "test": 2000, "noisy": 4, "factor": 10.0, "draws": 12}
QUICK = {"d": 24, "n": 240, "width": 24, "tol": 1e-4, "test": 1000, "draws": 10}
DENSE, MIXED, THREE, PRODUCT = "dense quadratic form", "line + product", "three products", "one product"
SCALED, PERMUTED = "one product, four noise columns ten times longer", "one product, permuted"
MODEL, JOINT, LIFTED, TANGENT = "quadratic model", "with linear part", "kernel of order 2", "NTK"
WHITENED = "whitened"
# Targets whose errors vary more from draw to draw, and how many times more draws they have.
MORE = {DENSE: 2, THREE: 4, MIXED: 2, SCALED: 2}


def named(model: str, target: str) -> str:
    """Name the series of a model on a target."""
    return f"{model}, {target}"


def cells(settings: Settings) -> list[Cell]:
    """Return a cell for each target."""
    targets = (DENSE, MIXED, THREE, PRODUCT, SCALED, PERMUTED)
    return [{**settings, "target": one, "draws": settings["draws"] * MORE.get(one, 1)} for one in targets]


def target_of(name: str, d: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return A and b of x'Ax + x'b, of variance 1 on the cube."""
    A, b = np.zeros((d, d)), np.zeros(d)
    if name == DENSE:
        A = np.triu(rng.standard_normal((d, d)), 1)
        A /= np.linalg.norm(A)
    else:
        count = 3 if name == THREE else 1
        for j in range(count):
            A[2 * j, 2 * j + 1] = count**-0.5
    if name == MIXED:
        b = rng.standard_normal(d)
        A, b = A / np.sqrt(2), b / np.linalg.norm(b) / np.sqrt(2)
    return A, b


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Fit the model and kernels at their best ridge to one target, and test them."""
    rng = np.random.default_rng(seed)
    d, n, name, state = cell["d"], cell["n"], cell["target"], new_seed(rng)
    X, check = (hypercube(count, d, random_state=new_seed(rng)) for count in (n, cell["test"]))
    A, b = target_of(name, d, rng)
    y, truth = (np.einsum("ij,ij->i", Z @ A, Z) + Z @ b for Z in (X, check))
    if name == PERMUTED:
        y = rng.permutation(y)
    if name == SCALED:
        scales = np.where(np.arange(d) < d - cell["noisy"], 1.0, cell["factor"])
        X, check = X * scales, check * scales
    options = {"width": cell["width"], "tol": cell["tol"], "random_state": state}
    models = {
        MODEL: TaylorRegressor(linear_term=False, **options),
        JOINT: TaylorRegressor(linear_alpha=2e-3, weight_variance=1.0, **options),
        WHITENED: TaylorRegressor(linear_term=False, whiten=True, **options),
    }
    wanted = {MIXED: (MODEL, JOINT), SCALED: (MODEL, WHITENED)}.get(name, (MODEL,))
    with warnings.catch_warnings():
        if name == SCALED:
            # That long columns hide the others is what is shown.
            warnings.filterwarnings("ignore", message="One direction of X")
        found = {one: mean_square(models[one].fit(X, y).predict(check) - truth) for one in wanted}
    if name in (DENSE, THREE):
        found[LIFTED] = best_error(TaylorKernel(2, "softplus"), X, y, check, truth)
        found[TANGENT] = best_error(NTK(activation="softplus"), X, y, check, truth)
    return [value(named(one, name), n, error) for one, error in found.items()]


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge losses and gains."""
    return [
        less(
            "on a dense quadratic form the kernel of order 2 at its best ridge beats the quadratic model",
            named(LIFTED, DENSE),
            named(MODEL, DENSE),
        ),
        less(
            "on three products the model has half the error of that kernel and of the NTK",
            named(MODEL, THREE),
            named(LIFTED, THREE),
            named(TANGENT, THREE),
            factor=2.0,
        ),
        less(
            "a line beside a product needs the linear part: without it the error is ten times larger",
            named(JOINT, MIXED),
            named(MODEL, MIXED),
            factor=10.0,
        ),
        at_least(
            "four long noise columns leave the model at a fifth of the target's variance or more",
            named(MODEL, SCALED),
            bound=0.2,
            rival=named(WHITENED, SCALED),
        ),
        at_most(
            "whitening takes that back: at most a tenth is left",
            named(WHITENED, SCALED),
            bound=0.1,
            rival=named(MODEL, SCALED),
        ),
    ]


def controls(settings: Settings) -> list[Control]:
    """See nothing learned from permuted targets."""
    return [apart("permuted targets teach nothing", named(MODEL, PRODUCT), named(MODEL, PERMUTED))]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show the errors of every model, a target a panel."""
    axes = {"xlabel": "rows n", "ylabel": "test error / variance", "ylim": (0.0, 1.3)}
    return [
        panel(of(rows, *(named(one, target) for one in (MODEL, JOINT, WHITENED, LIFTED, TANGENT))), **axes)
        for target in (DENSE, MIXED, THREE, PRODUCT, SCALED)
    ]


SPEC = Spec(
    name="quadratic-controls",
    about=__doc__,
    source="Bai & Lee 2020; their claims' limits",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=None,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
