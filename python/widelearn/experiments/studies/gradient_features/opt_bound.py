"""What the theorem of gradient features promises of a parity, term by term, beside what a trained network reaches."""

from typing import Any

import numpy as np
from scipy.special import ndtr

from widelearn import TwoLayerClassifier
from widelearn.datasets import parity
from widelearn.diagnostics import OptBound, discover_features, initial_neurons, opt_bound
from widelearn.experiments.studies.ensembles import Array, new_seed
from widelearn.experiments.studies.first_gradients import pooled_angle
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, Theory, line, of, panel, value, without
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import apart, at_least, at_most, equal, less, wrong
from widelearn.nets import TwoLayer
from widelearn.theory import feature_learning_bound

# Of a structured parity: columns and hidden bits; numbers of rows that gradients are taken on; neurons and their
# threshold; rows that chose and measured the best network; neurons and steps of the trained one; times it is repeated.
SETTINGS = {
    "problem": (40, 3),
    "samples": (4000, 12_000, 36_000),
    "start": (100, 0.3),
    "rows": 8000,
    "norm": 3.5,
    "trained": (64, 150),
    "repeats": 16,
    "draws": 8,
}
QUICK = {"problem": (30, 3), "samples": (4000,), "start": (40, 0.3), "rows": 4000, "repeats": 12, "draws": 5}
TRUE, FOUND, ACROSS = "OPT, true direction", "OPT, direction found", "OPT, a direction across"
TURNED, SWUNG = "its network, turned to the direction found", "its network, turned across"
TRAINED = "trained network"
PROMISE, SCHWARZ = "OPT + Σ |a| E|<u - D, x>|", "OPT + Σ |a| √E‖x‖² √(2γ)"
ROWS = "OPT + what n rows bound"
TURN = "E|<u - D, x>|"


