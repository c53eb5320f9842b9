"""The methods of a comparison by name, in the order in which they run."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from widelearn.experiments.comparison.plans import Setting, TuningPlan
from widelearn.experiments.errors import InputError, listing, nearest
from widelearn.experiments.tables.splits import SOME_ROWS

SAMPLER_ROWS = 50_000
PEER = "sklearn_"


@dataclass(frozen=True)
class Method:
    """One method: what it is called, and how much it may take."""

    # The function that plans it in widelearn_methods.py; after ``sklearn_`` that in sklearn_methods.py.
    name: str
    # The most training rows it takes, because it holds a matrix that grows with them; None takes all.
    rows: int | None = None
    # Whether tuning keeps to one thread: many small fits wait for each other's threads longer than they compute.
    serial: bool = False
    # Whether its fits take weights; without, weights count in its scores alone.
    weighted: bool = True

    @property
    def package(self) -> str:
        """Return "widelearn" or "scikit-learn"."""
        return "scikit-learn" if self.name.startswith(PEER) else "widelearn"

    def plan(self, setting: Setting) -> TuningPlan:
        """Return how it is tuned and built; its package loads here."""
        module = "sklearn_methods" if self.name.startswith(PEER) else "widelearn_methods"
        build: Callable[[Setting], TuningPlan] = getattr(
            import_module(f"{__package__}.{module}"), self.name.removeprefix(PEER)
        )
        return build(setting)


METHODS = (
    Method("linear"),
    Method("random_features"),
    Method("fourier_features"),
    Method("ntk", SOME_ROWS),
    Method("rbf", SOME_ROWS),
    Method("taylor", weighted=False),
    Method("two_layer", weighted=False),
    Method("recursive", SOME_ROWS, weighted=False),
    Method("sklearn_ridge", serial=True),
    Method("sklearn_kernel_ridge", SOME_ROWS, serial=True),
    Method("sklearn_rbf_sampler", SAMPLER_ROWS, serial=True),
    Method("sklearn_hist_gradient_boosting", serial=True),
)


def choose(names: str | None) -> tuple[Method, ...]:
    """Return the methods that a comma-separated list names, in the order of METHODS; None names all."""
    known = [method.name for method in METHODS]
    wanted = known if names is None else [name.strip() for name in names.split(",") if name.strip()]
    for name in wanted:
        if name not in known:
            raise InputError(f"no model {name!r} (--models): {nearest(name, known)}")
    if not wanted:
        raise InputError(f"--models names no model; all are {listing(known, 20)}")
    return tuple(method for method in METHODS if method.name in wanted)
