"""Plain descent stays at saddles of the quadratic model; kicks and noise leave them at the rate of the curvature."""

import numpy as np

from widelearn import TaylorRegressor
from widelearn.datasets import hypercube
from widelearn.estimators.optim.descent import Trace, batch_descent, perturbed_descent
from widelearn.estimators.optim.rules import Sgd
from widelearn.experiments.studies.ensembles import Array, new_seed
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, Theory, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import apart, at_most, close, equal
from widelearn.nets import Expansion

SETTINGS = {
    "masses": (0.2, 0.35, 0.5),
    "neurons": 16,
    "rate": 0.5,
    "steps": 400,
    "noise": 0.02,
    "kick": 1e-7,
    "d": 12,
    "samples": 150,
    "draws": 20,
}
QUICK = {"masses": (0.25, 0.5), "draws": 6}
# Columns of the full cube whose products are the target.
COLUMNS = 6
PLAIN, KICKS, NOISE = "plain descent", "descent with kicks", "descent with noise"
GROWTH = "growth of a kick in a step"
KICKED, SPECTRAL = "objective, kicks from W = 0", "objective, spectral start"
# A step of growth is measured while what grows is between these.
SMALL, LARGE, LONGEST = 1e-5, 1e-2, 10_000


class Saddle:
    """The mean loss of a quadratic model on all rows of a cube, y = x1 x2 + mass^(1/2) x3 x4, and a start in x1 and x2.

    With σ'' = 1 gradients of movements along the first two axes have no part along the others: what starts there stays,
    and ends where x1 x2 alone is fitted.
    """

    def __init__(self, rng: np.random.Generator, m: int, mass: float) -> None:
        self.X = np.array(np.meshgrid(*[[-1.0, 1.0]] * COLUMNS)).reshape(COLUMNS, -1).T
        self.Y = (self.X[:, :1] * self.X[:, 1:2]) + np.sqrt(mass) * self.X[:, 2:3] * self.X[:, 3:4]
        a = np.where(np.arange(m) % 2, -1.0, 1.0)[:, None] / np.sqrt(m)
        self.net = Expansion(rng.standard_normal((m, COLUMNS)), a, "quadratic", (2,))
        self.start = np.zeros((m, COLUMNS))
        self.start[:, :2] = rng.standard_normal((m, 2)) / 2

    def __call__(self, theta: Array, rows: Array | slice = slice(None)) -> tuple[float, Array]:
        """Return the mean loss and its gradient."""
        found = self.net.loss_gradient(self.X[rows], self.Y[rows], theta.reshape(self.start.shape), "squared")
        return found.loss, found.W.ravel()

    def plain(self, theta: Array, rate: float, steps: int) -> Array:
        """Return the end of steps of one length."""
        for _ in range(steps):
            theta = theta - rate * self(theta)[1]
        return theta


def cells(settings: Settings) -> list[Cell]:
    """Return one cell for each mass of the second product, and one for fits from W = 0."""
    parts = [{**settings, "part": "saddle", "mass": mass} for mass in settings["masses"]]
    return [*parts, {**settings, "part": "zero"}]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Descend from one start in three ways; and fit a model from the saddle W = 0, and from the best start."""
    rng = np.random.default_rng(seed)
    if cell["part"] == "zero":
        X, state = hypercube(cell["samples"], cell["d"], random_state=new_seed(rng)), new_seed(rng)
        ways = {KICKED: {"init": "zeros", "solver": "pgd"}, SPECTRAL: {"init": "spectral", "solver": "lbfgs"}}
        model = TaylorRegressor(width=32, linear_term=False, max_iter=5000, tol=1e-7, random_state=state)
        y = X[:, 0] * X[:, 1]
        return [value(name, 0.0, model.set_params(**way).fit(X, y).loss_curve_[-1]) for name, way in ways.items()]
    mass, rate, steps = cell["mass"], cell["rate"], cell["steps"]
    saddle, source = Saddle(rng, cell["neurons"], mass), np.random.RandomState(new_seed(rng))
    there = saddle.plain(saddle.start.ravel(), rate, steps)
    kicked, noisy = Trace(saddle.start.ravel()), Trace(saddle.start.ravel())
    perturbed_descent(saddle, kicked, source, max_iter=steps, tol=1e-6, rate=rate)
    sizes = {"n_rows": len(saddle.X), "batch_size": len(saddle.X), "max_iter": steps}
    rule = Sgd(noisy.theta, noise=(cell["noise"], source))
    batch_descent(saddle, noisy, rule, source, rate=rate, **sizes)
    rows = [value(PLAIN, mass, saddle(there)[0])]
    rows += [value(name, mass, saddle(trace.theta)[0]) for name, trace in ((KICKS, kicked), (NOISE, noisy))]
    return [*rows, value(GROWTH, mass, growth(saddle, there, cell["kick"] * rng.standard_normal(len(there)), rate))]


def growth(saddle: Saddle, theta: Array, kick: Array, rate: float) -> float:
    """Return the mean growth, in logarithm and step, of what a kicked saddle has outside the first two axes."""
    theta, sizes = theta + kick, list[float]()
    while (not sizes or sizes[-1] < LARGE) and len(sizes) < LONGEST:
        theta = saddle.plain(theta, rate, 1)
        sizes.append(float(np.linalg.norm(theta.reshape(saddle.start.shape)[:, 2:])))
    seen = np.log([size for size in sizes if size > SMALL])
    return float((seen[-1] - seen[0]) / (len(seen) - 1))


def theory(settings: Settings) -> Theory:
    """Return the loss of the saddle, and the growth of its steepest direction.

    The residual is -mass^(1/2) x3 x4, of mean square `mass`. In the plane of x3 and x4 a neuron's curvature is
    ±mass^(1/2) a_r; what neurons share is of rank 2, so that with more of a sign the smallest stays -(mass/m)^(1/2).
    """
    m, rate = settings["neurons"], settings["rate"]

    def predicted(row: Row) -> float | None:
        if row["series"] == PLAIN:
            return float(row["x"]) / 2
        return float(np.log1p(rate * np.sqrt(row["x"] / m))) if row["series"] == GROWTH else None

    return predicted


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge where descents end, and how fast kicks grow."""
    least = min(settings["masses"])
    return [
        equal("plain descent ends with the second product whole: half its mean square", PLAIN, share=0.01),
        at_most("descent with kicks leaves the saddle", KICKS, bound=0.02 * least, rival=PLAIN),
        at_most("so does descent with noise", NOISE, bound=0.02 * least, rival=PLAIN),
        equal("a kick grows by the most negative curvature", GROWTH, share=0.05),
        close("kicks from the saddle W = 0 end where the spectral start ends", KICKED, SPECTRAL, share=0.02),
    ]


def controls(settings: Settings) -> list[Control]:
    """See that the kicks make the difference."""
    return [apart("without kicks the same steps from the same start end elsewhere", KICKS, PLAIN)]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show losses and growth against the mass of what the start does not see."""
    axes = {"xlabel": "mean square of the second product"}
    return [
        panel(of(rows, PLAIN, KICKS, NOISE), ylabel="loss at the end", **axes),
        panel(of(rows, GROWTH), ylabel="growth of a kick, log per step", **axes),
    ]


SPEC = Spec(
    name="escaping-saddles",
    about=__doc__,
    source="Bai & Lee 2020, section 3; Jin et al. 2017",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=theory,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
