"""Networks trained under random multipliers stay near their term, and from few rows learn what plain ones do not."""

import numpy as np

from widelearn import TaylorRegressor
from widelearn.datasets import hypercube
from widelearn.estimators.optim.descent import Trace, lbfgs_descent
from widelearn.experiments.studies.ensembles import Array, mean_square, new_seed
from widelearn.experiments.studies.judging import Control, Judged, Verdict, instead
from widelearn.experiments.studies.rows import Row, Rows, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import apart, at_most, close, less, shape
from widelearn.kernels import TaylorKernel
from widelearn.nets import Expansion, Multipliers, TwoLayer

SETTINGS = {"d": 40, "samples": 240, "widths": (128, 512, 2048), "signs": 400, "draws": 10, "test": 300}
SETTINGS |= {"cubic_d": 10, "cubic_samples": 300, "cubic_width": 512}
QUICK = {"d": 20, "samples": 110, "widths": (128, 512), "draws": 5, "signs": 300, "test": 150}
QUICK |= {"cubic_d": 8, "cubic_width": 128}
SPREAD, LAW = "variance over drawn signs", "variance over signs, by the law"
BOUND = "bound of the mean variance"
BIAS, BIAS_BOUND = "largest distance of the mean network from its term", "bound of that distance"
NORM, SLOPE = "norm of the movement", "slope of the deviation over signs"
MARGINAL, PLAIN = "mean network, trained under signs", "network trained without signs"
CUBIC, SQUARE = "product of three columns, multipliers of order 3", "product of three columns, signs"
# Bounds of softplus's first derivative and of its fourth, σ''(1 - 6 σ'') with σ'' <= 1/4.
STEEP, BEND = 1.0, 0.125
# Widths may change the norm by so much; a slope lies within this share of -1/4.
ALIKE, NEAR = 1.15, 0.2
# Iterations of the network without signs.
STEPS = 150


