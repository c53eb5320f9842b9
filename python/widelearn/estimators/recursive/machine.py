"""Recursive feature machines: kernel ridge that learns from its own gradients which directions matter."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils._param_validation import Interval, StrOptions

from widelearn.estimators.chances import Chances, keeps_rows
from widelearn.estimators.feature_ridge.fit import read_labels, read_numbers
from widelearn.estimators.intervals import IntervalRegressor
from widelearn.estimators.labels import CLASS_WEIGHT, ClassWeight, SignClassifier
from widelearn.estimators.recursive.fit import BaseRecursive
from widelearn.estimators.scores import RSquared
from widelearn.kernels import Kernel
from widelearn.kernels.parameters import offered_if

# Iterations that can be waited for; the best of them is one of the first.
MOST = 1000
# Rows of the smallest leaf that can be asked for.
FEWEST_ROWS = 10
ALPHAS = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1e3)


class RecursiveFeatureMachine(MultiOutputMixin, RegressorMixin, BaseRecursive):
    """Fit kernel ridge regression in a metric learned from its own gradients, f(x) = Σ_i a_i k_M(x, x_i) + b.

    k_M(x, x') = k(√M x, √M x') for a kernel k of a distance. M starts as the identity; after each fit, which
    minimises Σ_i (y_i - f(x_i))² + alpha a'K_M a, it becomes c G^exponent, G = (1/n) Σ_i ∇f(x_i) ∇f(x_i)' the average
    gradient outer product (several targets add theirs up) and c such that the trace is d. Directions along which f does
    not change fade out. Iteration and penalty are chosen by errors of rows that a fit and its metric have not seen;
    iteration 0, the kernel itself, is among them.

    Parameters
    ----------
    kernel : RBF, Laplace, Matern, str or None, default=None
        A function of the Euclidean distance, "rbf" or "laplace", or of the sum of absolute differences in the metric's
        columns, "laplacian", which is ``Laplace(norm=1)``; None means ``Laplace()``. Others have no gradient here and
        are refused. Where ``gamma`` is None the length is chosen: 0.5, 1, 2 or 4 times the median distance
        of at most 600 rows, which have the smallest leave-one-out error. A number is kept, and so is Matern's length.
    alphas : array-like of shape (n_alphas,), default=(0.0001, ..., 1000.0)
        Penalties to choose from, non-negative; by default the powers of ten.
    n_iter : int, default=5
        Largest number of changes of the metric, at most 1,000; 0 is kernel ridge.
    metric : {"full", "diagonal"}, default="full"
        "diagonal" keeps the diagonal of M alone, one weight a column: fewer numbers to learn, and no d x d matrix.
    exponent : float, default=0.5
        Power s of the outer product; 1 is that of the source, which in few rows learns faster than it should.
    n_folds : int, default=2
        Folds of at most 1,000 rows in the choice, at most 1,000. The metric for a fold is that of the others: more
        folds see more rows, and cost more.
    leaf_size : int or None, default=None
        Most rows that one machine fits, at least 10. More are fitted by the leaves of a tree (see Notes); None is all
        of up to 20,000 rows, beyond them 2,000 to 8,000, fewer the more rows there are.
    standardize : bool, default=True
        Whether columns are divided by their standard deviations, so that their units do not matter. Without it,
        rotating the rows changes nothing of a "full" metric's predictions under kernels of the Euclidean distance.
    fit_intercept : bool, default=True
        Whether there is an unpenalised intercept b.
    random_state : int, RandomState or None, default=None
        Source of the folds and samples of rows; None is 0, so that fits are repeatable.
    callback : callable, default=None
        Called in the choice, after every iteration of each run (see Notes), with its number and mean squared error.
    verbose : bool or int, default=False
        Whether a line is printed after every iteration; at level INFO the logger "widelearn" gets it in any case.

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
        Mean squared error of unseen rows after every iteration of the kept run, over rows and targets; shorter if
        gradients vanish, or two iterations were no better than one before.
    best_score_ : float
        Minus that of the chosen iteration.
    feature_importances_ : ndarray of shape (d,)
        The diagonal of the metric over its trace: each standardised column's share.
    X_fit_ : ndarray of shape (n, d)
        The rows as the kernel sees them, (x - mean_) / scale_ times root_; equal rows once, and none
        of weight zero. Those of leaves stand one after the other, where they overlap more than once; there rows of
        different targets stand once each.
    dual_coef_ : ndarray of shape (n,) or (n, n_targets)
        Dual coefficients a of these.
    intercept_ : float or ndarray of shape (n_targets,)
        Intercept b; one for every leaf where there are several, (n_leaves,) or (n_leaves, n_targets).
    leaf_starts_ : ndarray of shape (n_leaves + 1,)
        Where the rows of each leaf start in `X_fit_`, and where the last ones end; 0 and n without leaves.
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
    A row's error under a metric that its own target shaped is too small: in pure noise it falls with every iteration.
    Of at most 1,000 rows the choice gives each fold the metric of the other folds, and takes the leave-one-out errors
    of its rows, in closed form, in the fit to all rows under that metric; then all rows iterate as often as was
    chosen. Of more rows a quarter, at most 2,000, is held out; the metric and the fits that predict them are those of
    at most 2,500 others. The last fit, to all rows, keeps this metric, or, of more than 5,000 rows, takes one that half
    of them, at most 10,000, make with the same penalties. An iteration is taken only where its mean
    error is below that of iteration 0 by more than two standard errors of the rows' differences, and where it
    misclassifies no more of the rows that judge. Penalties are chosen for each iteration by going on from the one
    before, in one direction, while errors fall. Where the kernel itself does best by giving up, at a penalty above 0.1
    (k(x, x) is 1), gradients under that penalty show nothing: then a second run of iterations, whose gradients are
    those of fits with a penalty of at most 0.1, is tried
    too; so is one of at most 0.001, as long as it is better than the others. The best is kept. Equal rows count as one
    of all their weight and their mean target, left out together, so that a weight of 2 is two rows, and no row is
    judged by its twin; of leaves only those of equal targets do.

    More rows than `leaf_size` are the leaves of a balanced tree. A node is cut along the direction of the largest
    spread of its rows as the kernel sees them, those that the metric stretches; each side fits 55 % of them, and
    between the ends of what both fit predictions go over from one side's to the other's linearly, so that they have no
    jumps. Leaves share the metric, and a penalty that up to 4 of them choose, a fifth of whose rows is held out, going
    on from the one that was chosen with the metric. Intervals,
    probabilities and sets of classes of leaves are those of these rows held out.

    With n <= 1,000 rows of d columns and t targets an iteration of the choice costs up to 4 n_folds n³ / 3 flops; of
    more it costs two fits or more and one gradient of m <= 2,500 rows, m³ / 3 and 2 m² d t, in float32 where that moves
    no fitted value by more than 1 % of the targets. Lengths cost four decompositions of at most 600 rows, the metric of
    more than 5,000 rows a fit and a gradient of half of them an iteration, the last fit n³ / 3, or k m³ / 3 for k
    leaves of m rows, k m = n 1.1^log2(k). The kernel matrix and its factor take 16 n² bytes, or 16 m², by default at
    most half of the free memory. Gradients are products of a tile of h'(r)/r, k = h(r), with n x d numbers; those of
    norm 1 of a tile of signs for each column in turn, some five passes over m² d numbers, and at kinks, where rows
    coincide in a column, the mean of both sides. So nothing of size n x n x d is ever there, and a full metric takes
    32 d² bytes. float32 data are computed in float32, factors in float64.

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
        "leaf_size": [Interval(Integral, FEWEST_ROWS, None, closed="left"), None],
        "standardize": ["boolean"],
        "fit_intercept": ["boolean"],
        "random_state": ["random_state"],
        "callback": [callable, None],
        "verbose": ["verbose"],
    }
    _read = read_numbers
    predict_interval = IntervalRegressor.predict_interval
    score = RSquared.score

    def __init__(
        self,
        kernel: Kernel | str | None = None,
        alphas: ArrayLike = ALPHAS,
        *,
        n_iter: int = 5,
        metric: str = "full",
        exponent: float = 0.5,
        n_folds: int = 2,
        leaf_size: int | None = None,
        standardize: bool = True,
        fit_intercept: bool = True,
        random_state: int | np.random.RandomState | None = None,
        callback: Callable[[int, float], object] | None = None,
        verbose: bool | int = False,
    ) -> None:
        self.kernel, self.alphas, self.fit_intercept = kernel, alphas, fit_intercept
        self.n_iter, self.n_folds, self.leaf_size = n_iter, n_folds, leaf_size
        self.metric, self.exponent, self.standardize = metric, exponent, standardize
        self.random_state, self.callback, self.verbose = random_state, callback, verbose


