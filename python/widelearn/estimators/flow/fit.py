"""What gradient-flow estimators share: one way to fit, and values at any training time."""

from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from widelearn.estimators.costs import fit_cost
from widelearn.estimators.feature_ridge.fit import DTYPES
from widelearn.estimators.feature_ridge.maps import is_pairwise
from widelearn.estimators.feature_ridge.systems import Rows
from widelearn.estimators.flow.choice import choose
from widelearn.estimators.flow.cost import foreseen_flow
from widelearn.estimators.flow.model import FlowModel
from widelearn.estimators.flow.outputs import start_of
from widelearn.estimators.flow.problem import FeatureFlow, KernelFlow, flow_of, is_map, takes_sparse
from widelearn.estimators.flow.rounding import complain
from widelearn.estimators.flow.schedule import Schedule
from widelearn.estimators.kernel_ridge.model import is_precomputed
from widelearn.estimators.lazy import refuse_lazy
from widelearn.features.state import refitting, snapshot
from widelearn.kernels import NTK, as_kernel
from widelearn.kernels.parameters import DefaultObjects, checks_parameters
from widelearn.kernels.rows import undamaged
from widelearn.runtime import Array, capped


class BaseGradientFlow(DefaultObjects, BaseEstimator):
    """A flow model, its values at new rows and at any time, and its tags; estimators say how they read targets."""

    _stands_for: ClassVar[dict[str, Any]] = {"kernel": lambda kernel: as_kernel(kernel, NTK())}
    _read: Callable[..., Rows]
    _in_doubles = True
    _foreseen = foreseen_flow
    fit_cost = fit_cost
    kernel: Any

    @checks_parameters()
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit to rows `X` (n, d) and targets or labels `y` (n,) or (n, t), and return the estimator."""
        with refitting(self) as draft:
            refuse_lazy(X, type(self).__name__)
            learn(draft, draft._read(X, y, sample_weight))
        return self

    @capped
    def predict(self, X: ArrayLike) -> Array:
        """Return the values at the rows of `X` at the time that was chosen, of shape (n,) or (n, t)."""
        fitted = snapshot(self)
        return fitted._shown(fitted._values(X))

    @capped
    def staged_predict(self, X: ArrayLike, times: ArrayLike) -> Array:
        """Return the predictions at the rows of `X` at many times.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Rows.
        times : float or array-like of shape (T,)
            Times, or numbers of steps, infinity allowed.

        Returns
        -------
        ndarray of shape (T, n) or (T, n, t)
            One array, as :meth:`predict` returns it, for each time; without the first axis for one number.
        """
        fitted = snapshot(self)
        return fitted._shown(path_of(fitted, X, times))

    def _shown(self, path: Array) -> Array:
        """Return values (..., m, t) as predictions are shown."""
        return path[..., 0] if vars(self)["_model"].flat else path

    @capped
    def _values(self, X: ArrayLike) -> Array:
        return vars(self)["_model"].values(rows_of(self, X))

    @property
    def _accept_sparse(self) -> str | bool:
        """What validation says to sparse rows: what was fitted has the say, whatever was set afterwards."""
        known = vars(self).get("_model")
        if known is None:
            return "csr" if takes_sparse(self.kernel) else False
        source = known.source
        given = source.kernel if isinstance(source, KernelFlow) else source.map.map
        return "csr" if (isinstance(source, FeatureFlow) and isinstance(given, str)) or takes_sparse(given) else False

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = bool(self._accept_sparse)
        tags.input_tags.pairwise = is_pairwise(self.kernel) if is_map(self.kernel) else is_precomputed(self.kernel)
        return tags


def rows_of(fitted: Any, X: Any) -> Array:
    """Return validated rows for a fitted estimator."""
    refuse_lazy(X, type(fitted).__name__)
    return validate_data(fitted, undamaged(X), dtype=DTYPES, reset=False, accept_sparse=fitted._accept_sparse)


def path_of(fitted: Any, X: Any, times: Any) -> Array:
    """Return the values (T, m, t) of a fitted estimator, or (m, t) for one number."""
    moments = fitted._model.schedule.moments(times)
    values = fitted._model.path(rows_of(fitted, X), np.atleast_1d(moments))
    return values if moments.ndim else values[0]


def learn(draft: Any, rows: Rows) -> None:
    """Fit the draft of an estimator to validated rows."""
    schedule, how = Schedule.of(draft), draft.time
    given = None if isinstance(how, str) else float(schedule.moments(how))
    rows.check_weight()
    start = start_of(draft.kernel)
    rows = rows if start is None else start.lacking(rows)
    # The sum of weights is the number of rows that GCV reckons with; outputs that flow together have one unit.
    rows = rows.in_units(weights=how != "gcv", shared=start is not None)
    intercept = draft.fit_intercept
    problem = flow_of(draft.kernel, rows, intercept) if start is None else start.flow(rows, intercept)
    fastest = problem.spectrum.fastest
    draft.max_learning_rate_ = schedule.bound(fastest)
    schedule.check(fastest)
    if given is None:
        found = choose(how, problem, schedule, rows.units)
        given, draft.times_, draft.errors_ = found.time, found.times, found.errors
    draft.time_ = given
    learned = schedule.learned(problem.spectrum.rates, np.array([given]))
    complain(problem, given, learned, chosen=isinstance(how, str))
    spectrum = problem.spectrum.in_original(rows.units if problem.outputs == 1 else rows.units.of_one())
    draft._model = FlowModel.at_time(problem.light(), spectrum, schedule, given, flat=rows.flat, start=start)
