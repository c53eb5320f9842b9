"""Ridge classification on any feature map."""

from __future__ import annotations

import os
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from widelearn.estimators.chances import Chances, keeps_rows
from widelearn.estimators.feature_ridge.blocks import Blocks, Callback, classes_of, model_of_blocks, open_table
from widelearn.estimators.feature_ridge.fit import BaseFeatureRidge, model_with, read_labels
from widelearn.estimators.feature_ridge.systems import Rows
from widelearn.estimators.labels import CLASS_WEIGHT, ClassWeight, SignClassifier, refuse_balanced
from widelearn.features.state import refitting
from widelearn.kernels.parameters import checks_parameters, offered_if


class FeatureRidgeClassifier(SignClassifier, BaseFeatureRidge):
    """Classify by ridge regression on a feature map, with +1 for a row's class and -1 for every other.

    The objective, with those codes for y, is that of :class:`FeatureRidge`. Targets are the columns of codes: two
    classes share one, and each label of a multilabel indicator has its own.

    Parameters
    ----------
    features : transformer, "passthrough" or None, default=None
        The feature map: any object with fit and transform. None means ``RandomFeatures()``, "passthrough" X itself.
        It is cloned, never changed. Nested names set its parameters: ``features__n_components``.
    alpha : float or array-like of shape (n_targets,), default=1.0
        Penalty, non-negative, one for all targets or one each. It is scikit-learn's alpha: not divided by n.
    fit_intercept : bool, default=True
        Whether there is an unpenalised intercept b.
    class_weight : dict, list of dict, "balanced" or None, default=None
        Weights of the classes, multiplied with the sample weights; a list has a dict for each label of an indicator.
        "balanced" is n / (n_classes n_c), and not for :meth:`partial_fit` and :meth:`fit_blocks`.
    precision : {"auto", "mixed"}, default="auto"
        "auto" is double for float64 data; for float32 data, our maps' features and products of blocks in float32,
        summed and solved in float64; products of any other features are in float64. "mixed" sums our maps' products in
        float32 for any data and refines the solution by further passes in float64 until it is that of "auto" to 1e-9,
        which it falls back to where that does not converge. Rows given to :meth:`partial_fit` or :meth:`fit_blocks`
        cannot be passed again and are summed as by "auto", as are fewer rows than features.
    random_state : int, RandomState or None, default=None
        Source of a seed for every ``random_state`` of `features` that is None.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes; column numbers for a multilabel indicator.
    multilabel_ : bool
        Whether the targets were a multilabel indicator.
    coef_ : ndarray of shape (p,) or (n_targets, p)
        Coefficients c.
    intercept_ : float or ndarray of shape (n_targets,)
        Intercept b.
    features_ : transformer or "passthrough"
        The fitted feature map.
    moments_ : Moments
        What :meth:`partial_fit` has summed; not there after :meth:`fit` or :meth:`fit_blocks`.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if they were strings.

    See Also
    --------
    FeatureRidge : The regression; its costs and errors are the same, and what it does with Dask collections.

    Notes
    -----
    Labels of a Dask collection are passed over once before, for the classes and the weights that balance them.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from widelearn import FeatureRidgeClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = FeatureRidgeClassifier(alpha=1e-3, random_state=0).fit(X, y)
    >>> bool(model.score(X, y) > 0.95)
    True
    """

    _parameter_constraints = BaseFeatureRidge._parameter_constraints | CLASS_WEIGHT

    def __init__(
        self,
        features: Any = None,
        alpha: ArrayLike = 1.0,
        *,
        fit_intercept: bool = True,
        class_weight: ClassWeight = None,
        precision: str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.features, self.alpha, self.fit_intercept = features, alpha, fit_intercept
        self.class_weight, self.precision, self.random_state = class_weight, precision, random_state

    predict_proba = offered_if(keeps_rows)(Chances.predict_proba)
    predict_log_proba = offered_if(keeps_rows)(Chances.predict_log_proba)
    predict_set = offered_if(keeps_rows)(Chances.predict_set)
    _read = read_labels

    @checks_parameters()
    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Add rows to those that earlier calls gave; returns the estimator.

        `classes` names all classes and is needed in the first call, but not for a multilabel indicator. See
        :meth:`FeatureRidge.partial_fit`.
        """
        with refitting(self, further=True) as draft:
            read = partial(read_batch, X=X, y=y, sample_weight=sample_weight, classes=classes, idle=True)
            draft._model = model_with(draft, read)
        return self

    @checks_parameters()
    def fit_blocks(self, blocks: Blocks, *, classes: ArrayLike | None = None, callback: Callback | None = None) -> Self:
        """Fit to blocks of rows in one pass, and forget what was fitted before.

        Parameters
        ----------
        blocks : iterable or path
            As in :meth:`FeatureRidge.fit_blocks`, with labels or multilabel indicators for targets.
        classes : array-like of shape (n_classes,), default=None
            All classes. Blocks of labels need them; indicators do not. Those of a file are found by reading its target
            column once before.
        callback : callable, default=None
            Called with the number of rows so far after every block; what it returns is ignored.

        Returns
        -------
        self
            The estimator. If anything is raised, by the iterable or the callback too, it is left as it was.

        Raises
        ------
        ValueError
            As in :meth:`FeatureRidge.fit_blocks`; or if classes are missing.

        See Also
        --------
        FeatureRidge.fit_blocks : The regression; its costs and other errors are the same.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import load_iris
        >>> from widelearn import FeatureRidgeClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> blocks = ((X[rows], y[rows]) for rows in np.split(np.arange(150), 5))
        >>> model = FeatureRidgeClassifier(alpha=1e-3, random_state=0)
        >>> bool(model.fit_blocks(blocks, classes=[0, 1, 2]).score(X, y) > 0.95)
        True
        """
        if classes is None and isinstance(blocks, str | os.PathLike):
            classes = classes_of(open_table(blocks))
        with refitting(self) as draft:
            draft._model = model_of_blocks(draft, blocks, partial(read_batch, classes=classes), callback)
        return self


def read_batch(
    draft: Any, X: Any, y: Any, sample_weight: Any, *, classes: ArrayLike | None, flat: bool | None, idle: bool = False
) -> Rows:
    """Read a batch of rows, whose labels are among the classes that were named once."""
    refuse_balanced(draft.class_weight)
    known: Any = getattr(draft, "classes_", None)
    if flat is not None and classes is not None and not np.array_equal(np.unique(classes), known):
        raise ValueError(f"classes are {np.unique(classes).tolist()}, but were {known.tolist()} in the first call.")
    classes = known if classes is None else classes
    rows = read_labels(draft, X, y, sample_weight, classes=classes, flat=flat, idle=idle)
    if flat is None and classes is None and not draft.multilabel_:
        raise ValueError("classes must name all classes in the first call of partial_fit, and in fit_blocks.")
    return rows
