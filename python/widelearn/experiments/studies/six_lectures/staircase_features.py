"""Networks climb a staircase of bits from samples that do not teach them its last step alone."""

import numpy as np
from scipy.stats import norm

from widelearn.experiments.studies.ensembles import Array
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.passes import Pass
from widelearn.experiments.studies.rows import Row, Rows, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import apart, at_least, at_most, close, more
from widelearn.theory import leap, multi_index_flow

SETTINGS = {
    "d": 100,
    "width": 256,
    # Output weights are ±this, fixed: networks larger than the staircase.
    "size": 4.0,
    "times": (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0),
    "step": 0.0125,
    "batch": 250,
    "draws": 12,
}
QUICK = {"d": 60, "width": 160, "times": (0.75, 1.5, 2.25, 3.0), "draws": 6}
BITS = 3
STAIRS = ((0,), (0, 1), (0, 1, 2))
TARGETS = {"staircase": STAIRS, "last step alone": STAIRS[-1:]}
CLIMBED, ALONE = TARGETS
FLOW = "flow"
STEPS = ("first step", "second step", "third step")


def cells(settings: Settings) -> list[Cell]:
    """Return a cell for each target."""
    return [{**settings, "target": target} for target in TARGETS]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Train a network on fresh samples and follow the flow of infinitely wide ones from its start: risk/variance."""
    rng = np.random.default_rng(seed)
    terms, size, half = TARGETS[cell["target"]], cell["size"], cell["width"] // 2
    # pairs of opposite output weights, so that f = 0 at the start
    W = np.repeat(rng.standard_normal((half, cell["d"])) / np.sqrt(cell["d"]), 2, axis=0)
    # thresholds at the quantiles of a normal law, which draws of it scatter around
    b, a = np.repeat(norm.ppf((np.arange(half) + 0.5) / half), 2), np.tile([size, -size], half)
    times = np.array([0.0, *cell["times"]])

    def link(z: Array) -> Array:
        return np.sum([z[:, term].prod(axis=1) for term in terms], axis=0)

    rest = np.linalg.norm(W[:, BITS:], axis=1)
    flow = multi_index_flow(link, W[:, :BITS], rest, times, a, b, inputs="hypercube", train_output=False)
    watched = tuple(lambda z, term=term: z[:, term].prod(axis=1) for term in STAIRS)
    net = Pass(link, BITS, "hypercube", cell["step"], cell["batch"]).train(W, b, a, times, rng, watched=watched)
    rows, series = [], cell["target"]
    for t, risk, product, limit in zip(times[1:], net.risks, net.products, flow.risk[1:], strict=True):
        rows.append(value(series, t, risk / len(terms)))
        rows.append(value(f"{series}, {FLOW}", t, limit / len(terms)))
        if series == CLIMBED:
            rows += [value(step, t, share) for step, share in zip(STEPS, product, strict=True)]
    return rows


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge both targets against their flows, what is learned at the end, and the order of the steps."""
    end, early = max(settings["times"]), sorted(settings["times"])[1]
    samples = round(end / settings["step"]) * settings["batch"] / settings["d"]
    budget = f"{samples:.0f} d samples"
    return [
        close(f"the staircase, of leap {leap(STAIRS)}: networks follow the flow", CLIMBED, f"{CLIMBED}, {FLOW}", 0.06),
        close(f"its last step, of leap {leap(STAIRS[-1:])}: they do, too", ALONE, f"{ALONE}, {FLOW}", 0.05),
        at_most(f"the staircase is learned from {budget}", CLIMBED, bound=0.25, rival=ALONE, at=end),
        at_least("its last step alone is not", ALONE, bound=0.8, rival=CLIMBED, at=end),
        more("the first step is learned before the others", *STEPS, at=early),
        more("the second step is learned before the third", *STEPS[1:], at=early),
    ]


def controls(settings: Settings) -> list[Control]:
    """See that the steps below the last one are what it takes."""
    return [apart("without the steps below it the last is not learned", CLIMBED, ALONE, at=max(settings["times"]))]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show risks and the steps along training."""
    risks = []
    for series in TARGETS:
        there = {one["x"]: one["simulation"] for one in of(rows, f"{series}, {FLOW}")}
        risks += [one | {"theory": there.get(one["x"])} for one in of(rows, series)]
    time = "time t of training"
    return [
        panel(risks, xlabel=time, ylabel="risk / variance of the target", ylim=(0, 1.15)),
        panel(of(rows, *STEPS), xlabel=time, ylabel="share of the step that is learned", ylim=(-0.05, 1.25)),
    ]


SPEC = Spec(
    name="staircase-features",
    about=__doc__,
    source="Abbe, Boix-Adsera & Misiakiewicz 2022, 2023; Six Lectures, chapter 6",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=None,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
