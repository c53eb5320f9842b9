"""What a fit is expected to take on this machine, by counted work and measured rates; estimators say what they do."""

from typing import Any, NamedTuple

from numpy.typing import ArrayLike

from widelearn.estimators.lazy import refuse_lazy
from widelearn.features.state import draft_of
from widelearn.kernels.parameters import checks_parameters
from widelearn.runtime import in_range

UNITS = ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes"), (1.0, "seconds"))


class FitCost(NamedTuple):
    """What a fit is expected to take on this machine.

    `solver` is the way that is expected, such as "cholesky", "pcg" or "columns"; `seconds` are those of a machine that
    does nothing else; `kernel_values` says how many are computed, 0 without a kernel, `flops` the operations beside
    them, and `matrix_bytes` what the largest matrix that is kept takes, 0 where there is none. `at_most` says that the
    fit may end much earlier, for it stops where steps gain little, or chooses the shorter of some ways by the data.
    """

    solver: str
    seconds: float
    kernel_values: float
    flops: float
    matrix_bytes: int
    at_most: bool = False


@in_range
@checks_parameters()
def fit_cost(self: Any, X: ArrayLike, y: ArrayLike) -> FitCost:
    """Say what a fit to these rows would take on this machine, without fitting.

    Rates are measured on a few rows: the time of a kernel value, of a feature, of a multiplication in a matrix product,
    of a gradient. They are multiplied by how many the plan takes that a fit to all rows follows.

    Parameters
    ----------
    X : array-like of shape (n, d)
        Rows.
    y : array-like of shape (n,) or (n, n_targets)
        Targets or labels.

    Returns
    -------
    FitCost
        A named tuple: `solver`, the way that is expected; `seconds`; `kernel_values` that are computed; `flops` beside
        them; `matrix_bytes` of the largest matrix that is kept, 0 where there is none; and `at_most`, whether the fit
        may end much earlier than that, for it stops where steps gain little.

    Raises
    ------
    ValueError
        What :meth:`fit` raises for such rows or parameters; or if the plan hangs on what only the fit finds, with the
        reason.

    Notes
    -----
    The measurement takes some tenths of a second. It is no bound, and other measurements give other numbers: a factor
    of 3 is what to expect. Fits of less than a second are foretold worse.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import KernelRidge
    >>> X = np.random.default_rng(0).standard_normal((1000, 3))
    >>> cost = KernelRidge("rbf", solver="cholesky").fit_cost(X, X[:, 0])
    >>> cost.solver, cost.matrix_bytes, 0 < cost.seconds < 60
    ('cholesky', 8000000, True)
    """
    refuse_lazy(X, type(self).__name__)
    return draft_of(self)._foreseen(X, y)


def readable(seconds: float) -> str:
    """Return a duration in the largest unit of which it has two."""
    size, name = next((unit for unit in UNITS if seconds >= 2 * unit[0]), UNITS[-1])
    return f"{seconds / size:.0f} {name}"
