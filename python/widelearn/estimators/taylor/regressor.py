"""Regression and classification by Taylor terms of wide two-layer nets beyond the linear one."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special
from sklearn.base import MultiOutputMixin, RegressorMixin, _fit_context
from sklearn.utils.validation import check_is_fitted, validate_data

from widelearn.estimators.labels import SignCoding
from widelearn.estimators.taylor.fit import DTYPES, BaseTaylor
from widelearn.estimators.taylor.inputs import root_mean_square

Array = NDArray[Any]


class TaylorRegressor(MultiOutputMixin, RegressorMixin, BaseTaylor):
    """Fit quadratic or higher Taylor terms of a wide two-layer net, beyond the linear one of the tangent kernel.

    f(x) = Σ_r a_r σ^(k)(<w0_r, x>) <w_r, x>^k / k! + x'β + b: the order-k term of a net's expansion in the movement W
    of its first layer about random W0, rows N(0, I/d), a = ±1/sqrt(m). Minimises over W, β and b, with rows divided by
    one number so that mean ‖x‖² = d and targets by their standard deviation,

        mean ½ (y - f(x))² + alpha (Σ_r ‖w_r‖^(2k))^q + (alpha/2) ‖β‖²,

    σ scaled so that E σ^(k)(z)² = 1 for standard normal z (several orders: the highest, k in the penalty too). So
    alpha means the same for y in any unit. Neurons r and r + m/2 share w0 and have opposite a: no constant is left,
    and movements are independent. The real network (`mode`) is not scaled, and its penalty is alpha E σ''(z)² Σ ‖w_r‖⁴,
    which is the same number for the same quadratic term.

    Targets of few directions, such as products of two columns, take about d rows where kernels take d²; a dense
    quadratic form is as hard for it as for a kernel, since the gain lies in the penalty of rows, not in the features.

    Parameters
    ----------
    order : int or tuple of int, default=2
        The order k, 1 to 4, or several whose terms are summed. 1 is the tangent model.
    activation : str or ("leaky_relu", slope), default="softplus"
        The nonlinearity σ, with derivatives up to the order: "softplus", "gelu" and "swish" have even σ'', "relu3"
        σ'' = relu; those of "tanh", "erf" and "sigmoid" are odd, and cannot fit even targets; "relu" has none.
    width : int, default=128
        Number of neurons m, even: they come in pairs.
    mode : {"taylor", "marginal", "signs"}, default="taylor"
        "taylor" trains the terms themselves. "marginal" and "signs" train the real network at w0_r + s_r w_r with
        random signs s_r, which cancel its linear term: "marginal" the mean of the loss over all signs, computed (for
        "softmax" to second order), "signs" with fresh signs at every step. Both predict with the mean network and want
        greater widths, 256 and 512 and more.
    alpha : float, default=2e-3
        Penalty, of the net and of β.
    penalty_power : int, default=1
        The power q of the penalty.
    linear_term : bool, default=True
        Whether the model has the part x'β + b beside the net, b without penalty. An even σ'' cannot see odd parts of
        a target; False is the Taylor term alone.
    whiten : bool, default=False
        Whether rows are centred and multiplied by S^(-1/2), S their covariance. Repairs columns of unlike scales or
        strong correlations, where rows are many times more than columns.
    solver : {"lbfgs", "pgd", "sgd", "adam"}, default="lbfgs"
        L-BFGS; gradient descent with backtracking and kicks where the gradient vanishes; SGD with noise; Adam. In mode
        "signs" "lbfgs" stands for "adam", and "pgd" is refused.
    init : {"auto", "random", "spectral", "zeros"}, default="auto"
        Start of W. "random" draws N(0, m^(-1/k)/d) entries. "spectral" starts every neuron at the direction of most
        negative curvature at W = 0, for order 2, where it is what "auto" takes; three times fewer iterations were
        measured. "zeros" is a saddle that only solvers with noise leave, and is
        refused for the others.
    max_iter : int, default=500
        Largest number of iterations of "lbfgs" and "pgd"; passes over the rows of "sgd" and "adam", which make all.
    tol : float, default=1e-5
        "lbfgs" ends when five iterations lower the objective by less than `tol` each, times the objective if that is
        above 1; "pgd" where a kick has not lowered it by `tol`.
    learning_rate_init : float or None, default=None
        First rate of "adam" (3e-3), "sgd" (0.3) or step of "pgd" (1). The former two fall to 0 in the second half.
    batch_size : int or None, default=None
        Rows a step of "sgd" and "adam", at most 64 by default.
    random_state : int, RandomState or None, default=None
        Source of W0, the start, batches, signs and noise.
    callback : callable, default=None
        Called after every iteration with its number and the objective.

    Attributes
    ----------
    W_ : ndarray of shape (width, d)
        Movement W.
    W0_ : ndarray of shape (width, d)
        Frozen first layer; its second half repeats the first.
    a_ : ndarray of shape (width,) or (width, n_targets)
        Output weights ±1/sqrt(width); those of the second half are the first's, negated.
    coef_ : ndarray of shape (d,) or (n_targets, d)
        β of the linear part in the units of X and y; zero without one.
    intercept_ : float or ndarray of shape (n_targets,)
        b, likewise.
    activation_scale_ : float
        What σ is divided by, sqrt(E σ^(k)(z)²); 1 in the modes of the real network.
    x_scale_ : float
        What rows are divided by, sqrt(mean ‖x‖²/d); of whitened rows if `whiten`.
    y_scale_ : float or ndarray of shape (n_targets,)
        What targets are divided by: the root mean square about their mean, or about 0 without linear
        term; 0 for a constant.
    mean_, whitening_ : ndarrays of shape (d,) and (d, d)
        Mean of the rows and S^(-1/2), if `whiten`.
    solver_ : str
        The solver that ran.
    n_iter_ : int
        Iterations or passes made.
    loss_curve_ : list of float
        The objective after every iteration; of "sgd" and "adam" its mean over a pass.
    history_ : dict of ndarrays
        "loss", as `loss_curve_`, and "gradient_norm", each of shape (n_iter_,).
    n_features_in_ : int
        Number of columns, d.
    feature_names_in_ : ndarray of shape (d,)
        Names of the columns, if they were strings.

    Raises
    ------
    ValueError
        If the activation has no derivative of the order, the width is odd, or mode, order, solver and start do not go
        together; the message says what does.

    Warns
    -----
    ConvergenceWarning
        If "lbfgs" or "pgd" end at `max_iter`, or steps diverge; the last finite weights are kept.
    UserWarning
        If an odd σ'' has left the objective within 10 % of what it is without the net.

    See Also
    --------
    TaylorClassifier : The same for classes.
    widelearn.kernels.TaylorKernel : Its infinitely wide limit with a penalty of the lifted weights w_r w_rᵀ instead.

    Notes
    -----
    An iteration of "lbfgs" costs 6 n m d flops and m n evaluations of σ, and 40 m d numbers are kept. The start
    "spectral" costs as much as 30 iterations. The linear part is held in coordinates in which its own fit is one step,
    for d³ flops up to 1,000 columns. Where Ctrl-C interrupts a fit, the weights so far become the fitted attributes
    before KeyboardInterrupt goes on. Gradients have the same bits for every number of threads; L-BFGS is SciPy's.

    One number divides all columns: of unlike units, standardise them first (`make_pipeline(StandardScaler(), ...)`; on
    scikit-learn's wine data 0.99 against 0.76 was measured), or whiten. Noisy targets want a larger `alpha`.

    For order 2 and convex losses every local minimum is close to global if the net is wide enough; for higher orders no
    such statement is known.

    References
    ----------
    Bai & Lee, "Beyond linearization: on quadratic and higher-order approximation of wide neural networks", ICLR 2020,
    sections 2 and 3 (random signs, quadratic model). Jin, Ge, Netrapalli, Kakade & Jordan, "How to escape saddle points
    efficiently", ICML 2017 ("pgd", with practical constants).

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import TaylorRegressor
    >>> X = np.random.default_rng(0).choice([-1.0, 1.0], (700, 20))
    >>> y = X[:, 0] * X[:, 1]
    >>> model = TaylorRegressor(random_state=0).fit(X[:200], y[:200])
    >>> bool(model.score(X[200:], y[200:]) > 0.95)
    True
    """

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit to rows `X` (n, d) and targets `y` (n,) or (n, t); returns the estimator."""
        x, given = validate_data(self, X, y, dtype=DTYPES, y_numeric=True, multi_output=True)
        self._flat = given.ndim == 1
        targets = given.reshape(len(given), -1).astype(np.float64)
        mean = targets.mean(axis=0) if self.linear_term else np.zeros(targets.shape[1])
        spread = np.array([root_mean_square(column) for column in (targets - mean).T])
        # What differs by rounding alone is a constant, and the net has no part in it.
        varies = (targets != mean).any(axis=0) & (spread > 10 * np.finfo(float).eps * np.abs(mean))
        scale = np.where(varies, spread, 0.0)
        self._train(x, (targets - mean) * varies / spread, "squared", mean, scale)
        return self

    def predict(self, X: ArrayLike) -> Array:
        """Return the mean network's values at the rows of `X`, of shape (n,) or (n, t)."""
        check_is_fitted(self)
        values = self._values(X)
        return values[:, 0] if self._flat else values


class TaylorClassifier(SignCoding, BaseTaylor):
    """Classify by Taylor terms of a wide two-layer net, beyond the linear one of the tangent kernel.

    The model and penalties are those of :class:`TaylorRegressor`, the loss of a row logistic, log(1 + exp(-y f)) with
    y = ±1, for two classes and for each label of a multilabel indicator; for more classes the cross entropy of their
    softmax, all sharing the movement W.

    Parameters
    ----------
    order : int or tuple of int, default=2
        The order k, 1 to 4, or several whose terms are summed. 1 is the tangent model.
    activation : str or ("leaky_relu", slope), default="softplus"
        The nonlinearity σ, with derivatives up to the order: "softplus", "gelu" and "swish" have even σ'', "relu3"
        σ'' = relu; those of "tanh", "erf" and "sigmoid" are odd, and cannot fit even targets; "relu" has none.
    width : int, default=128
        Number of neurons m, even: they come in pairs.
    mode : {"taylor", "marginal", "signs"}, default="taylor"
        "taylor" trains the terms themselves. "marginal" and "signs" train the real network at w0_r + s_r w_r with
        random signs s_r, which cancel its linear term: "marginal" the mean of the loss over all signs, computed (for
        "softmax" to second order), "signs" with fresh signs at every step. Both predict with the mean network and want
        greater widths, 256 and 512 and more.
    alpha : float, default=2e-3
        Penalty, of the net and of β.
    penalty_power : int, default=1
        The power q of the penalty.
    linear_term : bool, default=True
        Whether the model has the part x'β + b beside the net, b without penalty. An even σ'' cannot see odd parts of
        a target; False is the Taylor term alone.
    whiten : bool, default=False
        Whether rows are centred and multiplied by S^(-1/2), S their covariance. Repairs columns of unlike scales or
        strong correlations, where rows are many times more than columns.
    solver : {"lbfgs", "pgd", "sgd", "adam"}, default="lbfgs"
        L-BFGS; gradient descent with backtracking and kicks where the gradient vanishes; SGD with noise; Adam. In mode
        "signs" "lbfgs" stands for "adam", and "pgd" is refused.
    init : {"auto", "random", "spectral", "zeros"}, default="auto"
        Start of W. "random" draws N(0, m^(-1/k)/d) entries. "spectral" starts every neuron at the direction of most
        negative curvature at W = 0, for order 2, where it is what "auto" takes; three times fewer iterations were
        measured. "zeros" is a saddle that only solvers with noise leave, and is
        refused for the others.
    max_iter : int, default=500
        Largest number of iterations of "lbfgs" and "pgd"; passes over the rows of "sgd" and "adam", which make all.
    tol : float, default=1e-5
        "lbfgs" ends when five iterations lower the objective by less than `tol` each, times the objective if that is
        above 1; "pgd" where a kick has not lowered it by `tol`.
    learning_rate_init : float or None, default=None
        First rate of "adam" (3e-3), "sgd" (0.3) or step of "pgd" (1). The former two fall to 0 in the second half.
    batch_size : int or None, default=None
        Rows a step of "sgd" and "adam", at most 64 by default.
    random_state : int, RandomState or None, default=None
        Source of W0, the start, batches, signs and noise.
    callback : callable, default=None
        Called after every iteration with its number and the objective.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes; column numbers for a multilabel indicator.
    multilabel_ : bool
        Whether the targets were a multilabel indicator.
    W_ : ndarray of shape (width, d)
        Movement W.
    W0_ : ndarray of shape (width, d)
        Frozen first layer; its second half repeats the first.
    a_ : ndarray of shape (width,) or (width, n_columns)
        Output weights ±1/sqrt(width); those of the second half are the first's, negated.
    coef_ : ndarray of shape (d,) or (n_columns, d)
        β of the linear part in the units of X; zero without one.
    intercept_ : float or ndarray of shape (n_columns,)
        b, likewise.
    activation_scale_ : float
        What σ is divided by, sqrt(E σ^(k)(z)²); 1 in the modes of the real network.
    x_scale_ : float
        What rows are divided by, sqrt(mean ‖x‖²/d); of whitened rows if `whiten`.
    y_scale_ : float or ndarray of shape (n_columns,)
        1: labels have no unit.
    mean_, whitening_ : ndarrays of shape (d,) and (d, d)
        Mean of the rows and S^(-1/2), if `whiten`.
    solver_ : str
        The solver that ran.
    n_iter_ : int
        Iterations or passes made.
    loss_curve_ : list of float
        The objective after every iteration; of "sgd" and "adam" its mean over a pass.
    history_ : dict of ndarrays
        "loss", as `loss_curve_`, and "gradient_norm", each of shape (n_iter_,).
    n_features_in_ : int
        Number of columns, d.
    feature_names_in_ : ndarray of shape (d,)
        Names of the columns, if they were strings.

    See Also
    --------
    TaylorRegressor : The regression; its costs, errors and warnings are the same.

    References
    ----------
    Bai & Lee, "Beyond linearization: on quadratic and higher-order approximation of wide neural networks", ICLR 2020,
    sections 2 and 3.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import TaylorClassifier
    >>> X = np.random.default_rng(0).choice([-1.0, 1.0], (700, 20))
    >>> y = np.where(X[:, 0] == X[:, 1], "same", "different")
    >>> model = TaylorClassifier(random_state=0).fit(X[:200], y[:200])
    >>> bool(model.score(X[200:], y[200:]) > 0.95)
    True
    """

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit to rows `X` (n, d) and labels `y` (n,), or an indicator (n, t); returns the estimator."""
        x, labels = validate_data(self, X, y, dtype=DTYPES, multi_output=True)
        _, codes = self._encode(labels)
        self._flat = codes.shape[1] == 1
        loss = "logistic" if self.multilabel_ or len(self.classes_) == 2 else "softmax"
        columns = codes.shape[1]
        self._train(x, codes if loss == "logistic" else (codes + 1) / 2, loss, np.zeros(columns), np.ones(columns))
        return self

    def predict_proba(self, X: ArrayLike) -> Array:
        """Return the probability of every class (n, n_classes), or of every label of a multilabel indicator (n, t)."""
        values = np.asarray(self.decision_function(X))
        if self.multilabel_:
            return special.expit(values)
        if len(self.classes_) == 2:
            return special.expit(np.column_stack([-values, values]))
        return special.softmax(values.reshape(len(values), -1), axis=1)
