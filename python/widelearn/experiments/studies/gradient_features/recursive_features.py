"""Kernel ridge that learns a metric from its own gradients: it finds two bits of a parity, and nothing in three."""

from __future__ import annotations

from typing import Any

import numpy as np

from widelearn import RecursiveFeatureMachineClassifier
from widelearn.datasets import parity
from widelearn.experiments.studies.baselines import at, at_least, at_most, far_from
from widelearn.experiments.studies.ensembles import draws, panel
from widelearn.experiments.studies.spec import Claim, Row, Rows, Settings, Spec, Step, of, row

MACHINE, KERNEL, SHARE, HIDDEN = "recursive machine", "its own kernel", "share of the metric on the bits", "three bits"


def simulate(settings: Settings, seed: int, step: Step) -> list[Row]:
    """Fit the machine, and its kernel alone, which is the machine without iterations."""
    found: dict[tuple[str, int], list[float]] = {}
    d = settings["d"]
    for rng in draws(settings["draws"], seed, step):
        state, most = int(rng.integers(2**31)), max(settings["samples"])
        for k in (2, 3):
            data = parity(most + settings["test"], d, k, random_state=state)
            test, truth = data.X[most:], data.y[most:]
            for n in settings["samples"] if k == 2 else (most,):
                model = RecursiveFeatureMachineClassifier(random_state=state).fit(data.X[:n], data.y[:n])
                score = float(model.score(test, truth))
                found.setdefault((MACHINE if k == 2 else HIDDEN, n), []).append(score)
                if k == 2:
                    share = float(np.diag(model.M_)[data.support].sum() / np.trace(model.M_))
                    found.setdefault((SHARE, n), []).append(share)
                    plain = RecursiveFeatureMachineClassifier(n_iter=0, random_state=state)
                    score = float(plain.fit(data.X[:n], data.y[:n]).score(test, truth))
                    found.setdefault((KERNEL, n), []).append(score)
    return [row(series, n, None, values) for (series, n), values in found.items()]


def claims(rows: Rows, settings: Settings) -> list[Claim]:
    """Claim that the metric finds two bits where the kernel is near chance; three bits leave no trace in gradients."""
    n = max(settings["samples"])
    return [
        at_least(at(rows, [MACHINE], n), f"the machine learns 2 bits of {settings['d']} from {n} rows", 0.9),
        at_most(at(rows, [KERNEL], n), "its own kernel stays near chance", 0.65),
        at_least(at(rows, [SHARE], n), "the metric turns to the bits", 10 * 2 / settings["d"]),
        far_from(at(rows, [MACHINE], n), at(rows, [HIDDEN], n), "a parity of three bits is not found"),
    ]


def panels(rows: Rows, settings: Settings) -> list[dict[str, Any]]:
    """Accuracy against rows."""
    options = {"xlabel": "samples", "ylabel": "test accuracy", "xscale": "log", "ylim": (0.45, 1.02)}
    return [panel(of(rows, MACHINE, KERNEL, HIDDEN), **options)]


SPEC = Spec(
    name="recursive-features",
    about="Kernel ridge in a metric from its own gradients finds two bits of a parity, and nothing in three.",
    source="Radhakrishnan et al. 2024, beside Shi, Wei & Liang 2023",
    settings={"d": 100, "samples": (400, 800, 1200), "draws": 5, "test": 2000},
    quick={"samples": (800,), "draws": 2, "test": 1000},
    simulate=simulate,
    claims=claims,
    panels=panels,
)
