"""Recursive feature machines: kernel ridge that learns from its own gradients which directions matter."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if

from widelearn.estimators.chances import Chances, keeps_rows
from widelearn.estimators.feature_ridge.fit import read_labels, read_numbers
from widelearn.estimators.intervals import IntervalRegressor
from widelearn.estimators.labels import CLASS_WEIGHT, ClassWeight, SignClassifier
from widelearn.estimators.recursive.fit import BaseRecursive
from widelearn.kernels import Kernel

# Iterations that can be waited for; the best of them is one of the first.
MOST = 1000
ALPHAS = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1e3)


class RecursiveFeatureMachine(MultiOutputMixin, RegressorMixin, BaseRecursive):
    """Fit kernel ridge regression in a metric learned from its own gradients, f(x) = Σ_i a_i k_M(x, x_i) + b.

    k_M(x, x') = k(√M x, √M x') for a kernel k of the distance. M starts as the identity; after each fit, which
    minimises Σ_i (y_i - f(x_i))² + alpha a'K_M a, it becomes c G^exponent, G = (1/n) Σ_i ∇f(x_i) ∇f(x_i)' the average
    gradient outer product (several targets add theirs up) and c such that the trace is d. Directions along which f does
    not change fade out. Iteration and penalty are chosen by leave-one-out errors in closed form; iteration 0, the
    kernel itself, is among them.

    Parameters
    ----------
    kernel : RBF, Laplace, Matern, str or None, default=None
        A function of the Euclidean distance, "rbf" or "laplace"; None means ``Laplace()``. Others have no gradient
        here and are refused. Where ``gamma`` is None the length is chosen: 0.5, 1, 2 or 4 times the median distance
        of at most 1,000 rows, which have the smallest leave-one-out error. A number is kept, and so is Matern's length.
    alphas : array-like of shape (n_alphas,), default=(0.0001, ..., 1000.0)
        Penalties to choose from, non-negative; by default the powers of ten.
    n_iter : int, default=5
        Largest number of changes of the metric, at most 1,000; 0 is kernel ridge.
    metric : {"full", "diagonal"}, default="full"
        "diagonal" keeps the diagonal of M alone, one weight a column: fewer numbers to learn, and no d x d matrix.
    exponent : float, default=0.5
        Power s of the outer product; 1 is that of the source, which in few rows learns faster than it should.
    n_folds : int, default=2
        Folds of the rows in the choice, at most 1,000. The metric for a fold is that of the others: more folds see
        more rows, and cost more.
    standardize : bool, default=True
        Whether columns are divided by their standard deviations, so that their units do not matter. Without it,
        rotating the rows changes nothing of a "full" metric's predictions.
    fit_intercept : bool, default=True
        Whether there is an unpenalised intercept b.
    random_state : int, RandomState or None, default=None
        Source of the folds and samples of rows; None is 0, so that fits are repeatable.
    callback : callable, default=None
        Called in the choice, after every iteration of each run (see Notes), with its number and leave-one-out error.

    Attributes
    ----------
    M_ : ndarray of shape (d, d) or (d,)
        The metric, of trace d, in the columns divided by `scale_`; its diagonal for metric="diagonal".
    root_ : ndarray of shape (d, d) or (d,)
        Its symmetric root.
    mean_, scale_ : ndarray of shape (d,)
        What is subtracted from the columns, and what they are divided by.
    kernel_ : Kernel
        The kernel with its length.
    alpha_ : float
        The chosen penalty.
    n_iter_ : int
        The chosen iteration: how often the metric was changed. 0 is kernel ridge.
    history_ : ndarray of shape (n_iter + 1,)
        Mean squared leave-one-out error of every iteration of the kept run, over rows and targets; shorter if gradients
        vanish.
    best_score_ : float
        Minus that of the chosen iteration.
    X_fit_ : ndarray of shape (n, d)
        The rows as the kernel sees them, (x - mean_) / scale_ times root_.
    dual_coef_ : ndarray of shape (n,) or (n, n_targets)
        Dual coefficients a.
    intercept_ : float or ndarray of shape (n_targets,)
        Intercept b.
    n_features_in_ : int
        Number of features, d.
    feature_names_in_ : ndarray of shape (d,)
        Names of the features, if they were strings.

    Raises
    ------
    ValueError
        If the kernel has no gradient in closed form, with the reason.
    MemoryError
        If the kernel matrix, its factor or a full metric does not fit, with the bytes.

    See Also
    --------
    RecursiveFeatureMachineClassifier : The same for classes.
    KernelRidgeCV : Kernel and penalty chosen by leave-one-out, the metric fixed.

    Notes
    -----
    A row's leave-one-out error under a metric that its own target shaped is too small: in pure noise it falls with
    every iteration. So the choice gives each fold of the rows the metric of the other folds, and takes the
    leave-one-out errors of its rows in the fit to all rows under that metric. An iteration is taken only where its mean
    error is below that of iteration 0 by more than two standard errors of the rows' differences. Metrics of fewer rows
    are worse, so the choice errs on the side of the kernel itself. Then all rows iterate as often as was chosen, with
    the penalties chosen for each iteration: the best at iteration 0, and next to the one before from there on. Where
    the kernel itself does best by giving up, at a penalty above 0.1 (k(x, x) is 1), gradients under that penalty show
    nothing: then a second run of iterations, whose gradients are those of fits with a penalty of at most 0.1, is tried
    too, and the better one kept. More than 3,000 rows leave the choice to a sample of that many, and gradients are
    averaged over at most 8,000.

    With n rows and t targets the choice costs up to 3 n_folds n³ flops an iteration of a run, each final iteration
    n³ / 3 + 2 n² d t, and lengths four decompositions of at most 1,000 rows. The kernel matrix and its factor take 16
    n² bytes; gradients are products of a tile of h'(r)/r, k = h(r), with n x d numbers, so nothing of size n x n x d is
    ever there, and a full metric takes 32 d² bytes. float32 data are computed in float32, factors in float64.

    References
    ----------
    Radhakrishnan, Beaglehole, Pandit & Belkin, "Mechanism for feature learning in neural networks and
    backpropagation-free machine learning models", Science 383, 2024 (the recursion, with exponent=1).

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import RecursiveFeatureMachine
    >>> X = np.random.default_rng(0).standard_normal((200, 10))
    >>> model = RecursiveFeatureMachine().fit(X, np.sin(2 * X[:, 3]))
    >>> int(np.argmax(np.diag(model.M_)))
    3
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "kernel": [Kernel, str, callable, None],
        "alphas": ["array-like"],
        "n_iter": [Interval(Integral, 0, MOST, closed="both")],
        "metric": [StrOptions({"full", "diagonal"})],
        "exponent": [Interval(Real, 0, None, closed="neither")],
        "n_folds": [Interval(Integral, 2, MOST, closed="both")],
        "standardize": ["boolean"],
        "fit_intercept": ["boolean"],
        "random_state": ["random_state"],
        "callback": [callable, None],
    }
    _read = read_numbers
    predict_interval = IntervalRegressor.predict_interval

    def __init__(
        self,
        kernel: Kernel | str | None = None,
        alphas: ArrayLike = ALPHAS,
        *,
        n_iter: int = 5,
        metric: str = "full",
        exponent: float = 0.5,
        n_folds: int = 2,
        standardize: bool = True,
        fit_intercept: bool = True,
        random_state: int | np.random.RandomState | None = None,
        callback: Callable[[int, float], object] | None = None,
    ) -> None:
        self.kernel, self.alphas, self.fit_intercept = kernel, alphas, fit_intercept
        self.n_iter, self.n_folds = n_iter, n_folds
        self.metric, self.exponent, self.standardize = metric, exponent, standardize
        self.random_state, self.callback = random_state, callback


