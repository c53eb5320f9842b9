"""Networks with a large output scale follow their linearisation; symmetric starts follow it more closely."""

from typing import NamedTuple

import numpy as np

from widelearn.experiments.studies.ensembles import Array, draws
from widelearn.experiments.studies.rows import Row, Rows, on_panel, panel, row
from widelearn.experiments.studies.spec import Claim, Panels, Settings, Step, apart
from widelearn.theory import gradient_flow, lazy_condition

SOURCE = "Chizat, Oyallon & Bach 2019; Six Lectures, chapter 1"
SETTINGS = {"n": 10, "d": 6, "width": 200, "scales": (4.0, 8.0, 16.0, 32.0, 64.0), "draws": 16}
QUICK = {"width": 120, "scales": (4.0, 16.0, 64.0), "draws": 8}
GENERIC, PAIRED, CONTROL = "generic start", "antisymmetric start", "slope -2 for the generic start"


class Trained(NamedTuple):
    """How one training run of α f ended: its widest gap to the linearisation, and how far parameters moved."""

    gap: float
    moved: float
    bound: float


def train(X: Array, y: Array, W0: Array, a: Array, alpha: float) -> Trained:
    """Train the first layer of α (f - f_0), tanh neurons, by small steps; compare with descent of the linearisation."""
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
    # |tanh''| <= 0.77: a bound of the Jacobian's Lipschitz constant
    lipschitz = 0.77 * np.abs(a).max() * np.linalg.norm(X, axis=1).max() * np.linalg.norm(X, 2)
    found = lazy_condition(float(np.sqrt(values[0])), float(lipschitz), float(np.linalg.norm(y)), alpha)
    return Trained(gap, float(np.linalg.norm(W - W0)), found.distance)


def simulate(settings: Settings, seed: int, step: Step) -> list[Row]:
    """Train the same networks at every scale, with both starts."""
    n, d, half = settings["n"], settings["d"], settings["width"] // 2
    found: dict[tuple[str, float], list[Trained]] = {}
    for rng in draws(settings["draws"], seed, step):
        X = np.asarray(rng.standard_normal((n, d)) / np.sqrt(d))
        y = rng.standard_normal(len(X))
        first, second = rng.standard_normal((half, d)), rng.standard_normal((half, d))
        a = np.repeat([1.0, -1.0], half) / np.sqrt(2 * half)
        for alpha in settings["scales"]:
            for series, other in ((GENERIC, second), (PAIRED, first)):
                run = train(X, y, np.vstack([first, other]), a, alpha)
                found.setdefault((series, alpha), []).append(run)
    rows = []
    for (series, alpha), runs in found.items():
        moved = [run.moved / run.bound for run in runs]
        rows.append(row(series, alpha, None, [run.gap for run in runs], moved=float(max(moved))))
    x = np.log(settings["scales"])
    for series, exponent in ((GENERIC, -1.0), (PAIRED, -2.0)):
        gaps = np.log([[run.gap for run in found[series, alpha]] for alpha in settings["scales"]])
        slopes = np.polyfit(x, gaps, 1)[0]
        rows.append(row(f"slope, {series}", 0.0, exponent, slopes, panel="slope"))
        # the line of the theory's slope through the last mean
        at = float(np.exp(gaps[-1]).mean() * np.exp(-exponent * x[-1]))
        rows += [row(f"α^{exponent:g}", s, at * s**exponent) for s in settings["scales"]]
        if series == GENERIC:
            rows.append(row(CONTROL, 0.0, -2.0, slopes, panel="slope"))
    return rows


def claims(rows: Rows, settings: Settings) -> list[Claim]:
    """Judge the slopes, the bound on the path, and the wrong slope."""
    slopes = {one["series"]: one for one in on_panel(rows, "slope")}

    def slope(series: str) -> Claim:
        one = slopes[f"slope, {series}"]
        near = abs(one["simulation"] - one["theory"]) < 0.1
        return Claim(f"{series}: the gap falls like α^{one['theory']:g}", near, f"slope {one['simulation']:.3f}")

    farthest = max(one["moved"] for one in rows if "moved" in one and one["x"] == max(settings["scales"]))
    return [
        slope(GENERIC),
        slope(PAIRED),
        Claim("parameters stay within 2 ‖y‖/(α σ) of their start", farthest <= 1, f"at most {farthest:.2f} of it"),
        apart([slopes[CONTROL]], "the generic gap does not fall like 1/α²"),
    ]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show the gap against the scale."""
    labels = {"xlabel": "scale α of the output", "ylabel": "largest gap to the linearised path"}
    return [panel(on_panel(rows, None), **labels, xscale="log", yscale="log")]
