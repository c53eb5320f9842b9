"""Kernel ridge in a metric from its own gradients finds two bits of a parity, and none of three."""

import numpy as np

from widelearn import RecursiveFeatureMachineClassifier
from widelearn.datasets import parity
from widelearn.experiments.studies.ensembles import new_seed
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import apart, at_least, more

SETTINGS = {"d": 100, "samples": (400, 800, 1200), "draws": 8, "test": 2000}
QUICK = {"d": 40, "samples": (350,), "draws": 5, "test": 1000}
MACHINE, KERNEL, HIDDEN = "recursive machine", "its own kernel", "three bits"
SHARE, HIDDEN_SHARE = "share of the metric on the bits", "share of the metric on three bits"


def cells(settings: Settings) -> list[Cell]:
    """Return a cell for two bits, and one for three."""
    return [{**settings, "bits": k} for k in (2, 3)]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Fit the machine, and its kernel alone, which is the machine without iterations."""
    rng = np.random.default_rng(seed)
    k, samples, state = cell["bits"], cell["samples"], new_seed(rng)
    most = max(samples)
    data = parity(most + cell["test"], cell["d"], k, random_state=state)
    test, truth = data.X[most:], data.y[most:]
    rows = []
    for n in samples if k == 2 else (most,):
        model = RecursiveFeatureMachineClassifier(random_state=state).fit(data.X[:n], data.y[:n])
        share = np.diag(model.M_)[data.support].sum() / np.trace(model.M_)
        rows.append(value(MACHINE if k == 2 else HIDDEN, n, model.score(test, truth)))
        rows.append(value(SHARE if k == 2 else HIDDEN_SHARE, n, share))
        if k == 2:
            plain = RecursiveFeatureMachineClassifier(n_iter=0, random_state=state)
            rows.append(value(KERNEL, n, plain.fit(data.X[:n], data.y[:n]).score(test, truth)))
    return rows


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge that the metric finds two bits where its kernel is behind."""
    n, d = max(settings["samples"]), settings["d"]
    return [
        at_least(f"the machine learns 2 bits of {d} from {n} rows", MACHINE, bound=0.9, rival=KERNEL, at=n),
        more("it is right 1.5 times as often as its own kernel", MACHINE, KERNEL, factor=1 / 1.5, at=n),
        at_least("ten times their share of the metric is on them", SHARE, bound=20 / d, rival=HIDDEN_SHARE, at=n),
    ]


def controls(settings: Settings) -> list[Control]:
    """See that three bits leave no trace in gradients."""
    return [apart("a parity of three bits is not found", MACHINE, HIDDEN, at=max(settings["samples"]))]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show accuracy against rows."""
    axes = {"xlabel": "samples n", "ylabel": "test accuracy", "xscale": "log", "ylim": (0.45, 1.02)}
    return [panel(of(rows, MACHINE, KERNEL, HIDDEN), **axes)]


SPEC = Spec(
    name="recursive-features",
    about=__doc__,
    source="Radhakrishnan et al. 2024, beside Shi, Wei & Liang 2023",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=None,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