class RecursiveFeatureMachineClassifier(SignClassifier, BaseRecursive):
    """Classify by kernel ridge on +1 and -1 in a metric learned from its own gradients.

    The recursion, with those codes for y, is that of :class:`RecursiveFeatureMachine`; two classes share one target,
    and each label of a multilabel indicator has its own.

    Parameters
    ----------
    kernel : RBF, Laplace, Matern, str or None, default=None
        A function of the Euclidean distance, "rbf" or "laplace"; None means ``Laplace()``. Others have no gradient
        here and are refused. Where ``gamma`` is None the length is chosen: 0.5, 1, 2 or 4 times the median distance
        of at most 1,000 rows, which have the smallest leave-one-out error. A number is kept, and so is Matern's length.
    alphas : array-like of shape (n_alphas,), default=(0.0001, ..., 1000.0)
        Penalties to choose from, non-negative; by default the powers of ten.
    n_iter : int, default=5
        Largest number of changes of the metric, at most 1,000; 0 is kernel ridge.
    metric : {"full", "diagonal"}, default="full"
        "diagonal" keeps the diagonal of M alone, one weight a column: fewer numbers to learn, and no d x d matrix.
    exponent : float, default=0.5
        Power s of the outer product; 1 is that of the source, which in few rows learns faster than it should.
    n_folds : int, default=2
        Folds of the rows in the choice, at most 1,000. The metric for a fold is that of the others: more folds see
        more rows, and cost more.
    standardize : bool, default=True
        Whether columns are divided by their standard deviations, so that their units do not matter. Without it,
        rotating the rows changes nothing of a "full" metric's predictions.
    fit_intercept : bool, default=True
        Whether there is an unpenalised intercept b.
    random_state : int, RandomState or None, default=None
        Source of the folds and samples of rows; None is 0, so that fits are repeatable.
    callback : callable, default=None
        Called in the choice, after every iteration of each run (see Notes), with its number and leave-one-out error.
    class_weight : dict, list of dict, "balanced" or None, default=None
        Weights of the classes, in the fits, the errors and the average of the gradients; a list has a dict for each
        label of an indicator. "balanced" is n / (n_classes n_c).

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes; column numbers for a multilabel indicator.
    multilabel_ : bool
        Whether the targets were a multilabel indicator.
    M_ : ndarray of shape (d, d) or (d,)
        The metric, of trace d, in the columns divided by `scale_`; its diagonal for metric="diagonal".
    root_ : ndarray of shape (d, d) or (d,)
        Its symmetric root.
    mean_, scale_ : ndarray of shape (d,)
        What is subtracted from the columns, and what they are divided by.
    kernel_ : Kernel
        The kernel with its length.
    alpha_ : float
        The chosen penalty.
    n_iter_ : int
        The chosen iteration: how often the metric was changed. 0 is kernel ridge.
    history_ : ndarray of shape (n_iter + 1,)
        Mean squared leave-one-out error of every iteration of the kept run, over rows and targets; shorter if gradients
        vanish.
    best_score_ : float
        Minus that of the chosen iteration.
    X_fit_ : ndarray of shape (n, d)
        The rows as the kernel sees them, (x - mean_) / scale_ times root_.
    dual_coef_ : ndarray of shape (n,) or (n, n_targets)
        Dual coefficients a.
    intercept_ : float or ndarray of shape (n_targets,)
        Intercept b.
    n_features_in_ : int
        Number of features, d.
    feature_names_in_ : ndarray of shape (d,)
        Names of the features, if they were strings.

    See Also
    --------
    RecursiveFeatureMachine : The regression; its costs, errors, choice and source are the same.

    Examples
    --------
    >>> from widelearn import RecursiveFeatureMachineClassifier
    >>> from widelearn.datasets import hypercube
    >>> X = hypercube(500, 30, random_state=0)
    >>> y = X[:, 0] * X[:, 1]
    >>> model = RecursiveFeatureMachineClassifier().fit(X[:300], y[:300])
    >>> bool(model.score(X[300:], y[300:]) > 0.9)
    True
    """

    _parameter_constraints = RecursiveFeatureMachine._parameter_constraints | CLASS_WEIGHT
    predict_proba = available_if(keeps_rows)(Chances.predict_proba)
    predict_log_proba = available_if(keeps_rows)(Chances.predict_log_proba)
    predict_set = available_if(keeps_rows)(Chances.predict_set)
    _read = read_labels

    def __init__(
        self,
        kernel: Kernel | str | None = None,
        alphas: ArrayLike = ALPHAS,
        *,
        n_iter: int = 5,
        metric: str = "full",
        exponent: float = 0.5,
        n_folds: int = 2,
        standardize: bool = True,
        fit_intercept: bool = True,
        random_state: int | np.random.RandomState | None = None,
        callback: Callable[[int, float], object] | None = None,
        class_weight: ClassWeight = None,
    ) -> None:
        self.kernel, self.alphas, self.fit_intercept = kernel, alphas, fit_intercept
        self.n_iter, self.n_folds = n_iter, n_folds
        self.metric, self.exponent, self.standardize = metric, exponent, standardize
        self.random_state, self.callback = random_state, callback
        self.class_weight = class_weight
