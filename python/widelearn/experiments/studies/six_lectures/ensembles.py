"""Wide networks that are trained from many starts are the Gaussian process of theory, which is not the Bayesian one."""

from collections.abc import Mapping
from functools import cache, partial
from itertools import pairwise
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np

from widelearn.experiments.studies.ensembles import Array, sphere
from widelearn.experiments.studies.judging import Control, Judged, Verdict, backwards
from widelearn.experiments.studies.rows import Row, Rows, Theory, line, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import equal, shape, wrong
from widelearn.kernels import NNGP, NTK
from widelearn.theory import ensemble, nngp_posterior

SETTINGS: dict[str, Any] = {
    "n": 10,
    "d": 4,
    "test": 24,
    "times": (1.0, 4.0, 64.0),
    "widths": (8, 32, 128, 512),
    "draws": 200,
    "nets": 32,
    "truths": 8,
}
QUICK = {"times": (1.0, 4.0, 16.0), "widths": (8, 32, 256), "draws": 54}
MEAN, VARIANCE, INSIDE = "mean along the target", "variance", "inside the band"
BY_WIDTH, COVERED, ELSEWHERE, BAYES = "variance by width", "truth in the range", "another function", "Bayesian"
INFINITE = "infinite width"
# A share of a normal law is inside of so many standard deviations; the range of three draws holds half of further ones.
LEVEL, THREE = 0.8, 3
QUANTILE = NormalDist().inv_cdf((1.0 + LEVEL) / 2.0)
# Lifetimes of the fastest direction in a step, early ones and later ones of wide networks and of narrow ones, whose
# kernel may be larger than its limit.
EARLY, FINE, COARSE, CAREFUL, NARROW = 8.0, 0.5, 2.0, 1.0, 64
# The data are drawn once: theory is of these rows.
DATA = 2026


class Data(NamedTuple):
    """Rows, targets, other rows with the target there, and the unit of times: n over the largest eigenvalue."""

    X: Array
    y: Array
    test: Array
    truth: Array
    unit: float


@cache
def data(n: int, d: int, test: int) -> Data:
    """Draw the rows, on a sphere."""
    rng = np.random.default_rng(DATA)
    X, other = sphere(rng, n, d), sphere(rng, test, d)
    y, truth = (rows[:, 0] + rows[:, 1] * rows[:, 2] / 2 for rows in (X, other))
    return Data(X, y, other, truth, n / float(np.linalg.eigvalsh(NTK()(X))[-1]))


def data_of(cell: Mapping[str, Any]) -> Data:
    """Return the data of settings."""
    return data(cell["n"], cell["d"], cell["test"])


@cache
def limit(n: int, d: int, test: int, times: tuple[float, ...]) -> tuple[Array, Array, Array]:
    """Return means (T, m), variances (T, m) at infinite width, and the covariance of untrained networks on all rows."""
    X, y, other, _, unit = data(n, d, test)
    found = ensemble(NTK(), NNGP(), X, y, other, np.array(times) * unit)
    return found.mean, np.diagonal(found.cov, axis1=1, axis2=2), NNGP()(np.vstack([X, other]))


def limit_of(cell: Mapping[str, Any]) -> tuple[Array, Array, Array]:
    """Return the limit of settings."""
    return limit(cell["n"], cell["d"], cell["test"], tuple(cell["times"]))


