"""Classification by gradient flow."""

from __future__ import annotations

from typing import Any

import numpy as np

from widelearn.estimators.feature_ridge.fit import read_labels
from widelearn.estimators.flow.fit import BaseGradientFlow
from widelearn.estimators.flow.regressor import GradientFlowRegressor
from widelearn.estimators.labels import CLASS_WEIGHT, ClassWeight, Labels, SignClassifier
from widelearn.runtime import Array


class GradientFlowClassifier(SignClassifier, BaseGradientFlow):
    """Classify by gradient flow of least squares on +1 for a row's class and -1 for every other.

    The flow, with those codes for y, is that of :class:`GradientFlowRegressor`; two classes share one target, and each
    label of a multilabel indicator has its own. One time serves all targets.

    Parameters
    ----------
    kernel : Kernel, str, callable, transformer, LinearizedRidge or None, default=None
        An object of :mod:`widelearn.kernels`, one of the names "rbf", "laplace", "laplacian" (``Laplace(norm=1)``),
        "polynomial", "linear", "ntk" and "nngp", a function ``(X, Y) -> (n, m)``, or "precomputed"; or a feature map,
        any object with fit and transform, whose inner products are the kernel; or a model of
        :func:`widelearn.linearize`, whose flow starts at its own outputs. None means ``NTK()``. Nested names set its
        parameters: ``kernel__depth``.
    time : float or {"cv", "gcv", "loo"}, default="cv"
        The training time t, infinity allowed; with `learning_rate` the number of steps. "cv" chooses it by leaving out
        each row, in closed form; for steps, and maps that look at rows, each of five folds. "gcv" is generalised
        cross-validation, "loo" leaves out each row in earnest.
    learning_rate : float or None, default=None
        Step η of gradient descent, below `max_learning_rate_`; residuals after s steps are (I - η K W/n)^s y.
        None is exact gradient flow.
    momentum : float, default=0.0
        The share β of its last change that a step repeats (Polyak's heavy ball), below 1.
    fit_intercept : bool, default=True
        Whether f starts at the mean of y and the flow is that of the centred kernel, H K H for H = I - 11'/n.
    class_weight : dict, list of dict, "balanced" or None, default=None
        Weights of the classes, multiplied with the sample weights; a list has a dict for each label of an indicator.
        "balanced" is n / (n_classes n_c).

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes; column numbers for a multilabel indicator.
    multilabel_ : bool
        Whether the targets were a multilabel indicator.
    time_ : float
        The training time, or the number of steps.
    max_learning_rate_ : float
        The step from which on gradient descent diverges: 2 (1 + momentum) n/λ_max.
    times_ : ndarray of shape (T,)
        Times that were chosen from, up to 2^40 n/λ_max, a factor 2 apart; not there for a given time.
    errors_ : ndarray of shape (T,)
        Their mean squared errors of left-out rows, or GCV errors, over all targets; infinite where a row's own target
        is more than 0.99 of what GCV would judge it by.
    n_features_in_ : int
        Number of features, d; n for a precomputed kernel.
    feature_names_in_ : ndarray of shape (d,)
        Names of the features, if they were strings.

    See Also
    --------
    GradientFlowRegressor : The regression; its costs and errors are the same.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from widelearn import GradientFlowClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = GradientFlowClassifier("rbf").fit(X, y)
    >>> bool(model.score(X, y) > 0.95)
    True
    """

    classes_: Array
    multilabel_: bool
    _parameter_constraints = GradientFlowRegressor._parameter_constraints | CLASS_WEIGHT
    _read = read_labels

    def __init__(
        self,
        kernel: Any = None,
        time: float | str = "cv",
        *,
        learning_rate: float | None = None,
        momentum: float = 0.0,
        fit_intercept: bool = True,
        class_weight: ClassWeight = None,
    ) -> None:
        self.kernel, self.time, self.fit_intercept = kernel, time, fit_intercept
        self.learning_rate, self.momentum, self.class_weight = learning_rate, momentum, class_weight

    def _shown(self, path: Array) -> Array:
        """Return the classes, or the labels, of values (..., m, t)."""
        labels = Labels(self.classes_, self.multilabel_)
        flat = path.shape[-1] == 1 and not self.multilabel_
        found = [labels.decide(values[:, 0] if flat else values) for values in path.reshape(-1, *path.shape[-2:])]
        return np.stack(found) if path.ndim == 3 else found[0]
