"""A quadratic model learns degree 4 from some d² rows on whitened neurons that span degree 2; thresholds do not."""

from typing import Any

import numpy as np

from widelearn import NeuralRepresentation, TaylorRegressor
from widelearn.datasets import hypercube
from widelearn.experiments.studies.baselines import best_error
from widelearn.experiments.studies.ensembles import Array, mean_square, new_seed
from widelearn.experiments.studies.judging import Control, Verdict
from widelearn.experiments.studies.rows import Row, Rows, of, panel, value
from widelearn.experiments.studies.spec import Cell, Panels, Seed, Settings, Spec
from widelearn.experiments.studies.statements import apart, at_least, at_most, less
from widelearn.kernels import NTK, DotProduct

# The theorem: a quadratic model needs d^(p/2) rows on whitened neurons for a degree p >= 4 of few directions, where
# d^(p-1) is what is known for rows themselves, and a tangent kernel gains nothing. Of its class is the product of four
# columns. Gained is what neurons give that span degree 2, quadratic ones here; as many threshold neurons, which the
# theorem speaks of for numbers without end, gain nothing at these sizes.
SETTINGS = {
    "dimensions": (12, 16, 20),
    "ratio": 4.0,
    "unlabelled": 3000,
    "width": 64,
    "alpha": 1e-3,
    "penalties": (1e-3, 1e-4, 1e-5, 1e-6),
    "test": 1500,
    "draws": 12,
}
QUICK = {"dimensions": (12,), "unlabelled": 1000, "width": 32, "penalties": (1e-5,), "test": 1000, "draws": 16}
FORMS, STEPS, RAW, RAW_FOUR = "quadratic on forms", "quadratic on thresholds", "quadratic on rows", "order 4 on rows"
KERNEL, NETWORK, EVEN = "NTK on forms", "NTK on rows", "even polynomial on rows"
RIVALS = (RAW_FOUR, EVEN, NETWORK, RAW)
# Of each draw the rival with the least error; the model's error over that, and with the two exchanged.
BEST, GAIN, LOSS = "best rival", "forms / best rival", "best rival / forms"
# 1 + ρ² + ρ⁴, which knows that the target is even and of what degree.
POLYNOMIAL = (1.0, 0.0, 1.0, 0.0, 1.0)


def named(model: str, d: int) -> str:
    """Name the series of a model in a dimension."""
    return f"{model}, d = {d}"


def cells(settings: Settings) -> list[Cell]:
    """Return a cell for each dimension."""
    return [{**settings, "d": d} for d in settings["dimensions"]]


def simulate(cell: Cell, seed: Seed) -> list[Row]:
    """Fit every model to a product of four columns of the cube, from n = ratio d² rows."""
    rng = np.random.default_rng(seed)
    d, n, extra, state = cell["d"], round(cell["ratio"] * cell["d"] ** 2), cell["unlabelled"], new_seed(rng)
    X = hypercube(n + extra + cell["test"], d, random_state=new_seed(rng))
    y, test = np.prod(X[:, :4], axis=1), slice(n + extra, None)
    raw, labels = (X[:n], X[test]), (y[:n], y[test])
    options: dict[str, Any] = {"width": cell["width"], "linear_term": False, "random_state": state}

    def error(rows: tuple[Array, Array], order: int, alpha: float) -> float:
        fit = TaylorRegressor(order, alpha=alpha, **options).fit(rows[0], labels[0])
        return mean_square(fit.predict(rows[1]) - labels[1])

    def kernel_error(kernel: Any, rows: tuple[Array, Array]) -> float:
        return best_error(kernel, rows[0], labels[0], rows[1], labels[1])

    # As many neurons as span the forms of degree 2 and less; both kinds are whitened without targets.
    p, found = (d + 1) * (d + 2) // 2, {}
    for name, activation in ((FORMS, "quadratic"), (STEPS, "step")):
        features = NeuralRepresentation(p, activation, random_state=state).fit(X[: n + extra])
        whole = features.transform(raw[0]), features.transform(raw[1])
        # The penalty of these is fixed beforehand; every rival has the best of its own on the test rows.
        found[name] = error(whole, 2, cell["alpha"])
        if name == FORMS:
            found[KERNEL] = kernel_error(NTK(activation="softplus"), whole)
    for name, order in ((RAW, 2), (RAW_FOUR, 4)):
        found[name] = min(error(raw, order, alpha) for alpha in cell["penalties"])
    kernels = {NETWORK: NTK(activation="softplus"), EVEN: DotProduct(POLYNOMIAL)}
    found |= {name: kernel_error(kernel, raw) for name, kernel in kernels.items()}
    found[BEST] = min(found[name] for name in RIVALS)
    found |= {GAIN: found[FORMS] / found[BEST], LOSS: found[BEST] / found[FORMS]}
    return [value(named(name, d), cell["ratio"], one) for name, one in found.items()]


def verdicts(settings: Settings) -> list[Verdict]:
    """Judge the gain of quadratic neurons at every dimension, and that tangent kernels and thresholds gain nothing."""
    found = []
    for d in settings["dimensions"]:
        rows = f"from {settings['ratio']:g} d² rows at d = {d}"
        found += [
            at_most(
                f"{rows} the quadratic model on forms has half the error, or less, of the best of four on rows:"
                " Taylor models of orders 2 and 4, NTK, even polynomial kernel of degree 4",
                named(GAIN, d),
                bound=0.5,
                rival=named(LOSS, d),
            ),
            less(
                f"{rows} the NTK gains nothing by forms: it has less error on the rows themselves",
                named(NETWORK, d),
                named(KERNEL, d),
            ),
            at_least(
                f"{rows} as many threshold neurons leave nine tenths of the target's variance or more",
                named(STEPS, d),
                bound=0.9,
                rival=named(FORMS, d),
            ),
        ]
    return found


def controls(settings: Settings) -> list[Control]:
    """See that the forms are not what does it: a kernel on them does not."""
    d = max(settings["dimensions"])
    return [apart("a kernel on the same forms does not learn the product", named(FORMS, d), named(KERNEL, d))]


def panels(rows: Rows, settings: Settings) -> Panels:
    """Show errors against the dimension."""
    shown = [
        one | {"series": name, "x": float(d)}
        for name in (FORMS, STEPS, KERNEL, *RIVALS)
        for d in settings["dimensions"]
        for one in of(rows, named(name, d))
    ]
    title = f"product of four columns, n = {settings['ratio']:g} d²"
    return [panel(shown, title=title, xlabel="dimension d", ylabel="test error / variance", yscale="log")]


SPEC = Spec(
    name="neural-representation",
    about=__doc__,
    source="Chen et al. 2020",
    settings=SETTINGS,
    quick=QUICK,
    cells=cells,
    simulate=simulate,
    theory=None,
    verdicts=verdicts,
    controls=controls,
    panels=panels,
)
