"""Samples that gradient descent takes to find a direction grow with its exponent; networks learn what kernels leave."""

from collections.abc import Callable
from functools import cache, partial

import numpy as np

from widelearn import TwoLayerRegressor
from widelearn.datasets import multi_index
from widelearn.experiments.studies.baselines import Rival
from widelearn.experiments.studies.ensembles import Array, mean_square, new_seed
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, Theory, line, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import apart, equal, less, wrong
from widelearn.kernels import NNGP, NTK, RBF, Polynomial
from widelearn.theory import escape_time

SETTINGS = {
    "dimensions": (16, 32, 64, 128),
    # d times the step of a sample, for exponents 1, 2 and 3; less by √d for 3, whose drift noise would hide.
    "steps": (0.01, 0.005, 0.01),
    "batch": 16,
    "neurons": 51,
    "d": 30,
    "samples": (450, 900, 1800),
    "width": 64,
    "max_iter": 600,
    "draws": 6,
    # Of two directions: errors of kernels scatter.
    "problems": 16,
}
QUICK = {"dimensions": (12, 24, 48), "d": 20, "samples": (250, 600), "max_iter": 400, "draws": 5, "problems": 10}
HERMITE: tuple[Callable[[Array], Array], ...] = (
    np.ones_like,
    lambda t: t,
    lambda t: (t**2 - 1) / np.sqrt(2),
    # A third power by NumPy takes many times as long as two products.
    lambda t: t * (t * t - 3) / np.sqrt(6),
)
# The best one first; of widths of the RBF kernel this one is the best, too.
KERNELS = ("NNGP kernel", "NTK", "RBF kernel, γ = 1/(4 d)", "polynomial kernel of degree 2")
NETWORK, FROZEN = "network", "first layer frozen"
# Batches of every neuron that are drawn at once.
BLOCK = 64
FOUND = 0.5
# Of |z_1| - |z_2|.
VARIANCE = 2 - 4 / np.pi


def searched(k: int) -> str:
    """Name the samples that a neuron takes."""
    return f"exponent {k}"


def growth(k: int) -> str:
    """Name the power of the dimension that they grow with."""
    return f"growth, exponent {k}"


