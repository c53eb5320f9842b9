"""Ridge regression on a feature map, fitted in one call or batch by batch: what all its estimators share."""

import copy
from collections.abc import Callable
from functools import partial
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, is_classifier
from sklearn.utils import check_consistent_length, get_tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.multiclass import is_multilabel
from sklearn.utils.validation import _check_sample_weight

from widelearn.estimators.costs import fit_cost
from widelearn.estimators.feature_ridge.cost import foreseen_features
from widelearn.estimators.feature_ridge.maps import RidgeFeatures, is_pairwise
from widelearn.estimators.feature_ridge.model import NO_WEIGHT, Accumulator, FittedRidge, SummedRidge
from widelearn.estimators.feature_ridge.posterior import KEPT
from widelearn.estimators.feature_ridge.systems import RowProblem, Rows
from widelearn.estimators.folds import check_groups
from widelearn.estimators.labels import Labels, check_values
from widelearn.estimators.left_out import stored_left_out
from widelearn.estimators.penalty import Fixed, Penalty
from widelearn.estimators.posterior import Posterior
from widelearn.features import RandomFeatures
from widelearn.features.state import refitting
from widelearn.kernels.parameters import DefaultObjects, checks_parameters
from widelearn.kernels.rows import DTYPES as DTYPES
from widelearn.kernels.rows import check_square, new_rows, rows_and_targets
from widelearn.ridge.symmetric_systems import check_alpha
from widelearn.runtime import Array, capped, warn

NEEDS_GCV = "{} chooses alpha from moments only with cv='gcv'."
FORGOTTEN = (
    "fit keeps no moments that partial_fit could add to: the rows given to fit are forgotten. Give all rows to"
    " partial_fit."
)


@capped
def predicted(fitted: Any, X: Any) -> Array:
    """Return the values (n, t) of a fitted estimator at rows; lazy for a Dask collection."""
    model = fitted._model.solved
    if hasattr(X, "__dask_graph__"):
        from widelearn.distributed import by_rows

        return by_rows(fitted, "_values", X, len(model.coef))
    return model.values(new_rows(fitted, X, accept_sparse="csr"))


class BaseFeatureRidge(DefaultObjects, BaseEstimator):
    """A feature map, the smaller of its two ridge systems, and values at new rows.

    Estimators say how they read targets (`_read`), what chooses their penalty (`_penalty`), and whether moments suffice
    for that (`_sums_suffice`).
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "features": [StrOptions({"passthrough"}), HasMethods(["fit", "transform"]), None],
        "alpha": [Interval(Real, 0, None, closed="left"), "array-like"],
        "fit_intercept": ["boolean"],
        "precision": [StrOptions({"auto", "mixed"})],
        "random_state": ["random_state"],
    }
    _stands_for: ClassVar[dict[str, Any]] = {"features": lambda value: RandomFeatures() if value is None else value}

    _read: Callable[..., Rows]
    _values = predicted
    _foreseen = foreseen_features
    fit_cost = fit_cost
    # Whether targets and weights are needed in float64, all at once; what validation says to sparse rows.
    _in_doubles = False
    _accept_sparse: str | bool = "csr"
    features: Any
    alpha: Any
    fit_intercept: bool
    random_state: Any

    @checks_parameters()
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit to rows `X` (n, d) and targets or labels `y` (n,) or (n, t), of Dask too; returns the estimator."""
        with refitting(self) as draft:
            draft._model = model_of(draft, X, y, sample_weight)
        return self

    @property
    def coef_(self) -> Array:
        """Coefficients, of shape (p,) or (n_targets, p)."""
        model = self._solved()
        return model.coef[0] if model.flat else model.coef

    @property
    def intercept_(self) -> Any:
        """Intercept, a number or of shape (n_targets,)."""
        model = self._solved()
        return model.intercept[0] if model.flat else model.intercept

    @property
    def features_(self) -> Any:
        """The fitted feature map."""
        return self._state().features.map

    @property
    def moments_(self) -> Any:
        """What `partial_fit` has summed."""
        model = self._state()
        if isinstance(model, SummedRidge) and model.sums.moments is not None:
            return model.sums.moments
        raise AttributeError(f"{type(self).__name__} keeps no moments of fit: give the rows to partial_fit.")

    @property
    def _flat(self) -> bool:
        """Whether there is one target and no targets' axis."""
        return self._solved().flat

    @property
    def _posterior(self) -> Posterior:
        """The Gaussian process whose mean is predicted."""
        found = self._solved().posterior
        if found is None:
            raise ValueError(
                f"fit keeps no second moments of {self._solved().coef.shape[1]} features, which standard deviations and"
                f" likelihoods take: of at most {KEPT}. Give the rows to partial_fit, which keeps them, or take fewer."
            )
        return found

    @property
    def _sums_suffice(self) -> bool:
        """Whether moments are all that fitting needs, so that rows may come in batches."""
        return True

    def _penalty(self, rows: Rows) -> Penalty:
        """Return what chooses the penalty; refuse what does not fit the targets."""
        return Fixed(check_alpha(self.alpha, rows.Y.shape[1]), rows.units)

    def _state(self) -> FittedRidge | SummedRidge:
        if "_model" not in vars(self):
            raise AttributeError(f"{type(self).__name__} has no coefficients before fit or partial_fit.")
        return vars(self)["_model"]

    def _solved(self) -> FittedRidge:
        """Return the model, solving what partial_fit left for later."""
        return self._state().solved

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # A map says itself what it takes; the default one, "passthrough" and a map without tags take sparse rows.
        says = hasattr(self.features, "__sklearn_tags__")
        tags.input_tags.sparse = not says or get_tags(self.features).input_tags.sparse
        tags.input_tags.pairwise = is_pairwise(self.features)
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return "_model" in vars(self)