def cells(settings: Settings) -> list[Cell]:
    """Return one cell: slopes and norms need all widths."""
    return [settings]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Train networks of several widths on a product of two columns, and one on a product of three."""
    rng = np.random.default_rng(seed)
    n, widths, state = cell["samples"], cell["widths"], new_seed(rng)
    X, check = (hypercube(count, cell["d"], random_state=new_seed(rng)) for count in (n, cell["test"]))
    y, truth = X[:, 0] * X[:, 1], check[:, 0] * check[:, 1]
    rows = []
    for m in widths:
        model = TaylorRegressor(mode="marginal", width=m, linear_term=False, random_state=state).fit(X, y)
        net = Expansion(model.W0_, model.a_[:, None], "softplus", (2,))
        rows += coupling(rng, net, model.W_, check, cell["signs"])
        rows.append(value(MARGINAL, m, mean_square(model.predict(check) - truth)))
    spreads = [row["value"] for row in rows if row["series"] == LAW]
    rows.append(value(SLOPE, 0.0, np.polyfit(np.log(widths), np.log(spreads) / 2, 1)[0]))
    rows.append(value(PLAIN, max(widths), without_signs(rng, net, model.alpha_, X, y, check, truth)))
    X, check = (hypercube(count, cell["cubic_d"], random_state=new_seed(rng)) for count in (cell["cubic_samples"], 400))
    y, truth = X[:, :3].prod(axis=1), check[:, :3].prod(axis=1)
    for name, order in ((CUBIC, 3), (SQUARE, 2)):
        model = TaylorRegressor(order, mode="marginal", width=cell["cubic_width"], linear_term=False)
        model.set_params(max_iter=150, tol=1e-4, random_state=state).fit(X, y)
        rows.append(value(name, 0.0, mean_square(model.predict(check) - truth)))
    return rows


def coupling(rng: np.random.Generator, net: Expansion, W: Array, X: Array, count: int) -> list[Row]:
    """Return how far networks with drawn signs and the mean one are from the term, and their bounds."""
    m, law = len(W), Multipliers(2)
    norm = float(np.sum(np.linalg.norm(W, axis=1) ** 4)) ** 0.25
    drawn = [
        TwoLayer(net.W0 + rng.choice([-1.0, 1.0], (m, 1)) * W, np.zeros(m), net.a, "softplus").outputs(X)
        for _ in range(count)
    ]
    F, V = net.marginal_moments(X, W)
    bounds = law.coupling_bounds(norm, m, float(np.sqrt(X.shape[1])), slope=STEEP, bend=BEND)
    # Over rows, the mean of <w, x>² is at most the largest eigenvalue of x x' times ‖w‖².
    typical = float(np.linalg.norm(X, 2) / np.sqrt(len(X)))
    over_rows = law.coupling_bounds(norm, m, typical, slope=STEEP, bend=BEND)
    found = {SPREAD: float(np.var(drawn, axis=0, ddof=1).mean()), LAW: float(V.mean()), BOUND: over_rows.spread**2}
    found |= {BIAS: float(np.abs(F - net.terms(X, W)[0]).max()), BIAS_BOUND: bounds.bias, NORM: norm}
    return [value(name, m, size) for name, size in found.items()]


def without_signs(
    rng: np.random.Generator, net: Expansion, alpha: float, X: Array, y: Array, check: Array, truth: Array
) -> float:
    """Return the test error of the network that is trained as it is, from a random movement, with the same penalty."""
    m, d = net.W0.shape
    one, Y = np.ones(m), y[:, None]
    # Of a net that is not scaled, times E σ''(z)²: four times the kernel of order 2 at a row of length 1.
    penalty = alpha * 4 * float(TaylorKernel(2, "softplus").diag([[1.0]])[0])

    def objective(theta: Array) -> tuple[float, Array]:
        W = theta.reshape(m, d)
        found = net.signed_loss_gradient(X, Y, W, one, "squared")
        squares = np.sum(W**2, axis=1)
        gradient = found.W + 4 * penalty * squares[:, None] * W
        return found.loss + penalty * float(np.sum(squares**2)), gradient.ravel()

    trace = Trace(rng.standard_normal(m * d) * m**-0.25 / np.sqrt(d))
    lbfgs_descent(objective, trace, max_iter=STEPS, tol=1e-6)
    W = trace.theta.reshape(m, d)
    outputs = TwoLayer(net.W0 + W, np.zeros(m), net.a, "softplus").outputs(check)
    return mean_square(outputs[:, 0] - truth)


def alike(rows: Rows) -> Judged:
    """Find the largest norm within 15 % of the smallest."""
    sizes = [row["simulation"] for row in rows]
    return max(sizes) <= ALIKE * min(sizes), f"{min(sizes):.4g} to {max(sizes):.4g}"


def quarter(rows: Rows) -> Judged:
    """Find a slope within 20 % of -1/4."""
    found = rows[0]["simulation"]
    return abs(found / -0.25 - 1) <= NEAR, f"{found:.4g} against -0.25"


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge distances from the term against laws and bounds, and what networks learn."""
    most, least = max(settings["widths"]), min(settings["widths"])
    # At 10 d rows the network without signs learns it as well.
    few = settings["samples"] / settings["d"]

    def as_plain(row: Row) -> float:
        return float(row["x"] / least) ** 0.25

    return [
        close("networks with drawn signs vary as the law says", SPREAD, LAW, share=0.05),
        less("the variance is below its bound at every width", LAW, BOUND),
        less("so is the distance of the mean network from its term", BIAS, BIAS_BOUND),
        shape(
            "the movement's norm is the same at every width", NORM, alike, instead(NORM, as_plain), "growth by m^(1/4)"
        ),
        shape(
            "the deviation falls like m^(-1/4) within 20 %", SLOPE, quarter, instead(SLOPE, lambda _: -0.5), "m^(-1/2)"
        ),
        at_most(
            f"from {few:g} d rows the mean network learns a product of two columns, as the one without signs does not",
            MARGINAL,
            bound=0.1,
            rival=PLAIN,
            at=most,
        ),
        at_most("multipliers of order 3 learn a product of three columns", CUBIC, bound=0.25, rival=SQUARE),
    ]


def controls(settings: Settings) -> list[Control]:
    """See that signs leave nothing that fits a product of three columns."""
    return [apart("the multipliers' order makes the difference", CUBIC, SQUARE)]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show distances from the term, and test errors, against width."""
    axes = {"xlabel": "neurons m", "xscale": "log", "yscale": "log"}
    return [
        panel(of(rows, SPREAD, LAW, BOUND), ylabel="variance of outputs", **axes),
        panel(of(rows, BIAS, BIAS_BOUND), ylabel="distance from the term", **axes),
        panel(of(rows, MARGINAL, PLAIN), ylabel="test error", **axes),
    ]


SPEC = Spec(
    name="randomization-coupling",
    about=__doc__,
    source="Bai & Lee 2020, section 2; bounds for other orders are derived",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=None,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
