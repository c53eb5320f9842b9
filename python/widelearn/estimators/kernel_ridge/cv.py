"""Kernel ridge regression and classification, kernel and penalty chosen by left-out rows."""

from __future__ import annotations

from typing import Any, ClassVar

from numpy.typing import ArrayLike
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils._param_validation import StrOptions

from widelearn.estimators.chances import Chances, keeps_rows
from widelearn.estimators.feature_ridge.fit import read_labels, read_numbers
from widelearn.estimators.folds import GroupedFit
from widelearn.estimators.intervals import IntervalRegressor
from widelearn.estimators.kernel_ridge.cost import foreseen_choice
from widelearn.estimators.kernel_ridge.fit import BaseKernelRidge, fit_grouped, solve_best
from widelearn.estimators.labels import CLASS_WEIGHT, ClassWeight, SignClassifier
from widelearn.estimators.penalty import ALPHAS
from widelearn.estimators.posterior import GaussianProcess
from widelearn.estimators.scores import RSquared
from widelearn.estimators.scoring import Scorer
from widelearn.kernels import Kernel
from widelearn.kernels.parameters import offered_if

CONSTRAINTS: dict[str, list[Any]] = {
    "kernel": [Kernel, str, callable, list, tuple, None],
    "alphas": ["array-like"],
    "fit_intercept": ["boolean"],
    "cv": ["cv_object", StrOptions({"gcv"})],
    "scoring": [str, callable, None],
    "store_cv_results": ["boolean"],
}