def model_of(draft: Any, X: Any, y: Any, sample_weight: Any, groups: Any = None) -> FittedRidge:
    """Return the model of rows of any kind, Dask's too."""
    if hasattr(X, "__dask_graph__"):
        from widelearn.distributed import Collection

        check_groups(groups, "gcv", X)
        return model_of_collection(draft, Collection(X, y, sample_weight))
    rows = draft._read(X, y, sample_weight)
    check_groups(groups, getattr(draft, "cv", None), rows.X)
    return model_of_rows(draft, rows._replace(groups=groups))


def fit_grouped(draft: Any, X: Any, y: Any, sample_weight: Any, groups: Any) -> None:
    """Fit the draft of an estimator that chooses by left-out rows, those of a group together."""
    draft._model = model_of(draft, X, y, sample_weight, groups)


def model_of_rows(draft: Any, rows: Rows) -> FittedRidge:
    """Return the model of rows, its penalty chosen as the estimator says."""
    rows.check_weight()
    if is_pairwise(draft.features):
        check_square(rows.X)
    # The sum of weights is the number of rows that GCV reckons with.
    rows = rows.in_units(weights=not isinstance(getattr(draft, "cv", None), str))
    penalty = draft._penalty(rows)
    options = {"fit_intercept": draft.fit_intercept, "precision": getattr(draft, "precision", "auto")}
    problem = RowProblem(rows, draft.features, draft.random_state, path=not isinstance(penalty, Fixed), **options)
    choice = penalty.choose(problem)
    choice.warn()
    stores = getattr(draft, "store_loo", False)
    if stores:
        problem.remember()
    model = problem.solve(choice, flat=rows.flat, keep=True).in_original(rows.units)
    if stores:
        draft._model = model
        found = stored_left_out(draft, model.posterior, rows, *problem.known())
        draft.loo_residuals_ = found[:, 0] if rows.flat else found
    return model.light


def model_of_collection(draft: Any, blocks: Any) -> FittedRidge:
    """Return the model of a Dask collection's rows, whose blocks are summed where they lie."""
    refuse_stored(draft)
    if not draft._sums_suffice:
        raise ValueError(f"{NEEDS_GCV.format(type(draft).__name__)} Dask collections are summed: set cv='gcv'.")
    if is_pairwise(draft.features):
        raise ValueError("A precomputed kernel matrix cannot be a Dask collection: give X.compute(), or rows.")
    known: dict[str, Any] = {}
    if is_classifier(draft):
        balanced = isinstance(draft.class_weight, str)
        known["classes"], weights = blocks.labels(balanced)
        draft.class_weight = weights if balanced else draft.class_weight
    first = draft._read(*blocks.row(numbers=not known), None, idle=True, **known)
    penalty = draft._penalty(first)
    sums = Accumulator(RidgeFeatures(draft.features, draft.random_state), first.Y.shape[1])
    if not sums.features.looks_at_rows:
        sums.fit(first.X, first.Y)
    total = blocks.summed(partial(read_block, draft, first.flat, known), sums, first.X.dtype)
    return total.model(penalty, fit_intercept=draft.fit_intercept, flat=first.flat).light