def cells(settings: Settings) -> list[Cell]:
    """Return a cell for each exponent, and one for a target of two directions."""
    found = [{**settings, "exponent": k} for k in range(1, 1 + len(settings["steps"]))]
    return [*found, {**settings, "exponent": None, "draws": settings["problems"]}]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Count the samples in which neurons find a direction; or train a network and tune kernels on two directions."""
    rng, k = np.random.default_rng(seed), cell["exponent"]
    if k is None:
        return two_directions(cell, rng)
    counts = [samples_to_find(cell, k, d, rng) for d in cell["dimensions"]]
    found = [value(searched(k), d, count) for d, count in zip(cell["dimensions"], counts, strict=True)]
    return [*found, value(growth(k), 0.0, exponent(cell["dimensions"], counts))]


def step_of(settings: Settings, k: int, d: int) -> float:
    """Return d times the step of a sample."""
    return float(settings["steps"][k - 1] * d ** min(0.0, 1 - k / 2))


def exponent(dimensions: tuple[int, ...], counts: list[float]) -> float:
    """Return the power of the dimension that fits counts best."""
    return float(np.polyfit(np.log(dimensions), np.log(counts), 1)[0])


def samples_to_find(cell: Cell, k: int, d: int, rng: np.random.Generator) -> float:
    """Return after how many fresh samples half of the neurons have an overlap of 1/2 with the direction u.

    A neuron w on the sphere takes w + (step/d) Σ y σ'(⟨w, x⟩) x over a batch, projected, σ and the link the Hermite
    polynomial of degree k. Its overlap m with u is a Markov chain: a sample counts by ⟨w, x⟩ and by its part along what
    u has beside w, a batch by the length of the rest, too.
    """
    link, slope, batch, neurons = HERMITE[k], HERMITE[k - 1], cell["batch"], cell["neurons"]
    factor = step_of(cell, k, d) / d * np.sqrt(k)
    m, out, count = np.full(neurons, d**-0.5), np.zeros(neurons, dtype=bool), 0
    while True:
        along, beside = rng.standard_normal((2, BLOCK, batch, neurons))
        rests, slopes = rng.chisquare(d - 2, (BLOCK, neurons)), factor * slope(along)
        for z, other, rest, size in zip(along, beside, rests, slopes, strict=True):
            count += batch
            side = np.sqrt(1 - m**2)
            lengths = size * link(m * z + side * other)
            push = (lengths * other).sum(axis=0)
            m = (m + side * push) / np.sqrt(1 + push**2 + (lengths**2).sum(axis=0) * rest)
            out |= m > FOUND
            if 2 * out.sum() > neurons:
                return float(count)


def difference(z: Array) -> Array:
    """Return |z_1| - |z_2|: even in both, of every even degree, a network of four neurons."""
    return np.abs(z[:, 0]) - np.abs(z[:, 1])


def two_directions(cell: Cell, rng: np.random.Generator) -> list[Row]:
    """Learn a target of two directions: risks over its variance, kernels at their best ridge on the test rows."""
    most = max(cell["samples"])
    data = multi_index(most + 4000, cell["d"], link=difference, random_state=new_seed(rng))
    X, y, test, truth = data.X[:most], data.y[:most], data.X[most:], data.y[most:]
    rows, state = [], new_seed(rng)
    kernels = (NNGP(), NTK(), RBF(0.25 / cell["d"]), Polynomial(2))
    rivals = {name: Rival(kernel, X, test) for name, kernel in zip(KERNELS, kernels, strict=True)}
    for n in cell["samples"]:
        found = {name: rival.error(y[:n], truth) for name, rival in rivals.items()}
        # where output weights are fitted exactly, None is a smaller penalty than what training takes
        nets = {
            NETWORK: TwoLayerRegressor(cell["width"], max_iter=cell["max_iter"], random_state=state),
            FROZEN: TwoLayerRegressor(cell["width"], algorithm="frozen", alpha=None, random_state=state),
        }
        found |= {name: mean_square(net.fit(X[:n], y[:n]).predict(test) - truth) for name, net in nets.items()}
        rows += [value(series, n, error / VARIANCE) for series, error in found.items()]
    return rows


@cache
def predicted_count(k: int, d: int, step: float) -> float:
    """Return the samples that the flow without noise takes."""
    return float(d / step * escape_time(f"hermite{k}", f"hermite{k}", d, FOUND))


def theory(settings: Settings) -> Theory:
    """Return the samples that a neuron takes, and how they grow over the dimensions simulated."""
    dimensions = settings["dimensions"]
    exponents = {name(k): k for k in range(1, 1 + len(settings["steps"])) for name in (searched, growth)}

    def predicted(row: Row) -> float | None:
        k = exponents.get(row["series"])
        if k is None:
            return None
        counts = [predicted_count(k, d, step_of(settings, k, d)) for d in dimensions]
        if row["series"] == growth(k):
            return exponent(dimensions, counts)
        return predicted_count(k, int(row["x"]), step_of(settings, k, int(row["x"])))

    return predicted


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge how samples grow, and the network against the best kernel."""
    most, steps = max(settings["samples"]), settings["steps"]
    growths = [
        equal(f"samples grow with d as the flow of exponent {k} predicts", growth(k), share=0.05)
        for k in range(1, 1 + len(steps))
    ]
    text = f"a network leaves less than a tenth of what NNGP, NTK, RBF, quadratic kernels do, {most} rows"
    return [*growths, less(text, NETWORK, *KERNELS, factor=10, at=most)]


def controls(settings: Settings) -> list[Control]:
    """See that exponents differ, and that the first layer must be trained."""
    at = max(settings["samples"])
    made = [apart("with its first layer frozen the network does not learn", NETWORK, FROZEN, at=at)]
    if len(settings["steps"]) > 1:
        last = len(settings["steps"])
        other = partial(growth_of, settings, last - 1)
        made.append(wrong(f"samples of exponent {last} do not grow as those of {last - 1}", growth(last), other))
    return made


def growth_of(settings: Settings, k: int, row: Row) -> float | None:
    """Return the growth of another exponent."""
    return theory(settings)(row | {"series": growth(k)})


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show samples against the dimension, and errors against samples."""
    predicted, names = theory(settings), [searched(k) for k in range(1, 1 + len(settings["steps"]))]
    ends = (min(settings["dimensions"]), max(settings["dimensions"]))
    curves = [one for name in names for one in line(name, np.unique(np.geomspace(*ends, 30).astype(int)), predicted)]
    axes = {"xscale": "log", "yscale": "log"}
    return [
        panel([*of(rows, *names), *curves], xlabel="dimension d", ylabel="fresh samples to an overlap of 1/2", **axes),
        panel(
            of(rows, NETWORK, *KERNELS, FROZEN),
            title=f"|z_1| - |z_2|, d = {settings['d']}",
            xlabel="samples n",
            ylabel="risk / variance of the target",
            **axes,
        ),
    ]


SPEC = Spec(
    name="multi-index",
    about=__doc__,
    source="Ben Arous, Gheissari & Jagannath 2021; Damian, Lee & Soltanolkotabi 2022; Six Lectures, chapter 6",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=theory,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
