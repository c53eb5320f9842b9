"""Kernel ridge in a metric from its own gradients finds two bits of a parity, and none of three."""

import numpy as np

from widelearn import RecursiveFeatureMachineClassifier
from widelearn.datasets import parity
from widelearn.experiments.studies.baselines import at_least, at_most, far_from
from widelearn.experiments.studies.ensembles import draws, new_seed
from widelearn.experiments.studies.rows import Row, Rows, Values, at, of, panel
from widelearn.experiments.studies.spec import Claim, Panels, Settings, Step

SOURCE = "Radhakrishnan et al. 2024, beside Shi, Wei & Liang 2023"
SETTINGS = {"d": 100, "samples": (400, 800, 1200), "draws": 5, "test": 2000}
QUICK = {"samples": (800,), "draws": 2, "test": 1000}
MACHINE, KERNEL, SHARE, HIDDEN = "recursive machine", "its own kernel", "share of the metric on the bits", "three bits"


def simulate(settings: Settings, seed: int, step: Step) -> list[Row]:
    """Fit the machine, and its kernel alone, which is the machine without iterations."""
    found = Values()
    d = settings["d"]
    for rng in draws(settings["draws"], seed, step):
        state, most = new_seed(rng), max(settings["samples"])
        for k in (2, 3):
            data = parity(most + settings["test"], d, k, random_state=state)
            test, truth = data.X[most:], data.y[most:]
            for n in settings["samples"] if k == 2 else (most,):
                model = RecursiveFeatureMachineClassifier(random_state=state).fit(data.X[:n], data.y[:n])
                found.add(MACHINE if k == 2 else HIDDEN, n, model.score(test, truth))
                if k == 2:
                    found.add(SHARE, n, np.diag(model.M_)[data.support].sum() / np.trace(model.M_))
                    plain = RecursiveFeatureMachineClassifier(n_iter=0, random_state=state)
                    found.add(KERNEL, n, plain.fit(data.X[:n], data.y[:n]).score(test, truth))
    return found.rows()


def claims(rows: Rows, settings: Settings) -> list[Claim]:
    """Claim that the metric finds two bits where the kernel is near chance; three bits leave no trace in gradients."""
    n = max(settings["samples"])
    return [
        at_least(at(rows, [MACHINE], n), f"the machine learns 2 bits of {settings['d']} from {n} rows", 0.9),
        at_most(at(rows, [KERNEL], n), "its own kernel stays near chance", 0.65),
        at_least(at(rows, [SHARE], n), "the metric concentrates on the bits", 10 * 2 / settings["d"]),
        far_from(at(rows, [MACHINE], n), at(rows, [HIDDEN], n), "a parity of three bits is not found"),
    ]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show accuracy against rows."""
    options = {"xlabel": "samples", "ylabel": "test accuracy", "xscale": "log", "ylim": (0.45, 1.02)}
    return [panel(of(rows, MACHINE, KERNEL, HIDDEN), **options)]
