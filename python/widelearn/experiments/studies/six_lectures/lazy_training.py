"""Networks with a large output scale follow their linearisation; symmetric starts follow it more closely."""

from functools import partial

import numpy as np

from widelearn.experiments.studies.ensembles import Array
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, Theory, line, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import equal, wrong
from widelearn.theory import gradient_flow

SETTINGS = {"n": 10, "d": 6, "width": 200, "scales": (4.0, 8.0, 16.0, 32.0, 64.0), "draws": 24}
QUICK = {"width": 120, "scales": (4.0, 16.0, 64.0), "draws": 20}
GENERIC, PAIRED = "generic start", "antisymmetric start"
SLOPES = {f"slope, {GENERIC}": -1.0, f"slope, {PAIRED}": -2.0}


def train(X: Array, y: Array, W0: Array, a: Array, alpha: float) -> float:
    """Train the first layer of α (f - f_0), tanh neurons, by small steps; return the widest gap to the linear one."""
    n = len(X)
    start = np.tanh(X @ W0.T) @ a
    J0 = (((1 - np.tanh(X @ W0.T) ** 2) * a)[:, :, None] * X[:, None, :]).reshape(n, -1)
    K = J0 @ J0.T
    values = np.linalg.eigvalsh(K)
    rate = 0.3 * n / values[-1]
    steps = int(min(4000, 10 * n / (values[0] * rate)))
    marks = np.unique(np.geomspace(1, steps, 60).astype(int))
    linear = dict(zip(marks.tolist(), gradient_flow(K, y, marks, learning_rate=rate), strict=True))
    W, gap = W0.copy(), 0.0
    for index in range(steps):
        S = np.tanh(X @ W.T)
        residual = y - alpha * (S @ a - start)
        W += rate / (alpha * n) * (((1 - S**2) * a) * residual[:, None]).T @ X
        if index + 1 in linear:
            f = alpha * (np.tanh(X @ W.T) @ a - start)
            gap = max(gap, float(np.linalg.norm(f - linear[index + 1])))
    return gap


def cells(settings: Settings) -> list[Cell]:
    """Return a cell for each start: a slope needs all scales."""
    return [{**settings, "start": start} for start in (GENERIC, PAIRED)]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Train the same network at every scale."""
    rng = np.random.default_rng(seed)
    n, d, half, start = cell["n"], cell["d"], cell["width"] // 2, cell["start"]
    X = np.asarray(rng.standard_normal((n, d)) / np.sqrt(d))
    y = rng.standard_normal(len(X))
    first, second = rng.standard_normal((half, d)), rng.standard_normal((half, d))
    a = np.repeat([1.0, -1.0], half) / np.sqrt(2 * half)
    W0 = np.vstack([first, second if start == GENERIC else first])
    gaps = {alpha: train(X, y, W0, a, alpha) for alpha in cell["scales"]}
    slope = np.polyfit(np.log(list(gaps)), np.log(list(gaps.values())), 1)[0]
    return [*(value(start, alpha, gap) for alpha, gap in gaps.items()), value(f"slope, {start}", 0.0, slope)]


def theory(settings: Settings) -> Theory:
    """Return the slopes."""
    return lambda row: SLOPES.get(row["series"])


def power(factor: float, exponent: float, row: Row) -> float:
    """Return a power of x."""
    return float(factor * row["x"] ** exponent)


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge the slopes."""
    starts = {series: series.removeprefix("slope, ") for series in SLOPES}
    return [equal(f"{starts[one]}: the gap falls like α^{SLOPES[one]:g}", one, share=0.05) for one in SLOPES]


def controls(settings: Settings) -> list[Control]:
    """See the wrong slope."""
    return [wrong("the generic gap does not fall like 1/α²", f"slope, {GENERIC}", lambda row: -2.0)]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show the gap against the scale."""
    labels = {"xlabel": "scale α of the output", "ylabel": "largest gap to the linearised path"}
    shown = of(rows, GENERIC, PAIRED)
    for series, exponent in ((GENERIC, -1.0), (PAIRED, -2.0)):
        last = of(rows, series)[-1]
        through = last["simulation"] * last["x"] ** -exponent
        at = [one["x"] for one in of(rows, series)]
        shown += line(f"α^{exponent:g}", at, partial(power, through, exponent))
    return [panel(shown, **labels, xscale="log", yscale="log")]


SPEC = Spec(
    name="lazy-training",
    about=__doc__,
    source="Chizat, Oyallon & Bach 2019; Six Lectures, chapter 1",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=theory,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
