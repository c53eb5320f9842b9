"""Gradient flow: least squares whose parameter is the training time."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from widelearn.estimators.feature_ridge.fit import read_numbers
from widelearn.estimators.flow.fit import BaseGradientFlow
from widelearn.estimators.scores import RSquared
from widelearn.kernels import Kernel

# What a linearised model has.
LINEAR = HasMethods(["start", "tangent_kernel"])


class GradientFlowRegressor(MultiOutputMixin, RegressorMixin, BaseGradientFlow):
    """Fit f_t by gradient flow of least squares for a training time t, on a kernel or on the features of a map.

    The loss is Σ_i w_i (y_i - f(x_i))² / (2n) for each target, n = Σ_i w_i the number of rows, and f starts at zero. So
    residuals on the rows are exp(-K W t/n) y, and f_t(x) = k(x)' K⁻¹ (I - exp(-K W t/n)) y; t infinite is the
    interpolator of smallest norm. With the tangent kernel it is the training of an infinitely wide network.

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

    Attributes
    ----------
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

    Raises
    ------
    ValueError
        If a step diverges, with the bound; if there is momentum without steps; for "loo" with more than 500 rows; if
        kernel values are so small that float64 has lost their digits.
    MemoryError
        If the eigenvectors do not fit, with the bytes.

    Warns
    -----
    LinAlgWarning
        If the kernel matrix is not positive semidefinite: directions of negative eigenvalues are left out. If rounding
        errors of kernel values may leave fewer than six digits: of rows near each other but far from zero, and of late
        times.

    See Also
    --------
    GradientFlowClassifier : The same for classes.
    KernelRidge : The penalty as the parameter: alpha takes the part of n/t.
    widelearn.theory.gradient_flow : The formula by itself.

    Notes
    -----
    One eigendecomposition, 9 n³ flops and 24 n² bytes (of p x p numbers where a map has p < n features), serves all
    targets and times: each time costs 2 n² more, and "cv" 20 n² (t + 1) for each time that it looks at. Folds take
    five more decompositions, of four fifths of the rows each; "loo" takes n, 9 n⁴ flops. The eigenvectors stay with the
    estimator, n² numbers, for :meth:`staged_predict`. float32 rows are computed in float64.

    The identity that gives ridge regression its left-out errors is false for flows. But exp(-z) is a sum of ten
    functions c/(z + s) to 1e-8, so that a flow is a sum of ridge regressions of complex penalties, of each of which the
    identity holds: "cv" is what refits would give.

    Eigenvalues that rounding errors of the kernel matrix make, some last places of its trace, are none. Where rows are
    far from zero or columns in unlike units the linear kernel flows by its columns, each rounded by itself, as every
    map with stored features does: their differences keep the digits that inner products lose.

    Sparse rows stay sparse with every map and kernel that takes them (`takes_sparse`), and the flow is that of dense
    ones; of fewer of them than columns the linear kernel never flows by its columns.

    A linearised model with fit_intercept=False is the training of its parameters: f0(x) + J(x) (θ_t - θ_0). Several
    outputs of J share their parameters, and flow together down the mean over rows of all their squares.

    Rows that are equal are left out together, and folds are drawn by what rows hold: neither their order nor whether a
    row has weight 2 or stands there twice changes the time. Weighted rows flow as so many copies would.

    References
    ----------
    Misiakiewicz & Montanari, "Six lectures on linearized neural networks", arXiv:2308.13431, 2023, chapter 1. Ali,
    Kolter & Tibshirani, "A continuous-time view of early stopping for least squares", AISTATS 2019 (time for ridge).
    Polyak, "Some methods of speeding up the convergence of iteration methods", 1964 (the heavy ball).

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import GradientFlowRegressor
    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> y = np.sin(3 * X[:, 0]) + 0.1 * np.random.default_rng(0).standard_normal(40)
    >>> model = GradientFlowRegressor("rbf").fit(X, y)
    >>> bool(model.score(X, np.sin(3 * X[:, 0])) > 0.99)
    True
    >>> model.staged_predict(X, [0.0, model.time_, np.inf]).shape
    (3, 40)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "kernel": [Kernel, str, callable, HasMethods(["fit", "transform"]), LINEAR, None],
        "time": [Interval(Real, 0, None, closed="both"), StrOptions({"cv", "gcv", "loo"})],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), None],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "fit_intercept": ["boolean"],
    }
    _read = read_numbers

    score = RSquared.score

    def __init__(
        self,
        kernel: Any = None,
        time: float | str = "cv",
        *,
        learning_rate: float | None = None,
        momentum: float = 0.0,
        fit_intercept: bool = True,
    ) -> None:
        self.kernel, self.time, self.fit_intercept = kernel, time, fit_intercept
        self.learning_rate, self.momentum = learning_rate, momentum
