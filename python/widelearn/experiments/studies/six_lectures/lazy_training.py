"""Networks with a large output scale follow their linearisation; symmetric starts follow it more closely."""

from functools import partial

import numpy as np

from widelearn.diagnostics import Laziness, laziness, laziness_sweep, scaled_descent
from widelearn.experiments.studies.ensembles import Array
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, Theory, line, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import at_most, equal, wrong
from widelearn.nets import TwoLayer

SETTINGS = {
    "n": 10,
    "d": 12,
    "width": 200,
    "scales": (4.0, 8.0, 16.0, 32.0, 64.0),
    "proven": (256.0, 1024.0),
    "draws": 32,
}
QUICK = {"width": 120, "scales": (4.0, 16.0, 64.0), "draws": 10, "proven": (1024.0,)}
GENERIC, PAIRED, THEOREM = "generic start", "antisymmetric start", "theorem"
FRESH, DRIFT = "generic start, fresh rows", "generic start, Jacobian"
SLOPES = {GENERIC: -1.0, PAIRED: -2.0, FRESH: -1.0, DRIFT: -1.0}
# What the theorem bounds, over its bound.
BOUNDED = {
    "distance": "parameters' path / bound",
    "jacobian": "change of the Jacobian / bound",
    "residual": "residual / bound",
}
RIVAL = "parameters' path / bound, with σ_max for σ_min"


def slope_of(series: str) -> str:
    """Name the series of a slope."""
    return f"slope, {series}"


def cells(settings: Settings) -> list[Cell]:
    """Return a cell for each start, as a slope needs all scales, and one where the theorem's condition holds."""
    return [{**settings, "part": part} for part in (GENERIC, PAIRED, THEOREM)]


def start_net(rng: np.random.Generator, cell: Cell) -> tuple[TwoLayer, Array, Array, Array]:
    """Draw tanh neurons, in pairs of opposite signs if the start is antisymmetric, and rows, fresh rows, targets."""
    n, d, half = cell["n"], cell["d"], cell["width"] // 2
    X, fresh = rng.standard_normal((2, n, d)) / np.sqrt(d)
    y = np.asarray(rng.standard_normal(n))
    first, second = rng.standard_normal((2, half, d))
    W = np.vstack([first, first if cell["part"] == PAIRED else second])
    a = np.repeat([1.0, -1.0], half)[:, None] / np.sqrt(2 * half)
    return TwoLayer(W, np.zeros(2 * half), a, "tanh"), X, fresh, y


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Train the first layer of the same network at every scale."""
    start, X, fresh, y = start_net(np.random.default_rng(seed), cell)
    scales = cell["proven"] if cell["part"] == THEOREM else cell["scales"]
    paths = ((alpha, scaled_descent(start, X, y, alpha, trained="W", moments=20)) for alpha in scales)
    if cell["part"] == THEOREM:
        return [one for alpha, path in paths for one in compared(laziness(path, X, y=y), alpha, start, X)]
    sweep = laziness_sweep(paths, X, fresh, y, lipschitz=1.0)
    series = {cell["part"]: sweep.gap.tolist()}
    if cell["part"] == GENERIC:
        series |= {FRESH: sweep.gap_fresh.tolist(), DRIFT: sweep.drift.tolist()}
    rows = [value(name, alpha, gap) for name, gaps in series.items() for alpha, gap in zip(scales, gaps, strict=True)]
    slopes = {name: np.polyfit(np.log(scales), np.log(gaps), 1)[0] for name, gaps in series.items()}
    return [*rows, *(value(slope_of(name), 0.0, slope) for name, slope in slopes.items())]


def compared(report: Laziness, alpha: float, start: TwoLayer, X: Array) -> list[Row]:
    """Return what the theorem bounds over its bounds, where its condition holds and only there."""
    if report.statements is None:
        return []
    # at the start there is nothing to compare
    rows = [value(BOUNDED[name], alpha, float(np.max(shares[1:]))) for name, shares in report.statements.items()]
    largest = float(np.sqrt(np.linalg.eigvalsh(start.tangent_kernel(X))[-1]))
    share = float(np.max(report.statements["distance"])) * alpha * largest / report.sigma_min
    return [*rows, value(RIVAL, alpha, share)]


def theory(settings: Settings) -> Theory:
    """Return the slopes."""
    slopes = {slope_of(series): exponent for series, exponent in SLOPES.items()}
    return lambda row: slopes.get(row["series"])


def power(factor: float, exponent: float, row: Row) -> float:
    """Return a power of x."""
    return float(factor * row["x"] ** exponent)


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge the slopes, and the theorem's statements."""
    slopes = [
        equal(f"{what} falls like α^{SLOPES[series]:g}", slope_of(series), share=0.05)
        for series, what in (
            (GENERIC, "from a generic start the gap to the linearised training"),
            (FRESH, "so does the gap at fresh rows: it"),
            (DRIFT, "so does the Jacobian's relative change: it"),
            (PAIRED, "from an antisymmetric start the gap"),
        )
    ]
    text = "where 4 L r < σ_min², with a proven L, path, Jacobian and residual stay within the theorem's bounds"
    return [*slopes, at_most(text, *BOUNDED.values(), bound=1.0, rival=RIVAL)]


def controls(settings: Settings) -> list[Control]:
    """See the wrong slope."""
    return [wrong("the generic gap does not fall like 1/α²", slope_of(GENERIC), lambda row: -2.0)]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show the gaps against the scale, and what the theorem bounds beside its bound."""
    labels = {"xlabel": "scale α of the output", "xscale": "log", "yscale": "log"}
    shown = of(rows, GENERIC, PAIRED)
    for series, exponent in ((GENERIC, -1.0), (PAIRED, -2.0)):
        last = of(rows, series)[-1]
        through = last["simulation"] * last["x"] ** -exponent
        at = [one["x"] for one in of(rows, series)]
        shown += line(f"α^{exponent:g}", at, partial(power, through, exponent))
    bounds = [*of(rows, *BOUNDED.values()), *line("bound", settings["proven"], lambda row: 1.0)]
    return [
        panel(shown, ylabel="largest gap to the linearised path (rms)", **labels),
        panel(bounds, ylabel="largest along training / bound", **labels),
    ]


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