def cells(settings: Settings) -> list[Cell]:
    """Return a cell for every number of rows."""
    return [{**settings, "n": n} for n in settings["samples"]]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Find the direction on n rows, again and again, and measure everything on others."""
    n, (d, k), rng = cell["n"], cell["problem"], np.random.default_rng(seed)
    data = parity(n + cell["rows"], d, k, "structured", new_seed(rng))
    D = data.directions[0]
    seen = [(data.X[:n], data.y[:n])]
    for _ in range(cell["repeats"] - 1):
        more = parity(n, d, k, "structured", new_seed(rng), support=data.support)
        seen.append((more.X, more.y))
    found = [direction(cell, X, y, D, rng) for X, y in seen]
    held = data.X[n:], data.y[n:].astype(float)
    return [*losses(cell, D, found, across(D, rng), held), value(TRAINED, n, trained(cell, data))]


def direction(cell: Cell, X: Array, y: Array, D: Array, rng: np.random.Generator) -> Array:
    """Return the direction that neurons share on rows, on the side of the true one, or one across it if none is."""
    m, threshold = cell["start"]
    W, b = initial_neurons(m, len(D), bias_scale=threshold, random_state=new_seed(rng))
    found = discover_features(X, y, W, b).directions
    return np.asarray(found[0] * np.sign(found[0] @ D)) if len(found) else across(D, rng)


def across(D: Array, rng: np.random.Generator) -> Array:
    """Draw a direction at right angles to another."""
    drawn = rng.standard_normal(len(D))
    drawn -= (drawn @ D) * D
    return np.asarray(drawn / np.linalg.norm(drawn))


def losses(cell: Cell, D: Array, found: list[Array], other: Array, held: tuple[Array, Array]) -> list[Row]:
    """Return hinge losses of the best networks along directions, and what turning the first costs at most.

    OPT is bounded from above along the true direction and one found. Along the one across it is bounded from below, in
    the mean: the least loss on rows is not above it.
    """
    (test, truth), n = held, cell["n"]
    options: dict[str, Any] = {"weight_norm": cell["norm"], "tol": 0.02}
    best, near, bad = (opt_bound(test, truth, one[None], **options) for one in (D, found[0], other))

    def turned(u: Array) -> float:
        """Return the loss of the first network; its neurons are along D or against it."""
        net = TwoLayer((best.W @ D)[:, None] * u, best.b, best.a[:, None], "relu")
        return hinge(net.outputs(test)[:, 0], truth)

    cost = float(np.mean([np.mean(np.abs(test @ (u - D))) for u in found]))
    rows = {TRUE: best.bound, FOUND: near.bound, ACROSS: bad.train - bad.gap, TURN: cost}
    rows |= {TURNED: float(np.mean([turned(u) for u in found])), SWUNG: turned(other)}
    rows |= {PROMISE: best.bound + float(np.sum(np.abs(best.a))) * cost}
    rows |= {SCHWARZ: float(np.mean([by_formula(cell, best, D, float(1 - u @ D), np.inf) for u in found]))}
    rows |= {ROWS: by_formula(cell, best, D, 0.0, n)}
    return [value(name, n, loss) for name, loss in rows.items()]


def by_formula(cell: Cell, best: OptBound, D: Array, cone: float, n: float) -> float:
    """Return the bound for directions in a cone by gradients of n rows, those of infinitely many being along D.

    That is so but for the uniform component, which adds parts of degree k - 1.
    """
    (d, k), (m, threshold) = cell["problem"], cell["start"]
    counts = np.unique(np.sign(best.W @ D), return_counts=True)[1]
    length = float(ndtr(-threshold)) * np.sqrt(k) / 2
    sizes: dict[str, Any] = {"gradient_norm": length, "mean_norm": np.sqrt(d), "mean_square": d}
    # A symmetric start has every neuron with either sign.
    chances: dict[str, Any] = {"probability": 1.0, "width": m}
    return feature_learning_bound(best.bound, best.a, counts, cone=max(cone, 0.0), n=n, **sizes, **chances).bound


def hinge(outputs: Array, labels: Array) -> float:
    """Return the mean hinge loss."""
    return float(np.mean(np.maximum(0.0, 1 - labels * outputs)))


def trained(cell: Cell, data: Any) -> float:
    """Return the hinge loss of a network that a forgetting step and small steps after it trained on the same rows."""
    n, (width, steps) = cell["n"], cell["trained"]
    options: dict[str, Any] = {"algorithm": "algorithm1", "loss": "hinge", "width": width, "max_iter": steps}
    net = TwoLayerClassifier.preset("structured_parity", random_state=0, **options).fit(data.X[:n], data.y[:n])
    return hinge(net.decision_function(data.X[n:]), data.y[n:])


def theory(settings: Settings) -> Theory:
    """Return what a turn costs by the angle of the mean gradient."""
    (d, k), (m, threshold) = settings["problem"], settings["start"]

    def predicted(row: Row) -> float | None:
        if row["series"] != TURN:
            return None
        return turn_of(d, k, pooled_angle(d, k, m, float(ndtr(-threshold)), row["x"]))

    return predicted


def turn_of(d: int, k: int, angle: float) -> float:
    """Return E|<u - D, x>| for a direction off by an angle in degrees, sums over bits being taken for normal.

    The error is evenly spread over the d - 1 directions across. Where all k bits are one, in half of the rows, it has
    no part in them.
    """
    length = 2 * np.sin(np.radians(angle) / 2) * np.sqrt(2 / np.pi)
    return float(length * (1 + np.sqrt((d - k) / (d - 1))) / 2)


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge what a turn costs, what directions decide, what rows promise, and what training reaches."""
    most = max(settings["samples"])
    return [
        equal("turning a neuron costs what the sampling error of the gradient says", TURN, share=0.05),
        less(
            "the best network, turned to what was found, has a third of the loss of one turned across, at most",
            TURNED,
            SWUNG,
            factor=3,
        ),
        less("along the direction found OPT is a third of that across at most", FOUND, ACROSS, factor=3),
        at_most("a network trained on the same rows has a loss below a tenth", TRAINED, bound=0.1, rival=ACROSS),
        at_most(f"{most} rows promise less than the loss of f = 0", PROMISE, bound=1.0, rival=SCHWARZ, at=most),
        at_least("what is known of n rows alone promises nothing", ROWS, bound=1.0, rival=PROMISE),
        at_least("along a direction across OPT is nearly that of f = 0", ACROSS, bound=0.8, rival=FOUND),
    ]


def controls(settings: Settings) -> list[Control]:
    """See that directions decide, and that turning by one neuron's gradient would cost more."""
    (d, k), threshold = settings["problem"], settings["start"][1]

    def alone(row: Row) -> float:
        return turn_of(d, k, pooled_angle(d, k, 1, float(ndtr(-threshold)), row["x"]))

    return [
        apart("a direction across has no such network", FOUND, ACROSS),
        wrong("the turn is not that of one neuron's gradient", TURN, alone),
    ]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show losses and promises, and the cost of a turn, against rows."""
    samples = settings["samples"]
    n = np.geomspace(min(samples) / 2, 2 * max(samples), 20)
    axes = {"xlabel": "rows of the gradient n", "xscale": "log"}
    return [
        panel(without(rows, TURN, ROWS), ylabel="hinge loss", ylim=(-0.05, 4.0), **axes),
        panel([*of(rows, TURN), *line(TURN, n, theory(settings))], ylabel=TURN, yscale="log", **axes),
    ]


SPEC = Spec(
    name="opt-bound",
    about=__doc__,
    source="Shi, Wei & Liang 2023, theorem 3.12",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=theory,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