def refuse_stored(draft: Any) -> None:
    """Refuse to keep left-out errors of rows that are summed and forgotten."""
    if getattr(draft, "store_loo", False):
        raise ValueError(
            "store_loo=True keeps the left-out errors of rows that are given to one fit, and of batches, blocks or Dask"
            " collections only sums are kept: set store_loo=False, or give all rows to fit."
        )


def read_block(draft: Any, flat: bool, known: dict[str, Any], *block: Any) -> tuple[Any, Array, Array | None]:
    """Return a block's rows, targets (n, t) and weights, read as the draft of an estimator has read another block."""
    return draft._read(*block, flat=flat, idle=True, **known)[:3]


def model_with(draft: Any, read: Callable[..., Rows]) -> SummedRidge:
    """Return the model of a draft with further rows, those of `read(draft, flat)`; the first rows fit the map."""
    refuse_stored(draft)
    vars(draft).pop("loo_residuals_", None)
    before = vars(draft).get("_model")
    going_on = isinstance(before, SummedRidge)
    rows = read(draft, flat=before.flat if going_on else None)
    if going_on:
        sums = copy.copy(before.sums)
    else:
        if before is not None:
            warn(FORGOTTEN)
        sums = Accumulator(RidgeFeatures(draft.features, draft.random_state), rows.Y.shape[1]).fit(*rows[:3])
    sums.add(*rows[:3])
    return SummedRidge(sums, draft._penalty(rows), fit_intercept=draft.fit_intercept, flat=rows.flat)


def read_numbers(
    draft: Any, X: Any, y: Any, sample_weight: Any, *, flat: bool | None = None, idle: bool = False
) -> Rows:
    """Return validated rows, targets and weights, which may be all zero in idle rows.

    `flat` says of earlier rows whether they had one target without an axis; None fixes the columns by these rows.
    """
    options = {"accept_sparse": draft._accept_sparse, "y_numeric": True}
    x, y = rows_and_targets(draft, X, y, reset=flat is None, **options)
    weight = check_weight(sample_weight, x, idle=idle, in_doubles=draft._in_doubles)
    if flat is not None and flat != (y.ndim == 1):
        raise ValueError(f"y has {y.ndim} dimensions, but earlier batches had {1 if flat else 2}.")
    targets = y.reshape(x.shape[0], -1)
    return Rows(x, targets.astype(np.float64) if draft._in_doubles else targets, weight, y.ndim == 1)


def read_labels(
    draft: Any,
    X: Any,
    y: Any,
    sample_weight: Any,
    *,
    classes: ArrayLike | None = None,
    flat: bool | None = None,
    idle: bool = False,
) -> Rows:
    """Return validated rows, codes of their labels and weights, as :func:`read_numbers` does."""
    x, y = rows_and_targets(draft, X, y, reset=flat is None, accept_sparse=draft._accept_sparse)
    if flat is not None and draft.multilabel_ != is_multilabel(y):
        raise ValueError("Some batches have one label a row, and others a multilabel indicator: give one kind.")
    labels = Labels.from_targets(y, classes)
    if flat is None:
        draft.classes_, draft.multilabel_ = labels.classes, labels.multilabel
    draft._class_weighted = draft.class_weight is not None
    codes = labels.encode(y, np.float64 if draft._in_doubles else np.int8)
    weight = check_weight(sample_weight, x, idle=idle, in_doubles=draft._in_doubles)
    return Rows(x, codes, labels.weights(y, draft.class_weight, weight), codes.shape[1] == 1, labels)


def check_weight(sample_weight: Any, X: Array, *, idle: bool, in_doubles: bool) -> Array | None:
    """Return validated sample weights, in float64 or as they come; those of idle rows may be all zero."""
    if sample_weight is None:
        return None
    if idle and not np.any(sample_weight):
        if np.ndim(sample_weight) > 0:
            check_consistent_length(X, sample_weight)
        return np.zeros(X.shape[0])
    # Without a dtype float32 stays float32.
    weight = check_values(sample_weight, "sample_weight")
    weight = _check_sample_weight(weight, X, dtype=np.float64 if in_doubles else None, ensure_non_negative=True)
    if not weight.any():
        raise ValueError(NO_WEIGHT)
    return weight