def cells(settings: Settings) -> list[Cell]:
    """Return a cell for each width, and one for the widest networks on targets that are drawn themselves."""
    widths = settings["widths"]
    return [*({**settings, "width": width} for width in widths), {**settings, "width": max(widths), "drawn": 1}]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Train networks from other starts each, and take what their predictions are."""
    rng = np.random.default_rng(seed)
    return drawn_truths(cell, rng) if "drawn" in cell else one_target(cell, rng)


def one_target(cell: Cell, rng: np.random.Generator) -> list[Row]:
    """Return mean, variance, and how many are inside the band of theory, of networks on one target."""
    found, (means, variances, _) = data_of(cell), limit_of(cell)
    Y = np.tile(found.y, (cell["nets"], 1))
    rows, width = [], cell["width"]
    for at, path in enumerate(trained(cell, rng, Y)):
        time, inside = cell["times"][at], np.abs(path - means[at]) <= QUANTILE * np.sqrt(variances[at])
        rows += [
            value(named(MEAN, width), time, path.mean(axis=0) @ found.truth / len(found.truth)),
            value(named(VARIANCE, width), time, path.var(axis=0, ddof=1).mean()),
            value(named(INSIDE, width), time, inside.mean()),
        ]
    return [*rows, value(BY_WIDTH, width, path.var(axis=0, ddof=1).mean())]


def drawn_truths(cell: Cell, rng: np.random.Generator) -> list[Row]:
    """Return how often three networks have the truth between them, and what others are trained on."""
    n, prior = cell["n"], limit_of(cell)[2]
    values, vectors = np.linalg.eigh(prior)
    truths = rng.standard_normal((cell["truths"], len(prior))) @ (vectors * np.sqrt(np.maximum(values, 0.0))).T
    rows = []
    for time, path in zip(cell["times"], trained(cell, rng, np.repeat(truths[:, :n], THREE, axis=0)), strict=True):
        three = path.reshape(cell["truths"], THREE, -1)
        least, most = three.min(axis=1), three.max(axis=1)
        for series, truth in ((COVERED, truths[:, n:]), (ELSEWHERE, np.roll(truths[:, n:], 1, axis=0))):
            rows.append(value(series, time, np.mean((least <= truth) & (truth <= most))))
    return rows


def trained(cell: Cell, rng: np.random.Generator, Y: Array) -> list[Array]:
    """Return predictions (nets, m) at every time of relu networks of one hidden layer that flow to targets (nets, n).

    Both layers are trained down ‖y - f‖²/(2n), by the classical Runge-Kutta rule.
    """
    found, width = data_of(cell), cell["width"]
    W, a = rng.standard_normal((len(Y), width, cell["d"])), rng.standard_normal((len(Y), width))
    paths, now, late = [], 0.0, COARSE if width > NARROW else CAREFUL
    for time in cell["times"]:
        while now < time:
            step = min(FINE if now < EARLY else late, time - now)
            W, a = stepped(W, a, found.X, Y, step * found.unit)
            now += step
        hidden = np.maximum(W @ found.test.T, 0.0)
        paths.append(np.einsum("bm,bmj->bj", a, hidden) / np.sqrt(width * cell["d"]))
    return paths


def stepped(W: Array, a: Array, X: Array, Y: Array, step: float) -> tuple[Array, Array]:
    """Return weights after one step of the rule."""
    V, c = velocity(W, a, X, Y)
    by_W, by_a = V, c
    for share, times in ((0.5, 2.0), (0.5, 2.0), (1.0, 1.0)):
        V, c = velocity(W + share * step * V, a + share * step * c, X, Y)
        by_W, by_a = by_W + times * V, by_a + times * c
    return W + step / 6 * by_W, a + step / 6 * by_a


def velocity(W: Array, a: Array, X: Array, Y: Array) -> tuple[Array, Array]:
    """Return the negative gradients of losses by first layers (B, m, d) and outputs (B, m)."""
    (B, m, d), n = W.shape, len(X)
    before = (W.reshape(B * m, d) @ X.T).reshape(B, m, n)
    hidden, unit = np.maximum(before, 0.0), np.sqrt(m * d)
    left = (Y - (a[:, None, :] @ hidden)[:, 0] / unit) / (n * unit)
    pulled = ((before > 0.0) * left[:, None, :]).reshape(B * m, n) @ X
    return pulled.reshape(B, m, d) * a[:, :, None], (hidden @ left[:, :, None])[..., 0]


def named(series: str, width: int) -> str:
    """Name the series of a width."""
    return f"{series}, width {width}"


def theory(settings: Settings) -> Theory:
    """Return what infinitely wide networks do."""
    means, variances, _ = limit_of(settings)
    along = dict(zip(settings["times"], means @ data_of(settings).truth / settings["test"], strict=True))
    spread = dict(zip(settings["times"], variances.mean(axis=1), strict=True))

    def predicted(row: Row) -> float | None:
        series = row["series"].split(", width")[0]
        if series in (INSIDE, COVERED):
            return LEVEL if series == INSIDE else 0.5
        return {MEAN: along, VARIANCE: spread}.get(series, {}).get(row["x"])

    return predicted


def bayesian(settings: Settings) -> Theory:
    """Return mean and variance of the Bayesian network of infinite width: its NNGP's posterior."""
    found = data_of(settings)
    posterior = nngp_posterior(NNGP(), found.X, found.y, found.test)
    mean, spread = float(posterior.mean @ found.truth / len(found.truth)), float(posterior.cov.diagonal().mean())
    return lambda row: mean if row["series"].startswith(MEAN) else spread


