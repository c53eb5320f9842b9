"""Features are in the weights long before accuracy shows them, and a staircase's gradients find its bits one by one."""

from typing import Any

import numpy as np

from widelearn import TwoLayerClassifier, TwoLayerRegressor
from widelearn.datasets import parity, staircase
from widelearn.diagnostics import alignment, emergence
from widelearn.experiments.studies.ensembles import new_seed
from widelearn.experiments.studies.judging import Control, Judged, Verdict, error, exchanged, instead, means
from widelearn.experiments.studies.rows import Row, Rows, on_panel, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import apart, at_least, at_most, more, shape
from widelearn.nets import TwoLayer, simplified_gradient

# Of a parity: columns, bits, rows and steps. Of a staircase: columns, rows and neurons.
SETTINGS = {"parity": (40, 3, 1500, 400), "staircase": (30, 8000, 256), "draws": 8, "test": 4000}
QUICK = {"parity": (24, 3, 800, 150), "staircase": (20, 8000, 256), "draws": 8, "test": 2000}
LARGEST, MEAN, SCORE = "largest share of a neuron on the bits", "mean share on the bits", "accuracy at fresh rows"
FOUND, SHOWN, BETWEEN = "step of the features", "step of the accuracy", "steps between"
AT_FOUND, AT_END, PERMUTED = "accuracy when a neuron has the bits", "accuracy at the end", "the same, labels permuted"
SHARE_END = "largest share at the end"
ALIGNED, ALIGNED_FIRST = "cosine of WᵀW and outer gradients", "the same after one step"
GRADIENTS = ("gradient along x1", "gradient along x2", "gradient along x3")
OTHER, SHUFFLED = "gradient along another column, the largest", "gradient along x1, targets permuted"
# A neuron has the bits, and an accuracy shows them, from here on.
LEVEL = 0.9
# Steps at which a staircase is looked at.
EARLY, LATE = 10, 20
# Without momentum, which overshoots the first bit and brings it back.
STAIRCASE: dict[str, Any] = {
    "solver": "sgd",
    "learning_rate_init": 0.2,
    "momentum": 0.0,
    "alpha": 1e-4,
    "tol": None,
    "scaling": None,
    "weight_scale": 0.1,
    "bias_scale": 0.1,
    "output_scale": 0.1,
}


def cells(settings: Settings) -> list[Cell]:
    """Return a cell for the parity and one for the staircase."""
    return [{**settings, "problem": problem} for problem in ("parity", "staircase")]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Train nets and look at them on the way."""
    rng = np.random.default_rng(seed)
    return of_parity(cell, rng) if cell["problem"] == "parity" else of_staircase(cell, rng)


def of_parity(cell: Cell, rng: np.random.Generator) -> list[Row]:
    """Follow neurons, accuracy and alignment while a parity is learned, and neurons on permuted labels."""
    d, k, n, steps = cell["parity"]
    data = parity(n + cell["test"], d, k, random_state=new_seed(rng))
    X, y, fresh = data.X[:n], data.y[:n], {"X_fresh": data.X[n:], "y_fresh": data.y[n:]}
    bits, state = np.eye(d)[data.support], new_seed(rng)

    def fitted(y: Any, steps: int) -> Any:
        return TwoLayerClassifier.preset("parity", max_iter=steps, random_state=state).fit(X, y)

    model, permuted = fitted(y, steps), fitted(rng.permutation(y), steps)
    found = emergence(model, X, y, bits, every=5, **fresh)
    there, shown = (int(np.argmax(one >= LEVEL)) for one in (found.largest_share, found.scores))
    rows = [
        value(name, step, one, panel="parity")
        for name, curve in ((LARGEST, found.largest_share), (MEAN, found.mean_share), (SCORE, found.scores))
        for step, one in zip(found.steps[::4], curve[::4], strict=True)
    ]
    numbers = {
        FOUND: found.steps[there],
        SHOWN: found.steps[shown],
        BETWEEN: found.steps[shown] - found.steps[there],
        AT_FOUND: found.scores[there],
        AT_END: found.scores[-1],
        SHARE_END: found.largest_share[-1],
        PERMUTED: np.max(np.linalg.norm(permuted.W_ @ bits.T, axis=1) / np.linalg.norm(permuted.W_, axis=1)),
        ALIGNED: alignment(model, X).cosine,
        ALIGNED_FIRST: alignment(fitted(y, 1), X).cosine,
    }
    return [*rows, *(value(name, d, one, panel="numbers") for name, one in numbers.items())]


def of_staircase(cell: Cell, rng: np.random.Generator) -> list[Row]:
    """Measure which columns the gradients of all neurons lie along, at the start and on the way."""
    d, n, width = cell["staircase"]
    data = staircase(n, d, 3, random_state=new_seed(rng))
    X, y = data.X, data.y
    looks: dict[int, Any] = {}

    def look(step: int, state: Any) -> None:
        if step % EARLY == 0:
            looks[step] = TwoLayer(state.W.copy(), state.b.copy(), state.a.copy(), "relu")

    model = TwoLayerRegressor(width, max_iter=LATE + EARLY, random_state=new_seed(rng), callback=look, **STAIRCASE)
    model.fit(X, y)
    looks[0] = TwoLayer(model.W0_, model.b0_, model.a0_, "relu")
    rows = []
    for step, net in sorted(looks.items()):
        lengths = columns(net, X, y - net.outputs(X)[:, 0])
        rest = np.delete(lengths, data.support)
        found = dict(zip((*GRADIENTS, OTHER), (*lengths[data.support], rest.max()), strict=True))
        rows += [value(name, step, one, panel="staircase") for name, one in found.items()]
    shuffled = columns(looks[0], X, rng.permutation(y))[data.support[0]]
    return [*rows, value(SHUFFLED, 0, shuffled, panel="numbers")]


def columns(net: TwoLayer, X: Any, residual: Any) -> Any:
    """Return the length of each column of the neurons' gradients, of which the squares add up to 1."""
    G = simplified_gradient(X, residual[:, None].copy(), net.W, net.b)[0]
    return np.linalg.norm(G, axis=0) / np.linalg.norm(G)


