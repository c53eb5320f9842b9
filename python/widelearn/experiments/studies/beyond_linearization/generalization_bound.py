"""A quadratic model's class is √d/2 times smaller than its kernel's: the edge of a free law gives its complexity."""

import warnings
from functools import cache

import numpy as np
from scipy.optimize import minimize_scalar

from widelearn import TaylorRegressor
from widelearn.datasets import hypercube
from widelearn.diagnostics import rademacher
from widelearn.experiments.studies.ensembles import Array, new_seed
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, Theory, line, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import apart, equal, less

SETTINGS = {
    "dimensions": (20, 40, 80),
    "rows_per_column": 20,
    "width": 64,
    "signs": 20,
    "samples": (200, 400, 800),
    "d": 20,
    "noise": 0.3,
    "test": 4000,
    "draws": 20,
}
QUICK = {"dimensions": (16, 32), "signs": 12, "width": 32, "samples": (200,), "test": 1000, "draws": 6}
QUADRATIC, LIFTED, TANGENT = "quadratic class", "its kernel's ball", "tangent class"
LONG, GAP, BOUND = "quadratic class, one long column", "test less training loss", "twice the complexity"
# Draws of Gaussian matrices for the mean of their largest eigenvalue.
MATRICES = 200


def cells(settings: Settings) -> list[Cell]:
    """Return a cell for each dimension, and for each number of rows to learn from."""
    complexities = [{**settings, "kind": "complexity", "d": d} for d in settings["dimensions"]]
    return [*complexities, *({**settings, "kind": "learning", "n": n} for n in settings["samples"])]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Draw signs for the complexities of unit balls; or learn a noisy product, and test it."""
    rng = np.random.default_rng(seed)
    d, options = cell["d"], {"linear_term": False, "width": cell["width"], "random_state": new_seed(rng)}
    state = new_seed(rng)
    if cell["kind"] == "complexity":
        X = hypercube(cell["rows_per_column"] * d, d, random_state=new_seed(rng))
        rows = []
        for name, Z in ((QUADRATIC, X), (LONG, stretched(X))):
            with warnings.catch_warnings():
                if name == LONG:
                    # That one column hides the others is what is shown.
                    warnings.filterwarnings("ignore", message="One direction of X")
                net = TaylorRegressor(solver="adam", max_iter=1, **options).fit(Z, X[:, 0] * X[:, 1])
            found = rademacher(net, Z, radius=1.0, tangent_radius=1.0, draws=cell["signs"], random_state=state)
            rows.append(value(name, d, found.quadratic))
            if name == QUADRATIC:
                rows += [value(LIFTED, d, found.lifted), value(TANGENT, d, found.tangent)]
        return rows
    n = cell["n"]
    X, fresh = (hypercube(count, d, random_state=new_seed(rng)) for count in (n, cell["test"]))
    y, y_fresh = (Z[:, 0] * Z[:, 1] + cell["noise"] * rng.standard_normal(len(Z)) for Z in (X, fresh))
    model = TaylorRegressor(**options).fit(X, y)
    losses = [
        float(np.mean(np.minimum(np.abs(model.predict(Z) - truth) / model.y_scale_, 1)))
        for Z, truth in ((X, y), (fresh, y_fresh))
    ]
    found = rademacher(model, X, draws=2, random_state=state)
    return [value(GAP, n, losses[1] - losses[0]), value(BOUND, n, 2 * found.quadratic)]


def stretched(X: Array) -> Array:
    """Return rows whose first column has half of their norm."""
    Z = X.copy()
    Z[:, 0] *= np.sqrt(X.shape[1])
    return Z


def bend(z: Array) -> Array:
    """Return softplus''."""
    s = 1 / (1 + np.exp(-z))
    return np.asarray(s * (1 - s))


@cache
def moments() -> tuple[Array, Array]:
    """Return nodes and weights for means over a standard normal number."""
    z, weight = np.polynomial.hermite_e.hermegauss(100)
    return z, weight / weight.sum()


@cache
def largest_eigenvalue(d: int) -> float:
    """Return the mean largest eigenvalue of symmetric Gaussian matrices of variance 1/d, 0 on the diagonal, by draws.

    On the cube x_i x_iᵀ has a constant diagonal, and entries beside it that are uncorrelated.
    """
    G = np.random.default_rng(0).standard_normal((MATRICES, d, d))
    G = np.triu(G, 1)
    return float(np.linalg.eigvalsh(G + G.transpose(0, 2, 1))[:, -1].mean() / np.sqrt(d))


def edge(d: int, n: int) -> float:
    """Return the largest eigenvalue of (1/n) Σ ξ_i c_i x_i x_iᵀ, c = softplus''(z), over that of large matrices.

    The limit's law has the R-transform E c² q g/(1 - (c q g)²), q = d/n; its edge is the least of 1/g + R(g). Matrices
    of dimension d fall short of it like Gaussian ones.
    """
    z, weight = moments()
    c, q = bend(z), d / n

    def place(g: float) -> float:
        return 1 / g + float(weight @ (c**2 * q * g / (1 - (c * q * g) ** 2)))

    top = 1 / (q * float(c.max()))
    found = minimize_scalar(
        place, bounds=(1e-6 * top, (1 - 1e-9) * top), method="bounded", options={"xatol": 1e-9 * top}
    )
    return float(found.fun) * largest_eigenvalue(d) / 2


def theory(settings: Settings) -> Theory:
    """Return the complexities of unit balls for rows of the cube."""
    z, weight = moments()
    second = float(weight @ bend(z) ** 2)
    first = float(weight @ (1 / (1 + np.exp(-z))) ** 2)

    @cache
    def predicted(series: str, d: int) -> float | None:
        n = settings["rows_per_column"] * d
        if series == QUADRATIC:
            return edge(d, n) / 2 / second**0.5
        if series == LIFTED:
            return d / 2 / n**0.5
        return (first * d / second / n) ** 0.5 if series == TANGENT else None

    return lambda row: predicted(row["series"], int(row["x"]))


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge complexities against theory, and what they bound."""
    return [
        equal("the quadratic class has the complexity that the edge of a free law gives", QUADRATIC, share=0.04),
        equal("its kernel's ball has that of Frobenius norms, √d/2 times more", LIFTED, share=0.04),
        equal("the tangent class has that of its features' norms", TANGENT, share=0.04),
        less("a fitted model's test loss exceeds its training loss by less than twice its complexity", GAP, BOUND),
    ]


def controls(settings: Settings) -> list[Control]:
    """See one long column take the gain."""
    return [apart("with half of the rows' norm in one column the class is another", QUADRATIC, LONG)]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show complexities against the dimension, and gaps against rows."""
    predicted, xs = theory(settings), settings["dimensions"]
    curves = [part for name in (QUADRATIC, LIFTED, TANGENT) for part in line(name, xs, predicted)]
    axes = {"xscale": "log", "yscale": "log"}
    complexities = [*of(rows, QUADRATIC, LIFTED, TANGENT, LONG), *curves]
    return [
        panel(complexities, xlabel="dimension d, at n/d fixed", ylabel="Rademacher complexity of unit balls", **axes),
        panel(of(rows, GAP, BOUND), xlabel="rows n", ylabel="loss clipped at 1", **axes),
    ]


SPEC = Spec(
    name="generalization-bound",
    about=__doc__,
    source="Bai & Lee 2020, section 4; Bai & Silverstein, Spectral analysis of large random matrices, chapter 4",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=theory,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
