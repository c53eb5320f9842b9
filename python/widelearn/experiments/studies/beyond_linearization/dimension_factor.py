"""How many rows a product of two columns takes: of the order of d for the quadratic model, of d² for kernels."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from widelearn import TaylorRegressor
from widelearn.datasets import hypercube
from widelearn.experiments.studies.baselines import at, at_most, best_error
from widelearn.experiments.studies.ensembles import draws, panel
from widelearn.experiments.studies.spec import Claim, Row, Rows, Settings, Spec, Step, row
from widelearn.kernels import NTK


def model(d: int) -> str:
    """Return a series' name."""
    return f"quadratic model, d = {d}"


def kernel(d: int) -> str:
    """Return a series' name."""
    return f"NTK, d = {d}"


def simulate(settings: Settings, seed: int, step: Step) -> list[Row]:
    """Fit both to n = ratio d rows of each dimension."""
    found: dict[tuple[str, float], list[float]] = {}
    for rng in draws(settings["draws"], seed, step):
        for d in settings["dimensions"]:
            most, state = int(max(settings["ratios"]) * d), int(rng.integers(2**31))
            X, check = (hypercube(n, d, random_state=int(rng.integers(2**31))) for n in (most, settings["test"]))
            y, truth = X[:, 0] * X[:, 1], check[:, 0] * check[:, 1]
            for ratio in settings["ratios"]:
                n = int(ratio * d)
                net = TaylorRegressor(linear_term=False, random_state=state).fit(X[:n], y[:n])
                found.setdefault((model(d), ratio), []).append(float(np.mean((net.predict(check) - truth) ** 2)))
                tangent = best_error(NTK(activation="softplus"), X[:n], y[:n], check, truth)
                found.setdefault((kernel(d), ratio), []).append(tangent)
    return [row(series, ratio, None, values) for (series, ratio), values in found.items()]


def claims(rows: Rows, settings: Settings) -> list[Claim]:
    """Claim that the same n/d is enough at every d, and that kernels fall behind as d grows."""
    dimensions, ratio, most = settings["dimensions"], settings["ratio"], max(settings["ratios"])
    models = at(rows, [model(d) for d in dimensions], ratio)
    behind = [at(rows, [kernel(d)], most)[0]["simulation"] for d in dimensions]
    grows = all(after > before for before, after in pairwise(behind))
    largest = at(rows, [kernel(max(dimensions))], most)
    return [
        at_most(models, f"{ratio:g} d rows are enough at d = {', '.join(map(str, dimensions))}", 0.05),
        Claim(f"at {most:g} d rows the kernel's error grows with d", grows, ", ".join(f"{e:.3f}" for e in behind)),
        Claim(
            f"d rows are not enough for the kernel: at d = {max(dimensions)} and {most:g} d it is far from done",
            bool(largest) and largest[0]["simulation"] - 0.05 > 10 * largest[0]["se"],
            f"{largest[0]['simulation']:.3f} ± {largest[0]['se']:.2g}",
            control=True,
        ),
    ]


def panels(rows: Rows, settings: Settings) -> list[dict[str, Any]]:
    """Error against n/d, models and kernels."""
    options = {"xlabel": "samples / dimension", "ylabel": "test error", "xscale": "log", "ylim": (0.0, 1.2)}
    return [panel([one for one in rows if one["series"].startswith(name)], **options) for name in ("quadratic", "NTK")]


SPEC = Spec(
    name="dimension-factor",
    about="A product of two columns takes the quadratic model n of the order of d rows, and kernels of d².",
    source="Bai & Lee 2020",
    settings={"dimensions": (20, 40, 80), "ratios": (3, 4, 6, 8, 12), "ratio": 6, "draws": 5, "test": 2000},
    quick={"ratios": (4, 6, 8), "draws": 2, "test": 1000},
    simulate=simulate,
    claims=claims,
    panels=panels,
)
