"""What kernel ridge estimators share: checked rows and targets, and the model that they keep."""

import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _check_sample_weight, validate_data

from widelearn.estimators.kernel_ridge.model import KernelModel, is_precomputed, kernel_of
from widelearn.estimators.kernel_ridge.solver import Solver, default_centres
from widelearn.estimators.labels import Labels
from widelearn.features import NystromFeatures
from widelearn.kernels import NTK, as_kernel
from widelearn.kernels.parameters import DefaultObjects
from widelearn.ridge.solution import Solution

Array = NDArray[Any]
DTYPES = [np.float64, np.float32]


class BaseKernelRidge(DefaultObjects, BaseEstimator):
    """What keeps a kernel model: its values at new rows, and its tags."""

    _stands_for: ClassVar[dict[str, Any]] = {"kernel": lambda kernel: as_kernel(kernel, NTK())}
    _model: KernelModel
    kernel: Any

    def _values(self, X: ArrayLike) -> Array:
        """Return K(X, X_fit) a + b, of shape (n, t); lazy for a Dask collection."""
        if hasattr(X, "__dask_graph__"):
            from widelearn.distributed import by_rows

            return by_rows(self, "_values", X, len(self._model.solution.offset))
        return self._model.values(validate_data(self, X, dtype=DTYPES, reset=False))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = is_precomputed(self.kernel)
        return tags


def show(draft: Any, model: KernelModel, flat: bool) -> None:
    """Put a model on the draft of an estimator, with its public attributes."""
    draft._model, draft.kernel_, found = model, model.kernel, model.solution
    draft.dual_coef_ = found.coef[:, 0] if flat else found.coef
    draft.intercept_ = found.offset[0] if flat else found.offset
    draft.solver_, draft.n_iter_, draft.residual_ = found.solver, found.n_iter, found.residual
    if model.rows is not None:
        draft.X_fit_ = model.rows


def check_targets(draft: Any, X: Any, y: Any, sample_weight: Any) -> tuple[Array, Array, Array | None, bool]:
    """Return rows, targets (n, t), weights, and whether the targets have no axis of their own."""
    x, targets = validate_data(draft, X, y, dtype=DTYPES, multi_output=True, y_numeric=True)
    Y = targets.astype(np.float64).reshape(len(x), -1)
    return x, Y, check_weight(sample_weight, x), targets.ndim == 1


def check_labels(draft: Any, X: Any, y: Any, sample_weight: Any) -> tuple[Array, Array, Array | None, Labels]:
    """Return rows, codes (n, t), weights times those of the classes, and the labels, which the draft gets."""
    x, y = validate_data(draft, X, y, dtype=DTYPES, multi_output=True)
    labels = Labels.from_targets(y)
    draft.classes_, draft.multilabel_ = labels.classes, labels.multilabel
    weight = labels.weights(y, draft.class_weight, check_weight(sample_weight, x))
    if weight is not None and not weight.any():
        raise ValueError("All rows have weight zero: give at least one row, and one class, a positive weight.")
    return x, labels.encode(y), weight, labels


def check_weight(sample_weight: Any, X: Array) -> Array | None:
    """Return validated sample weights, not all of them zero."""
    if sample_weight is None:
        return None
    return _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)


def fit_lazily(draft: Any, regression: Any, X: Any, y: Any, sample_weight: Any, **options: Any) -> None:
    """Fit the draft of an estimator to a Dask collection by ridge regression on Nyström features."""
    if draft.solver != "nystrom" or is_precomputed(draft.kernel):
        raise ValueError(
            f"Dask collections are fitted with solver='nystrom' and a kernel of rows, got solver={draft.solver!r}"
            f" and kernel={draft.kernel!r}. FeatureRidge fits them with random features."
        )
    p = draft.n_components
    if p is None:
        from widelearn.distributed import count_rows

        n = count_rows(X)
        if math.isnan(n):
            raise ValueError(
                "The default n_components is 10 sqrt(n), and how many rows X has is unknown: set n_components, or"
                " let X.compute_chunk_sizes() count them."
            )
        p = default_centres(int(n))
    kernel = kernel_of(draft.kernel)
    features = NystromFeatures(kernel, p, random_state=Solver.of(draft).seed)
    found = regression(features, draft.alpha, fit_intercept=draft.fit_intercept, **options).fit(X, y, sample_weight)
    for name in ("n_features_in_", "feature_names_in_", "classes_", "multilabel_"):
        if hasattr(found, name):
            setattr(draft, name, getattr(found, name))
    coef, features = found.coef_, found.features_
    dual = features.dual(np.atleast_2d(coef).T).astype(coef.dtype)
    solution = Solution(dual, np.reshape(found.intercept_, -1), "nystrom")
    show(draft, KernelModel(kernel, features.components_, solution), np.ndim(coef) == 1)