def fourth_is_left(settings: Settings, rows: Rows) -> Judged:
    """Find whether what finite width changes falls by 2 to 8 where the width grows by four, which 1/N makes 4."""
    wide = float(limit_of(settings)[1][-1].mean())
    off = [abs(one["simulation"] - wide) for one in rows if one["x"] <= NARROW]
    falls = [one / max(two, 1e-300) for one, two in pairwise(off)]
    return bool(falls) and all(2.0 <= fall <= 8.0 for fall in falls), f"falls by {', '.join(f'{f:.3g}' for f in falls)}"


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge mean, spread, law, coverage and what finite width adds."""
    widest = max(settings["widths"])
    wide = f"{widest} relu neurons, both layers trained"
    return [
        equal(f"the mean of networks of {wide}, is theory's at all times", named(MEAN, widest), share=0.05),
        equal(f"their variance is theory's (NTK and NNGP) at all times, {wide}", named(VARIANCE, widest), share=0.05),
        equal("four of five are inside theory's band", named(INSIDE, widest), share=0.05, accuracy=True),
        equal("three of them have a truth drawn as they start between them half the time", COVERED, share=0.05),
        shape(
            "finite width changes the variance by 1/N: a fourfold width leaves an eighth to a half of it",
            BY_WIDTH,
            partial(fourth_is_left, settings),
            backwards(BY_WIDTH),
            "widths in reverse",
        ),
    ]


def controls(settings: Settings) -> list[Control]:
    """See that trained ensembles are not Bayesian, that narrow ones are not the limit, and that coverage is earned."""
    widest, narrowest, last = max(settings["widths"]), min(settings["widths"]), settings["times"][-1]
    return [
        wrong(
            "the variance is not that of the Bayesian network, at the latest time",
            named(VARIANCE, widest),
            bayesian(settings),
            at=last,
        ),
        wrong(f"{narrowest} neurons are not the limit", named(VARIANCE, narrowest), theory(settings), at=last),
        wrong("a function they were not trained on is not between three half the time", ELSEWHERE, half, at=last),
    ]


def half(row: Row) -> float:
    """Return the share of a calibrated range."""
    return 0.5


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show mean and variance over time at every width, and what three networks cover."""
    grid = np.geomspace(settings["times"][0] / 2, settings["times"][-1] * 2, 60)
    fine = {**settings, "times": tuple(grid.tolist())}
    drawn = []
    for series, label in ((MEAN, "mean over networks, along the target"), (VARIANCE, "variance over networks")):
        shown = of(rows, *(named(series, width) for width in settings["widths"]))
        shown = [one | {"theory": None} for one in shown]
        ideal = [one | {"series": INFINITE} for one in line(series, grid, theory(fine))]
        posterior = [one | {"series": BAYES} for one in line(series, grid, bayesian(settings))]
        axes = {"xlabel": "training time, t λ_max/n", "ylabel": label, "xscale": "log"}
        drawn.append(panel([*shown, *ideal, *posterior], **axes))
    covered = [*of(rows, COVERED, ELSEWHERE), *line(COVERED, grid, half)]
    axes = {"xlabel": "training time, t λ_max/n", "ylabel": "share between three networks", "xscale": "log"}
    return [*drawn, panel(covered, **axes)]


SPEC = Spec(
    name="ensembles",
    about=__doc__,
    source="Lee et al. 2019; Six Lectures, chapter 1",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=theory,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