def later(rows: Rows) -> Judged:
    """Say whether accuracy comes after the features."""
    return all(one["simulation"] > 3 * error(one) for one in rows), means(rows)


def seen(rows: Rows) -> Judged:
    """Say whether a share of the gradient's length, below a tenth at the start, is above three of them later."""
    first, last = (next(one for one in rows if one["x"] == step) for step in (0, LATE))
    held = first["simulation"] + 3 * error(first) < 0.1 and last["simulation"] - 3 * error(last) > 0.3
    return held, means([first, last])


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge what comes first."""
    _, _, _, steps = settings["parity"]
    one, two, three = GRADIENTS
    return [
        at_most(
            f"where a neuron first has {LEVEL:g} of its length on the bits accuracy is near chance",
            AT_FOUND,
            bound=0.6,
            rival=AT_END,
        ),
        shape(
            f"accuracy comes to {LEVEL:g} some steps later",
            BETWEEN,
            later,
            instead(BETWEEN, lambda row: 0.0),
            "no steps between",
            size=float(steps),
        ),
        at_least("at last the bits are learned", AT_END, bound=0.95, rival=AT_FOUND),
        more("what neurons look at comes to be what outputs depend on", ALIGNED, ALIGNED_FIRST),
        more("a staircase's first gradient points to its first bit", one, two, three, OTHER, factor=0.5, at=0),
        at_least(f"after {EARLY} steps it points to the second", two, bound=0.6, rival=one, at=EARLY),
        shape(
            f"after {LATE} steps the third is seen, of which the first gradient had nothing",
            three,
            seen,
            exchanged(three, OTHER),
            f"{OTHER}, in its place",
            size=1.0,
        ),
    ]


def controls(settings: Settings) -> list[Control]:
    """See that permuted labels have no features."""
    return [
        apart("on permuted labels no neuron finds the bits", SHARE_END, PERMUTED),
        apart("nor does a first gradient find the staircase", GRADIENTS[0], SHUFFLED, at=0),
    ]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show shares and accuracy of a parity over steps, and the gradients of a staircase."""
    return [
        panel(
            on_panel(rows, "parity"), title="a sparse parity", xlabel="step", ylabel="share, accuracy", ylim=(0, 1.02)
        ),
        panel(on_panel(rows, "staircase"), title="a staircase", xlabel="step", ylabel="share of the gradient's length"),
    ]


SPEC = Spec(
    name="emergence",
    about=__doc__,
    source="Barak et al. 2022; Abbe et al. 2022; Shi, Wei & Liang 2023, section 5",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=None,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
