"""Quadratic models, and networks under random signs, learn a product of two columns where kernels do not."""

import numpy as np

from widelearn import TaylorRegressor
from widelearn.datasets import hypercube
from widelearn.experiments.studies.baselines import Rival
from widelearn.experiments.studies.ensembles import mean_square, new_seed
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, panel, value, without
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import apart, at_least, at_most, less
from widelearn.kernels import NTK, TaylorKernel

SETTINGS = {"d": 40, "samples": (80, 120, 160, 240, 400), "width": 256, "draws": 8, "test": 2000}
QUICK = {"samples": (160, 400), "draws": 5, "test": 600}
QUADRATIC, NETWORK = "quadratic model", "network with random signs"
TANGENT, LIFTED = "NTK", "kernel of order 2"
DENSE = {name: f"{name}, dense quadratic form" for name in (QUADRATIC, LIFTED)}


def cells(settings: Settings) -> list[Cell]:
    """Return one cell: every model is fitted to parts of the same rows."""
    return [settings]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Fit to products of two columns, and to dense quadratic forms, on the cube."""
    rng = np.random.default_rng(seed)
    d, state, most = cell["d"], new_seed(rng), max(cell["samples"])
    X, check = (hypercube(n, d, random_state=new_seed(rng)) for n in (most, cell["test"]))
    A = rng.standard_normal((d, d))
    np.fill_diagonal(A, 0.0)
    A *= 1 / np.sqrt(((A + A.T) ** 2).sum() / 2)
    product, dense = [x[:, 0] * x[:, 1] for x in (X, check)], [((x @ A) * x).sum(axis=1) for x in (X, check)]
    rows, lifted, tangent = (
        [],
        Rival(TaylorKernel(2, "softplus"), X, check),
        Rival(NTK(activation="softplus"), X, check),
    )
    for kind, (y, truth) in {"": product, "dense": dense}.items():
        for n in cell["samples"] if not kind else (most,):
            errors = {LIFTED: lifted.error(y[:n], truth)}
            modes = {QUADRATIC: ("taylor", 128)}
            if not kind:
                errors[TANGENT] = tangent.error(y[:n], truth)
                modes |= {NETWORK: ("marginal", cell["width"])}
            for name, (mode, width) in modes.items():
                model = TaylorRegressor(mode=mode, width=width, linear_term=False, random_state=state)
                errors[name] = mean_square(model.fit(X[:n], y[:n]).predict(check) - truth)
            rows += [value(DENSE[name] if kind else name, n, error) for name, error in errors.items()]
    return rows


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge that both learn where kernels do not."""
    n = max(settings["samples"])
    return [
        at_most(f"the quadratic model learns the product from {n} rows", QUADRATIC, bound=0.05, rival=LIFTED, at=n),
        at_most("so does the network under random signs", NETWORK, bound=0.05, rival=LIFTED, at=n),
        at_least("tangent kernel ridge does not, at its best ridge", TANGENT, bound=0.5, rival=QUADRATIC, at=n),
        less(
            "nor does the quadratic model's own kernel: what counts is the penalty", QUADRATIC, LIFTED, factor=5.0, at=n
        ),
        less("on a dense quadratic form the kernel is the better one", DENSE[LIFTED], DENSE[QUADRATIC], at=n),
    ]


def controls(settings: Settings) -> list[Control]:
    """See that nothing is gained on a dense form."""
    text = "the model does not learn from as many rows what is no sum of few products"
    return [apart(text, QUADRATIC, DENSE[QUADRATIC], at=max(settings["samples"]))]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show error against rows."""
    axes = {"xlabel": "samples n", "ylabel": "test error", "xscale": "log", "ylim": (0.0, 1.2)}
    return [panel(without(rows, *DENSE.values()), **axes)]


SPEC = Spec(
    name="escape-ntk",
    about=__doc__,
    source="Bai & Lee 2020",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=None,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
