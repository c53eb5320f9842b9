"""Ridge regression and classification on any feature map, the penalty chosen on the whole path."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils._param_validation import StrOptions

from widelearn.estimators.chances import Chances, keeps_rows
from widelearn.estimators.feature_ridge.classifier import FeatureRidgeClassifier
from widelearn.estimators.feature_ridge.fit import NEEDS_GCV, BaseFeatureRidge, fit_grouped, read_labels, read_numbers
from widelearn.estimators.feature_ridge.regressor import FeatureRidge
from widelearn.estimators.folds import GroupedFit
from widelearn.estimators.labels import CLASS_WEIGHT, ClassWeight, SignClassifier
from widelearn.estimators.penalty import ALPHAS, choice_of
from widelearn.estimators.scoring import Scorer
from widelearn.kernels.parameters import offered_if
from widelearn.runtime import Array

CONSTRAINTS: dict[str, list[Any]] = {
    **{name: BaseFeatureRidge._parameter_constraints[name] for name in ("features", "fit_intercept", "random_state")},
    "alphas": ["array-like"],
    "cv": [StrOptions({"gcv"}), "cv_object"],
    "scoring": [str, callable, None],
    "store_cv_results": ["boolean"],
}


def takes_batches(estimator: Any) -> bool:
    """Whether rows may come in batches; scikit-learn shows the error as the reason why not."""
    if estimator._sums_suffice:
        return True
    raise AttributeError(NEEDS_GCV.format(type(estimator).__name__))


def scores_of(fitted: Any) -> Array:
    """Return the score of every penalty."""
    found: Array | None = fitted._solved().choice.scores
    if found is None:
        raise AttributeError("The file of this model is of a version that kept the best score alone: fit it again.")
    return found


class FeatureRidgeCV(MultiOutputMixin, RegressorMixin, GroupedFit, BaseFeatureRidge):
    """Fit ridge regression on a feature map, its penalty chosen by leaving out rows.

    The objective is that of :class:`FeatureRidge`, Σ_i w_i (y_i - φ(x_i).c - b)² + alpha ‖c‖²; one decomposition
    serves all penalties.

    Parameters
    ----------
    features : transformer, "passthrough" or None, default=None
        The feature map: any object with fit and transform. None means ``RandomFeatures()``, "passthrough" X itself.
        It is cloned, never changed. Nested names set its parameters: ``features__n_components``.
    alphas : array-like of shape (n_alphas,), default=(1e-06, ..., 1000000.0)
        Penalties to choose from, non-negative; by default the powers of ten.
    fit_intercept : bool, default=True
        Whether there is an unpenalised intercept b.
    cv : int, splitter, iterable, "gcv" or None, default=None
        None: the mean squared error of leaving out each row, in closed form, as RidgeCV takes it. "gcv": generalised
        cross-validation with n = Σ w, from moments alone, so that rows may come by :meth:`partial_fit` and
        :meth:`fit_blocks`, or as a Dask collection. Else refits to folds, feature map included, and the mean score of
        the rows left out: R², or a classifier's accuracy.
    scoring : str, callable or None, default=None
        What predictions of left-out rows are scored by, larger is better: a name of scikit-learn's scorers, or
        ``scorer(estimator, X, y)`` as in RidgeCV, whose estimator has ``predict`` (classifiers ``decision_function``,
        too) of the `X` that it gets. Weights of the fit, those of classes too, are its ``sample_weight``. None is what
        `cv` says; with "gcv" there are no such predictions.
    alpha_per_target : bool, default=False
        Whether every target has a penalty of its own; not with refits.
    store_cv_results : bool, default=False
        Whether to keep every left-out error; with ``cv=None`` alone.
    random_state : int, RandomState or None, default=None
        Source of a seed for every ``random_state`` of `features` that is None.

    Attributes
    ----------
    alpha_ : float or ndarray of shape (n_targets,)
        The chosen penalty, one for all targets or one each.
    best_score_ : float or ndarray of shape (n_targets,)
        Its score: minus the mean squared left-out error, w_i r_i² with weights; minus the GCV error; the mean score of
        folds; or what `scoring` says.
    alpha_scores_ : ndarray of shape (n_alphas,) or (n_targets, n_alphas)
        The score of every penalty; `best_score_` is the largest.
    cv_results_ : ndarray of shape (n, n_alphas) or (n, n_targets, n_alphas)
        With `store_cv_results` squared left-out errors, zero for rows of weight zero; or with `scoring` left-out
        predictions, NaN for these.
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

    Raises
    ------
    ValueError
        If a penalty is negative, or options do not go together.
    MemoryError
        If the decomposition does not fit, with the bytes.

    See Also
    --------
    FeatureRidge : One penalty.
    FeatureRidgeClassifierCV : The same for classes.

    Notes
    -----
    With n rows of d columns, p features and m = min(n, p): 2 n p (d + m) flops for the system and 9 m³ for its
    eigenvectors; left-out errors take a second pass over the rows, 2 n p² flops, where n > p. GCV takes 4 p³ / 3 flops
    in place of both. Memory is 24 m² bytes, and the n x p features where n <= p.

    References
    ----------
    Golub, Heath & Wahba, "Generalized cross-validation as a method for choosing a good ridge parameter", Technometrics
    21, 1979, sections 1 and 2.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import FeatureRidgeCV, RandomFeatures
    >>> X = np.linspace(-1, 1, 500)[:, None]
    >>> features = RandomFeatures(n_components=100, bias_scale=1.0, random_state=0)
    >>> y = X[:, 0] ** 2 + 0.1 * np.random.default_rng(0).standard_normal(500)
    >>> FeatureRidgeCV(features).fit(X, y).alpha_
    0.01
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {**CONSTRAINTS, "alpha_per_target": ["boolean"]}

    def __init__(
        self,
        features: Any = None,
        alphas: ArrayLike = ALPHAS,
        *,
        fit_intercept: bool = True,
        cv: Any = None,
        scoring: Scorer = None,
        alpha_per_target: bool = False,
        store_cv_results: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.features, self.alphas, self.fit_intercept, self.cv = features, alphas, fit_intercept, cv
        self.scoring, self.alpha_per_target, self.store_cv_results = scoring, alpha_per_target, store_cv_results
        self.random_state = random_state

    _fit_grouped = fit_grouped
    predict, log_marginal_likelihood = FeatureRidge.predict, FeatureRidge.log_marginal_likelihood
    predict_interval, score = FeatureRidge.predict_interval, FeatureRidge.score
    partial_fit = offered_if(takes_batches)(FeatureRidge.partial_fit)
    fit_blocks = offered_if(takes_batches)(FeatureRidge.fit_blocks)
    alpha_scores_ = property(scores_of)
    _penalty = choice_of
    _read = read_numbers
    _in_doubles = True

    @property
    def alpha_(self) -> Any:
        """The chosen penalty, or one a target."""
        return self._solved().choice.alpha

    @property
    def best_score_(self) -> Any:
        """The score of the chosen penalty."""
        return self._solved().choice.score

    @property
    def cv_results_(self) -> Array:
        """Squared left-out errors, or left-out predictions."""
        model = self._solved()
        if model.choice.errors is None:
            raise AttributeError("There are no cv_results_ without store_cv_results=True.")
        return model.choice.errors[:, 0] if model.flat else model.choice.errors

    @property
    def _sums_suffice(self) -> bool:
        return isinstance(self.cv, str)


class FeatureRidgeClassifierCV(SignClassifier, BaseFeatureRidge):
    """Classify by ridge regression on a feature map, the penalty chosen by leaving out rows.

    The objective is that of :class:`FeatureRidgeClassifier`: least squares on codes, +1 for a row's class and -1 for
    every other, whose columns are the targets. One decomposition serves all penalties.

    Parameters
    ----------
    features : transformer, "passthrough" or None, default=None
        The feature map: any object with fit and transform. None means ``RandomFeatures()``, "passthrough" X itself.
        It is cloned, never changed. Nested names set its parameters: ``features__n_components``.
    alphas : array-like of shape (n_alphas,), default=(1e-06, ..., 1000000.0)
        Penalties to choose from, non-negative; by default the powers of ten.
    fit_intercept : bool, default=True
        Whether there is an unpenalised intercept b.
    cv : int, splitter, iterable, "gcv" or None, default=None
        None: the mean squared error of leaving out each row, in closed form, as RidgeCV takes it. "gcv": generalised
        cross-validation with n = Σ w, from moments alone, so that rows may come by :meth:`partial_fit` and
        :meth:`fit_blocks`, or as a Dask collection. Else refits to folds, feature map included, and the mean score of
        the rows left out: R², or a classifier's accuracy.
    scoring : str, callable or None, default=None
        What predictions of left-out rows are scored by, larger is better: a name of scikit-learn's scorers, or
        ``scorer(estimator, X, y)`` as in RidgeCV, whose estimator has ``predict`` (classifiers ``decision_function``,
        too) of the `X` that it gets. Weights of the fit, those of classes too, are its ``sample_weight``. None is what
        `cv` says; with "gcv" there are no such predictions.
    class_weight : dict, list of dict, "balanced" or None, default=None
        Weights of the classes, multiplied with the sample weights; a list has a dict for each label of an indicator.
        "balanced" is n / (n_classes n_c), and not for :meth:`partial_fit` and :meth:`fit_blocks`.
    store_cv_results : bool, default=False
        Whether to keep every left-out error; with ``cv=None`` alone.
    random_state : int, RandomState or None, default=None
        Source of a seed for every ``random_state`` of `features` that is None.

    Attributes
    ----------
    alpha_ : float or ndarray of shape (n_targets,)
        The chosen penalty, one for all targets or one each.
    best_score_ : float or ndarray of shape (n_targets,)
        Its score: minus the mean squared left-out error, w_i r_i² with weights; minus the GCV error; the mean score of
        folds; or what `scoring` says.
    alpha_scores_ : ndarray of shape (n_alphas,) or (n_targets, n_alphas)
        The score of every penalty; `best_score_` is the largest.
    cv_results_ : ndarray of shape (n, n_alphas) or (n, n_targets, n_alphas)
        With `store_cv_results` squared left-out errors, zero for rows of weight zero; or with `scoring` left-out
        predictions, NaN for these.
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
    FeatureRidgeClassifier : One penalty.
    FeatureRidgeCV : The regression; its costs, errors and sources are the same.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from widelearn import FeatureRidgeClassifierCV
    >>> X, y = load_iris(return_X_y=True)
    >>> model = FeatureRidgeClassifierCV(random_state=0).fit(X, y)
    >>> model.alpha_, bool(model.score(X, y) > 0.95)
    (0.0001, True)
    """

    _parameter_constraints = CONSTRAINTS | CLASS_WEIGHT

    def __init__(
        self,
        features: Any = None,
        alphas: ArrayLike = ALPHAS,
        *,
        fit_intercept: bool = True,
        cv: Any = None,
        scoring: Scorer = None,
        class_weight: ClassWeight = None,
        store_cv_results: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.features, self.alphas, self.fit_intercept, self.cv = features, alphas, fit_intercept, cv
        self.scoring, self.class_weight, self.store_cv_results = scoring, class_weight, store_cv_results
        self.random_state = random_state

    fit = FeatureRidgeCV.fit
    _fit_grouped = fit_grouped
    partial_fit = offered_if(takes_batches)(FeatureRidgeClassifier.partial_fit)
    fit_blocks = offered_if(takes_batches)(FeatureRidgeClassifier.fit_blocks)
    alpha_, best_score_ = FeatureRidgeCV.alpha_, FeatureRidgeCV.best_score_
    alpha_scores_ = FeatureRidgeCV.alpha_scores_
    cv_results_, _sums_suffice = FeatureRidgeCV.cv_results_, FeatureRidgeCV._sums_suffice
    predict_proba = offered_if(keeps_rows)(Chances.predict_proba)
    predict_log_proba = offered_if(keeps_rows)(Chances.predict_log_proba)
    predict_set = offered_if(keeps_rows)(Chances.predict_set)
    _penalty = choice_of
    _read = read_labels
    _in_doubles = True
