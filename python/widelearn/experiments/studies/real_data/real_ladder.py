"""From linear to trained models on four tables of scikit-learn, against the number of rows."""

from collections.abc import Callable
from typing import Any

import numpy as np

import widelearn as wl
from widelearn.experiments.studies import real_tables
from widelearn.experiments.studies.ensembles import new_seed
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import apart, close, more

SETTINGS = {"samples": (50, 100, 200, 400), "test": 400, "columns": 1024, "width": 128, "taylor": 128, "draws": 16}
QUICK = {"samples": (120,), "columns": 512, "taylor": 8, "draws": 6}
LINEAR, FEATURES, KERNEL = "linear", "random features", "NTK"
TAYLOR, TRAINED, MACHINE = "quadratic Taylor", "trained network", "recursive machine"
METHODS = (LINEAR, FEATURES, KERNEL, TAYLOR, TRAINED, MACHINE)
SHUFFLED = "NTK, labels shuffled"
TABLES = ("digits", "breast_cancer", "wine", "diabetes")
ALPHAS = tuple(10.0**power for power in range(-5, 4))
# Steps of the network at which it has converged on tables of this size.
STEPS = 200


def cells(settings: Settings) -> list[Cell]:
    """Return a cell for each table."""
    return [{**settings, "table": name} for name in TABLES]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Fit every method to more and more of the same rows, and score it at others."""
    rng = np.random.default_rng(seed)
    table = real_tables.named(cell["table"])
    order, state = rng.permutation(len(table.y)), new_seed(rng)
    # Where a table is short, half of it is left out.
    most = len(order) - min(cell["test"], len(order) // 2)
    hold = order[most:]
    rows = []
    for n in sorted({min(n, most) for n in cell["samples"]}):
        fit = order[:n]
        mean, scale = table.X[fit].mean(axis=0), table.X[fit].std(axis=0)
        Z, y = (table.X - mean) / np.where(scale > 0, scale, 1), table.y
        for name, make in methods(cell, state).items():
            rows.append(value(series(name, table.name), n, make().fit(Z[fit], y[fit]).score(Z[hold], y[hold])))
        if table.name == "digits":
            wrong = methods(cell, state)[KERNEL]().fit(Z[fit], rng.permutation(y[fit]))
            rows.append(value(series(SHUFFLED, table.name), n, wrong.score(Z[hold], y[hold])))
    return rows


def series(method: str, table: str) -> str:
    """Name the rows of a method on a table."""
    return f"{method}, {table}"


def methods(cell: Cell, state: int) -> dict[str, Callable[[], Any]]:
    """Return makers of each method; ridges choose their penalty by leave-one-out, the others have their defaults."""
    columns = wl.RandomFeatures(cell["columns"], bias_scale=0.3, random_state=state)
    return {
        LINEAR: lambda: wl.FeatureRidgeClassifierCV("passthrough", ALPHAS),
        FEATURES: lambda: wl.FeatureRidgeClassifierCV(columns, ALPHAS),
        KERNEL: lambda: wl.KernelRidgeClassifierCV(wl.kernels.NTK(depth=2, bias_variance=0.1), ALPHAS),
        TAYLOR: lambda: wl.TaylorClassifier(alpha=0.02, width=cell["taylor"], random_state=state),
        TRAINED: lambda: wl.TwoLayerClassifier(cell["width"], max_iter=STEPS, random_state=state),
        MACHINE: lambda: wl.RecursiveFeatureMachineClassifier(random_state=state),
    }


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge what each step of the ladder is worth."""
    most = max(settings["samples"])
    kernel, linear = series(KERNEL, "digits"), series(LINEAR, "digits")
    columns, trained, machine = (series(name, "digits") for name in (FEATURES, TRAINED, MACHINE))
    text = f"{settings['columns']:,} random features are as accurate as the NTK on digits, within 4 %"
    return [
        more(f"the NTK is more accurate than a linear model on digits, from {most} rows", kernel, linear, at=most),
        close(text, columns, kernel, share=0.04),
        close("a trained network is as accurate as the NTK on digits, within 4 %", trained, kernel, 0.04),
        close("the recursive machine is as accurate as the NTK on digits, within 4 %", machine, kernel, 0.04),
        close("a linear model is as accurate as the NTK on diabetes, within 3 %", *_pair(LINEAR, KERNEL), share=0.03),
    ]


def _pair(one: str, other: str) -> tuple[str, str]:
    return series(one, "diabetes"), series(other, "diabetes")


def controls(settings: Settings) -> list[Control]:
    """See that labels of other rows teach nothing."""
    return [apart("shuffled labels teach nothing", series(KERNEL, "digits"), series(SHUFFLED, "digits"))]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show errors of every method against rows, a table a panel."""
    shown = []
    for table in TABLES:
        own = of(rows, *(series(name, table) for name in METHODS))
        names = [one["series"].removesuffix(f", {table}") for one in own]
        errors = [
            one | {"series": name, "simulation": 1 - one["simulation"]} for one, name in zip(own, names, strict=True)
        ]
        axes = {"xlabel": "training rows", "ylabel": "test error", "xscale": "log", "yscale": "log"}
        shown.append(panel(errors, title=table, **axes))
    return shown


SPEC = Spec(
    name="real-ladder",
    about=__doc__,
    source="tables of scikit-learn; Arora et al. 2020 for the NTK's part",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=None,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