class KernelRidgeCV(MultiOutputMixin, RegressorMixin, GroupedFit, BaseKernelRidge):
    """Fit kernel ridge regression, kernel and penalty chosen by leaving out rows.

    The objective is that of :class:`KernelRidge`; the left-out error of row i is a_i / (M⁻¹)_ii, M = [[K + alpha W⁻¹,
    1], [1', 0]], for every penalty from one eigendecomposition.

    Parameters
    ----------
    kernel : Kernel, str, callable, list of them or None, default=None
        An object of :mod:`widelearn.kernels`, one of the names "rbf", "laplace", "laplacian" (``Laplace(norm=1)``),
        "polynomial", "linear", "ntk" and "nngp", a function ``(X, Y) -> (n, m)``, or "precomputed"; or a list of
        kernels to choose from, such as :func:`~widelearn.kernels.weighted_sums` makes. None means ``NTK()``. Nested
        names set the parameters of a single one: ``kernel__depth``.
    alphas : array-like of shape (n_alphas,), default=(1e-06, ..., 1000000.0)
        Penalties to choose from, non-negative; by default the powers of ten.
    fit_intercept : bool, default=True
        Whether there is an unpenalised intercept b.
    cv : None, "gcv", int, splitter or iterable, default=None
        None: the mean squared error of leaving out each row, in closed form. "gcv": generalised cross-validation, whose
        tridiagonal form costs a seventh of eigenvectors. Else refits to folds, and the mean score of the rows left out:
        R², or the accuracy of a classifier.
    scoring : str, callable or None, default=None
        What predictions of left-out rows are scored by, larger is better: a name of scikit-learn's scorers, or
        ``scorer(estimator, X, y)`` as in RidgeCV, whose estimator has ``predict`` (classifiers ``decision_function``,
        too) of the `X` that it gets. Weights of the fit, those of classes too, are its ``sample_weight``. None is what
        `cv` says; with "gcv" there are no such predictions.
    alpha_per_target : bool, default=False
        Whether every target has a penalty of its own; not with refits.
    store_cv_results : bool, default=False
        Whether to keep every left-out error of the chosen kernel, 8 n t bytes a penalty; with ``cv=None`` alone.

    Attributes
    ----------
    alpha_ : float or ndarray of shape (n_targets,)
        The chosen penalty, one for all targets or one each.
    kernel_ : Kernel or str
        The kernel used.
    best_score_ : float or ndarray of shape (n_targets,)
        Their score: minus the mean squared left-out error, w_i r_i² with weights; minus the GCV error; the mean score
        of folds; or what `scoring` says.
    alpha_scores_ : ndarray of shape (n_alphas,) or (n_targets, n_alphas)
        The score of every penalty; `best_score_` is the largest.
    cv_results_ : ndarray of shape (n, n_alphas) or (n, n_targets, n_alphas)
        With `store_cv_results` squared left-out errors, zero for rows of weight zero; or with `scoring` left-out
        predictions, NaN for these.
    dual_coef_ : ndarray of shape (n,) or (n, n_targets)
        Dual coefficients a of the rows in `X_fit_`, zero for rows of weight zero; in float64 where float32 rows ask for
        it.
    intercept_ : float or ndarray of shape (n_targets,)
        Intercept b.
    solver_ : str
        What solved the system: "cholesky", or another `solver` that was chosen; "ldlt" if the kernel matrix plus alpha
        was indefinite, "eigen" if it was singular; "columns" if the linear kernel's matrix would have lost digits, and
        ridge regression on the columns of X took its place.
    n_iter_ : int
        Iterations; 1 for direct solvers.
    residual_ : float
        Residual of the whole system, relative to the targets; the largest over targets.
    X_fit_ : ndarray or sparse array of shape (n, d)
        The rows that were fitted, or the centres among them; not there for a precomputed kernel.
    n_features_in_ : int
        Number of features, d; n for a precomputed kernel.
    feature_names_in_ : ndarray of shape (d,)
        Names of the features, if they were strings.

    Raises
    ------
    ValueError
        If a penalty is negative or a precomputed kernel matrix is not symmetric.
    MemoryError
        If the eigenvectors of the kernel matrix do not fit, with the bytes.

    Warns
    -----
    LinAlgWarning
        Once, with the reciprocal condition number and the remedy, if the chosen system is indefinite or singular.

    See Also
    --------
    KernelRidge : One kernel and one penalty.
    KernelRidgeClassifierCV : The same for classes.

    Notes
    -----
    For every kernel n² d flops for its matrix and 8 n³ / 3 for a band of it, or 2 n³ / 3 a penalty where there are few;
    32 n² bytes. Each further penalty costs 96 n² flops. Penalties near rounding errors of the matrix take eigenvectors,
    9 n³ flops.

    References
    ----------
    Golub, Heath & Wahba, "Generalized cross-validation as a method for choosing a good ridge parameter", Technometrics
    21, 1979, section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import KernelRidgeCV
    >>> from widelearn.kernels import NTK, RBF
    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> y = np.sin(3 * X[:, 0]) + 0.1 * np.random.default_rng(0).standard_normal(40)
    >>> model = KernelRidgeCV([NTK(), RBF(gamma=10.0)]).fit(X, y)
    >>> model.kernel_, model.alpha_
    (RBF(gamma=10.0), 0.1)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {**CONSTRAINTS, "alpha_per_target": ["boolean"]}
    _read = read_numbers
    _solve = solve_best
    _foreseen = foreseen_choice
    predict, log_marginal_likelihood = GaussianProcess.predict, GaussianProcess.log_marginal_likelihood
    predict_interval = IntervalRegressor.predict_interval
    score = RSquared.score
    _fit_grouped = fit_grouped

    def __init__(
        self,
        kernel: Any = None,
        alphas: ArrayLike = ALPHAS,
        *,
        fit_intercept: bool = True,
        cv: Any = None,
        scoring: Scorer = None,
        alpha_per_target: bool = False,
        store_cv_results: bool = False,
    ) -> None:
        self.kernel, self.alphas, self.fit_intercept, self.cv = kernel, alphas, fit_intercept, cv
        self.scoring, self.alpha_per_target, self.store_cv_results = scoring, alpha_per_target, store_cv_results


class KernelRidgeClassifierCV(SignClassifier, BaseKernelRidge):
    """Classify by kernel ridge regression, kernel and penalty chosen by leaving out rows.

    The objective is that of :class:`KernelRidgeClassifier`: least squares on +1 for a row's class and -1 for every
    other; the closed form is that of :class:`KernelRidgeCV`.

    Parameters
    ----------
    kernel : Kernel, str, callable, list of them or None, default=None
        An object of :mod:`widelearn.kernels`, one of the names "rbf", "laplace", "laplacian" (``Laplace(norm=1)``),
        "polynomial", "linear", "ntk" and "nngp", a function ``(X, Y) -> (n, m)``, or "precomputed"; or a list of
        kernels to choose from, such as :func:`~widelearn.kernels.weighted_sums` makes. None means ``NTK()``. Nested
        names set the parameters of a single one: ``kernel__depth``.
    alphas : array-like of shape (n_alphas,), default=(1e-06, ..., 1000000.0)
        Penalties to choose from, non-negative; by default the powers of ten.
    fit_intercept : bool, default=True
        Whether there is an unpenalised intercept b.
    cv : None, "gcv", int, splitter or iterable, default=None
        None: the mean squared error of leaving out each row, in closed form. "gcv": generalised cross-validation, whose
        tridiagonal form costs a seventh of eigenvectors. Else refits to folds, and the mean score of the rows left out:
        R², or the accuracy of a classifier.
    scoring : str, callable or None, default=None
        What predictions of left-out rows are scored by, larger is better: a name of scikit-learn's scorers, or
        ``scorer(estimator, X, y)`` as in RidgeCV, whose estimator has ``predict`` (classifiers ``decision_function``,
        too) of the `X` that it gets. Weights of the fit, those of classes too, are its ``sample_weight``. None is what
        `cv` says; with "gcv" there are no such predictions.
    class_weight : dict, list of dict, "balanced" or None, default=None
        Weights of the classes, multiplied with the sample weights; a list has a dict for each label of an indicator.
        "balanced" is n / (n_classes n_c).
    store_cv_results : bool, default=False
        Whether to keep every left-out error of the chosen kernel, 8 n t bytes a penalty; with ``cv=None`` alone.

    Attributes
    ----------
    alpha_ : float or ndarray of shape (n_targets,)
        The chosen penalty, one for all targets or one each.
    kernel_ : Kernel or str
        The kernel used.
    best_score_ : float or ndarray of shape (n_targets,)
        Their score: minus the mean squared left-out error, w_i r_i² with weights; minus the GCV error; the mean score
        of folds; or what `scoring` says.
    alpha_scores_ : ndarray of shape (n_alphas,) or (n_targets, n_alphas)
        The score of every penalty; `best_score_` is the largest.
    cv_results_ : ndarray of shape (n, n_alphas) or (n, n_targets, n_alphas)
        With `store_cv_results` squared left-out errors, zero for rows of weight zero; or with `scoring` left-out
        predictions, NaN for these.
    classes_ : ndarray of shape (n_classes,)
        The classes; column numbers for a multilabel indicator.
    multilabel_ : bool
        Whether the targets were a multilabel indicator.
    dual_coef_ : ndarray of shape (n,) or (n, n_targets)
        Dual coefficients a of the rows in `X_fit_`, zero for rows of weight zero; in float64 where float32 rows ask for
        it.
    intercept_ : float or ndarray of shape (n_targets,)
        Intercept b.
    solver_ : str
        What solved the system: "cholesky", or another `solver` that was chosen; "ldlt" if the kernel matrix plus alpha
        was indefinite, "eigen" if it was singular; "columns" if the linear kernel's matrix would have lost digits, and
        ridge regression on the columns of X took its place.
    n_iter_ : int
        Iterations; 1 for direct solvers.
    residual_ : float
        Residual of the whole system, relative to the targets; the largest over targets.
    X_fit_ : ndarray or sparse array of shape (n, d)
        The rows that were fitted, or the centres among them; not there for a precomputed kernel.
    n_features_in_ : int
        Number of features, d; n for a precomputed kernel.
    feature_names_in_ : ndarray of shape (d,)
        Names of the features, if they were strings.

    See Also
    --------
    KernelRidgeClassifier : One kernel and one penalty.
    KernelRidgeCV : The regression; its costs, errors and sources are the same.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from widelearn import KernelRidgeClassifierCV
    >>> X, y = load_iris(return_X_y=True)
    >>> model = KernelRidgeClassifierCV(["rbf", "ntk"]).fit(X, y)
    >>> bool(model.score(X, y) > 0.95)
    True
    """

    _parameter_constraints = CONSTRAINTS | CLASS_WEIGHT
    predict_proba = offered_if(keeps_rows)(Chances.predict_proba)
    predict_log_proba = offered_if(keeps_rows)(Chances.predict_log_proba)
    predict_set = offered_if(keeps_rows)(Chances.predict_set)
    _read = read_labels
    _solve = solve_best
    _foreseen = foreseen_choice
    _fit_grouped = fit_grouped

    def __init__(
        self,
        kernel: Any = None,
        alphas: ArrayLike = ALPHAS,
        *,
        fit_intercept: bool = True,
        cv: Any = None,
        scoring: Scorer = None,
        class_weight: ClassWeight = None,
        store_cv_results: bool = False,
    ) -> None:
        self.kernel, self.alphas, self.fit_intercept, self.cv = kernel, alphas, fit_intercept, cv
        self.scoring, self.class_weight, self.store_cv_results = scoring, class_weight, store_cv_results

    fit = KernelRidgeCV.fit
