"""The ladder that a comparison climbs: its methods by name, in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from widelearn.experiments.comparison.plans import Plan, Setting
from widelearn.experiments.errors import InputError, listing, nearest
from widelearn.experiments.tables.splits import SOME_ROWS

SAMPLER_ROWS = 50_000


@dataclass(frozen=True)
class Method:
    """One rung of the ladder.

    Parameters
    ----------
    name : str
    package : {"widelearn", "scikit-learn"}
    door : str
        The function that plans it, in ours.py or peers.py.
    rows : int or None
        The most training rows it takes, because it holds a matrix that grows with them; None takes all.
    serial : bool
        Whether tuning keeps to one thread: the many small fits end sooner without waiting for each other's threads,
        on a busy machine many times sooner. The final fit and the predictions use all threads.
    weighted : bool
        Whether its fits take weights; without, weights count in its scores alone.
    """

    name: str
    package: str
    door: str
    rows: int | None = None
    serial: bool = False
    weighted: bool = True

    def plan(self, setting: Setting) -> Plan:
        """Return how it is tuned and built."""
        room = import_module(f"{__package__}.{'widelearn' if self.package == 'widelearn' else 'sklearn'}_methods")
        build: Callable[[Setting], Plan] = getattr(room, self.door)
        return build(setting)


METHODS = (
    Method("linear", "widelearn", "linear"),
    Method("random_features", "widelearn", "random_features"),
    Method("fourier_features", "widelearn", "fourier_features"),
    Method("ntk", "widelearn", "ntk", SOME_ROWS),
    Method("rbf", "widelearn", "rbf", SOME_ROWS),
    Method("taylor", "widelearn", "taylor", weighted=False),
    Method("two_layer", "widelearn", "two_layer", weighted=False),
    Method("recursive", "widelearn", "recursive", SOME_ROWS, weighted=False),
    Method("sklearn_ridge", "scikit-learn", "ridge", serial=True),
    Method("sklearn_kernel_ridge", "scikit-learn", "kernel_ridge", SOME_ROWS, serial=True),
    Method("sklearn_rbf_sampler", "scikit-learn", "rbf_sampler", SAMPLER_ROWS, serial=True),
    Method("sklearn_hist_gradient_boosting", "scikit-learn", "hist_gradient_boosting", serial=True),
)


def choose(names: str | None) -> tuple[Method, ...]:
    """Return the methods named in a comma-separated list, in the order of the ladder.

    Parameters
    ----------
    names : str or None
        None means all.

    Returns
    -------
    tuple of Method

    Raises
    ------
    InputError
        A name is not on the ladder.

    Examples
    --------
    >>> [method.name for method in choose("rbf,ntk")]
    ['ntk', 'rbf']
    """
    known = [method.name for method in METHODS]
    wanted = known if names is None else [name.strip() for name in names.split(",") if name.strip()]
    for name in wanted:
        if name not in known:
            raise InputError(f"no model {name!r} (--models): {nearest(name, known)}")
    if not wanted:
        raise InputError(f"--models names no model; all are {listing(known, 20)}")
    return tuple(method for method in METHODS if method.name in wanted)
