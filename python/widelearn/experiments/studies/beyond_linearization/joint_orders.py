"""Two Taylor orders together learn a dense part of degree k and a sparse one of degree k + 1 from some d^k rows."""

from typing import Any

import numpy as np

from widelearn import TaylorRegressor
from widelearn.datasets import hypercube
from widelearn.experiments.studies.baselines import best_error
from widelearn.experiments.studies.ensembles import Array, mean_square, new_seed
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import apart, at_most
from widelearn.kernels import NTK, Polynomial, TaylorKernel

# Of orders 1 and 2 n = ratio d rows, of orders 2 and 3 n = ratio d²: fewer than there are products of k + 1 columns.
SETTINGS = {
    "dimensions": (20, 40),
    "squared_dimensions": (16, 20, 24),
    "ratio": 8.0,
    "squared_ratio": 1.5,
    "width": 64,
    "alpha": 2e-3,
    "penalties": (1e-4, 2e-3, 2e-2),
    "test": 1500,
    "draws": 24,
    "squared_draws": 16,
}
QUICK = {
    "dimensions": (),
    "squared_dimensions": (16,),
    "width": 32,
    "penalties": (2e-3, 2e-2),
    "test": 600,
    "squared_draws": 12,
}
JOINT, LOW, HIGH = "joint model", "order k alone", "order k + 1 alone"
KERNEL_LOW, KERNEL_HIGH = "Taylor kernel of order k", "Taylor kernel of order k + 1"
POLYNOMIAL, TANGENT = "polynomial kernel of degree k + 1", "NTK"
RIVALS = (POLYNOMIAL, KERNEL_LOW, KERNEL_HIGH, TANGENT, LOW, HIGH)
# Of each draw the rival with the least error; the joint model's error over that, and with the two exchanged.
BEST, DENSE = "best rival", "joint model, both parts dense"
GAIN, LOSS = "joint / best rival", "best rival / joint"


def named(model: str, k: int, d: int) -> str:
    """Name the series of a model."""
    return f"{model}, k = {k}, d = {d}"


def places(settings: Settings) -> list[tuple[int, int, float]]:
    """Return lower orders k, dimensions and n / d^k."""
    one = [(1, d, settings["ratio"]) for d in settings["dimensions"]]
    return one + [(2, d, settings["squared_ratio"]) for d in settings["squared_dimensions"]]


def cells(settings: Settings) -> list[Cell]:
    """Return a cell for each order and dimension."""
    draws = {1: settings["draws"], 2: settings["squared_draws"]}
    return [{**settings, "k": k, "d": d, "at": ratio, "draws": draws[k]} for k, d, ratio in places(settings)]


def dense(rng: np.random.Generator, X: Array, k: int) -> Array:
    """Return a form of degree k with a normal coefficient for each product of k columns, of variance 1 on the cube."""
    d = X.shape[1]
    if k == 1:
        b = rng.standard_normal(d)
        return np.asarray(X @ b / np.linalg.norm(b))
    A = rng.standard_normal((d,) * k)
    # Of columns in ascending order, so that each product is there once.
    at = np.indices(A.shape)
    A *= np.logical_and.reduce([at[j] < at[j + 1] for j in range(k - 1)])
    values = X @ A.reshape(d, -1)
    for _ in range(k - 1):
        values = np.einsum("ij,ijk->ik", X, values.reshape(len(X), d, -1))
    return np.asarray(values[:, 0] / np.linalg.norm(A))


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Fit all models to (dense form of degree k + product of k + 1 columns)/√2, the joint one also to dense parts."""
    rng = np.random.default_rng(seed)
    k, d = cell["k"], cell["d"]
    n, state = round(cell["at"] * d**k), new_seed(rng)
    X = hypercube(n + cell["test"], d, random_state=new_seed(rng))
    low = dense(rng, X, k)
    sparse, other = np.prod(X[:, : k + 1], axis=1), dense(rng, X, k + 1)
    y = (low + sparse) / np.sqrt(2)
    options: dict[str, Any] = {"width": cell["width"], "linear_term": False, "random_state": state}

    def error(order: Any, alpha: Any, target: Array) -> float:
        fit = TaylorRegressor(order, alpha=alpha, **options).fit(X[:n], target[:n])
        return mean_square(fit.predict(X[n:]) - target[n:])

    # The joint model has its penalties beforehand; every rival has the best one on the test rows.
    both = (cell["alpha"], cell["alpha"])
    found = {JOINT: error((k, k + 1), both, y), DENSE: error((k, k + 1), both, (low + other) / np.sqrt(2))}
    for name, order in ((LOW, k), (HIGH, k + 1)):
        found[name] = min(error(order, alpha, y) for alpha in cell["penalties"])
    kernels = {
        POLYNOMIAL: Polynomial(k + 1, coef0=1.0),
        KERNEL_LOW: TaylorKernel(k, activation_of(k)),
        KERNEL_HIGH: TaylorKernel(k + 1, activation_of(k + 1)),
        TANGENT: NTK(activation="softplus"),
    }
    found |= {name: best_error(kernel, X[:n], y[:n], X[n:], y[n:]) for name, kernel in kernels.items()}
    found[BEST] = min(found[name] for name in RIVALS)
    found |= {GAIN: found[JOINT] / found[BEST], LOSS: found[BEST] / found[JOINT]}
    return [value(named(name, k, d), cell["at"], one) for name, one in found.items()]


def activation_of(order: int) -> str:
    """Return the activation that a Taylor model of the order has."""
    return "cubic" if order == 3 else "softplus"


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge that the joint model has a third of the best rival's error or less."""
    found = []
    for k, d, ratio in places(settings):
        rows = f"from {ratio:g} {'d' if k == 1 else f'd^{k}'} rows at d = {d}"
        found += [
            at_most(
                f"{rows} orders {k} and {k + 1} together have a third of the error, or less, of the best of six rivals:"
                f" kernels of order {k}, of order {k + 1}, polynomials of degree {k + 1}, NTK, either order alone",
                named(GAIN, k, d),
                bound=1 / 3,
                rival=named(LOSS, k, d),
            ),
        ]
    return found


def controls(settings: Settings) -> list[Control]:
    """See that nothing is gained where the part of degree k + 1 is dense, too."""
    return [
        apart(
            f"a dense part of degree {k + 1} is not learned, k = {k}, d = {d}",
            named(JOINT, k, d),
            named(DENSE, k, d),
        )
        for k, d, _ in places(settings)
    ]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show every model's error against the dimension, an order a panel."""
    found = []
    for k in sorted({k for k, _, _ in places(settings)}):
        chosen = [(d, ratio) for order, d, ratio in places(settings) if order == k]
        shown = [
            one | {"series": name, "x": float(d)}
            for name in (JOINT, DENSE, *RIVALS)
            for d, _ in chosen
            for one in of(rows, named(name, k, d))
        ]
        found.append(
            panel(
                shown,
                title=f"orders {k} and {k + 1}, n = {chosen[0][1]:g} {'d' if k == 1 else f'd^{k}'}",
                xlabel="dimension d",
                ylabel="test error / variance",
                yscale="log",
            )
        )
    return found


SPEC = Spec(
    name="joint-orders",
    about=__doc__,
    source="Nichani, Bai & Lee 2022; Bai & Lee 2020",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=None,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