class RecursiveFeatureMachineClassifier(SignClassifier, BaseRecursive):
    """Classify by kernel ridge on +1 and -1 in a metric learned from its own gradients.

    The recursion, with those codes for y, is that of :class:`RecursiveFeatureMachine`; two classes share one target,
    and each label of a multilabel indicator has its own.

    Parameters
    ----------
    kernel : RBF, Laplace, Matern, str or None, default=None
        A function of the Euclidean distance, "rbf" or "laplace", or of the sum of absolute differences in the metric's
        columns, "laplacian", which is ``Laplace(norm=1)``; None means ``Laplace()``. Others have no gradient here and
        are refused. Where ``gamma`` is None the length is chosen: 0.5, 1, 2 or 4 times the median distance
        of at most 600 rows, which have the smallest leave-one-out error. A number is kept, and so is Matern's length.
    alphas : array-like of shape (n_alphas,), default=(0.0001, ..., 1000.0)
        Penalties to choose from, non-negative; by default the powers of ten.
    n_iter : int, default=5
        Largest number of changes of the metric, at most 1,000; 0 is kernel ridge.
    metric : {"full", "diagonal"}, default="full"
        "diagonal" keeps the diagonal of M alone, one weight a column: fewer numbers to learn, and no d x d matrix.
    exponent : float, default=0.5
        Power s of the outer product; 1 is that of the source, which in few rows learns faster than it should.
    n_folds : int, default=2
        Folds of at most 1,000 rows in the choice, at most 1,000. The metric for a fold is that of the others: more
        folds see more rows, and cost more.
    leaf_size : int or None, default=None
        Most rows that one machine fits, at least 10. More are fitted by the leaves of a tree (see Notes); None is all
        of up to 20,000 rows, beyond them 2,000 to 8,000, fewer the more rows there are.
    standardize : bool, default=True
        Whether columns are divided by their standard deviations, so that their units do not matter. Without it,
        rotating the rows changes nothing of a "full" metric's predictions under kernels of the Euclidean distance.
    fit_intercept : bool, default=True
        Whether there is an unpenalised intercept b.
    random_state : int, RandomState or None, default=None
        Source of the folds and samples of rows; None is 0, so that fits are repeatable.
    callback : callable, default=None
        Called in the choice, after every iteration of each run (see Notes), with its number and mean squared error.
    class_weight : dict, list of dict, "balanced" or None, default=None
        Weights of the classes, in the fits, the errors and the average of the gradients; a list has a dict for each
        label of an indicator. "balanced" is n / (n_classes n_c).
    verbose : bool or int, default=False
        Whether a line is printed after every iteration; at level INFO the logger "widelearn" gets it in any case.

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
        Mean squared error of unseen rows after every iteration of the kept run, over rows and targets; shorter if
        gradients vanish, or two iterations were no better than one before.
    best_score_ : float
        Minus that of the chosen iteration.
    feature_importances_ : ndarray of shape (d,)
        The diagonal of the metric over its trace: each standardised column's share.
    X_fit_ : ndarray of shape (n, d)
        The rows as the kernel sees them, (x - mean_) / scale_ times root_; equal rows once, and none
        of weight zero. Those of leaves stand one after the other, where they overlap more than once; there rows of
        different targets stand once each.
    dual_coef_ : ndarray of shape (n,) or (n, n_targets)
        Dual coefficients a of these.
    intercept_ : float or ndarray of shape (n_targets,)
        Intercept b; one for every leaf where there are several, (n_leaves,) or (n_leaves, n_targets).
    leaf_starts_ : ndarray of shape (n_leaves + 1,)
        Where the rows of each leaf start in `X_fit_`, and where the last ones end; 0 and n without leaves.
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
    predict_proba = offered_if(keeps_rows)(Chances.predict_proba)
    predict_log_proba = offered_if(keeps_rows)(Chances.predict_log_proba)
    predict_set = offered_if(keeps_rows)(Chances.predict_set)
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
        leaf_size: int | None = None,
        standardize: bool = True,
        fit_intercept: bool = True,
        random_state: int | np.random.RandomState | None = None,
        callback: Callable[[int, float], object] | None = None,
        verbose: bool | int = False,
        class_weight: ClassWeight = None,
    ) -> None:
        self.kernel, self.alphas, self.fit_intercept = kernel, alphas, fit_intercept
        self.n_iter, self.n_folds, self.leaf_size = n_iter, n_folds, leaf_size
        self.metric, self.exponent, self.standardize = metric, exponent, standardize
        self.random_state, self.callback, self.verbose = random_state, callback, verbose
        self.class_weight = class_weight
