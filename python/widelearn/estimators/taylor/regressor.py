"""Regression by Taylor terms of wide two-layer nets beyond the linear one."""

from typing import Self

from numpy.typing import ArrayLike
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import validate_data

from widelearn.estimators.lazy import refuse_lazy
from widelearn.estimators.scaling import columns
from widelearn.estimators.taylor.fit import DTYPES, BaseTaylor, train
from widelearn.estimators.taylor.inputs import TargetUnits
from widelearn.estimators.units import check_range, largest_of
from widelearn.features.state import draft_of, snapshot
from widelearn.kernels.parameters import checks_parameters
from widelearn.runtime import Array


class TaylorRegressor(MultiOutputMixin, RegressorMixin, BaseTaylor):
    """Fit quadratic or higher Taylor terms of a wide two-layer net, beyond the linear one of the tangent kernel.

    f(x) = Σ_r a_r σ^(k)(<w0_r, x>) <w_r, x>^k / k! + x'β + b is the order-k term of a net's expansion in the movement W
    of its first layer, plus a linear part. The first layer W0 is random with rows N(0, I/d), and a = ±1/sqrt(m). W, β
    and b minimise

        mean ½ (y - f(x))² + alpha (Σ_r ‖w_r‖^(2k))^q + (alpha/2) ‖β‖².

    Rows are divided by one number so that mean ‖x‖² = d, targets by their standard deviation. σ is divided so that
    E σ^(k)(z)² = 1 for standard normal z. So alpha means the same for y in any unit. Of several orders, k is the
    highest. Neurons r and r + m/2 share w0 and have opposite a, so that no constant is left and movements are
    independent. The real network (`mode`) is not scaled; its penalty alpha E σ''(z)² Σ ‖w_r‖⁴ is the same for the same
    quadratic term.

    Targets of few directions, such as products of two columns, take about d rows where kernels take d². A dense
    quadratic form is as hard as for a kernel, because the gain lies in the penalty of rows, not in the features.

    Parameters
    ----------
    order : int or tuple of int, default=2
        The order k, 1 to 4, or several orders whose terms are summed. Order 1 is the tangent model.
    activation : str or ("leaky_relu", slope), default="softplus"
        The nonlinearity σ, which needs derivatives up to the order. "softplus", "gelu" and "swish" have an even σ'',
        and "relu3" has σ'' = relu. "tanh", "erf" and "sigmoid" have an odd σ'' and cannot fit even targets. "relu" has
        none.
    width : int, default=128
        Number of neurons m, which is even because they come in pairs.
    mode : {"taylor", "marginal", "signs"}, default="taylor"
        "taylor" trains the terms themselves. The other modes train the real network at w0_r + s_r w_r, where random
        signs s_r cancel its linear term. "marginal" computes the mean of the loss over all signs (for "softmax" to
        second order); "signs" draws new signs at every step. Both predict with the mean network and want greater
        widths, 256 and more.
    alpha : float, default=2e-3
        Penalty of the net and of β.
    penalty_power : int, default=1
        The power q of the penalty.
    linear_term : bool, default=True
        Whether the model has the part x'β + b beside the net, where b has no penalty. An even σ'' cannot see odd parts
        of a target. False is the Taylor term alone.
    whiten : bool, default=False
        Whether rows are centred and multiplied by S^(-1/2), where S is their covariance. It repairs columns of unlike
        scales or strong correlations if rows are many times more than columns.
    solver : {"lbfgs", "pgd", "sgd", "adam"}, default="lbfgs"
        "lbfgs" is L-BFGS, "pgd" gradient descent with backtracking and kicks where the gradient vanishes, "sgd"
        stochastic descent with noise, and "adam" Adam. In mode "signs", "lbfgs" stands for "adam", and "pgd" is
        refused.
    init : {"auto", "random", "spectral", "zeros"}, default="auto"
        Start of W. "random" draws entries N(0, m^(-1/k)/d). "spectral" is for order 2 and starts every neuron at the
        direction of most negative curvature at W = 0; it took three times fewer iterations. "auto" is "spectral" for
        order 2, else "random". "zeros" is a saddle that only "pgd" and "sgd" leave; the other solvers refuse it.
    max_iter : int, default=500
        Largest number of iterations of "lbfgs" and "pgd". "sgd" and "adam" make as many passes over the rows.
    tol : float, default=1e-5
        "lbfgs" ends when five iterations lower the objective by less than `tol` each, times the objective if that is
        above 1. "pgd" ends where a kick has not lowered it by `tol`.
    learning_rate_init : float or None, default=None
        First rate of "adam" (None is 3e-3) and "sgd" (0.3), which falls to 0 in the second half; first step of "pgd"
        (1).
    batch_size : int or None, default=None
        Rows in a step of "sgd" and "adam". None is 64, or all rows if there are fewer.
    random_state : int, RandomState or None, default=None
        Source of W0, the start, batches, signs and noise.
    callback : callable, default=None
        Function that is called after every iteration with its number and the objective.

    Attributes
    ----------
    W_ : ndarray of shape (width, d)
        Movement W.
    W0_ : ndarray of shape (width, d)
        Frozen first layer, whose second half repeats the first.
    a_ : ndarray of shape (width,) or (width, n_outputs)
        Output weights ±1/sqrt(width); those of the second half are the first's, negated.
    coef_ : ndarray of shape (d,) or (n_outputs, d)
        β of the linear part in the units of X and y; zero without one.
    intercept_ : float or ndarray of shape (n_outputs,)
        b of the linear part, likewise.
    activation_scale_ : float
        Divisor of σ, sqrt(E σ^(k)(z)²); 1 in the modes of the real network.
    x_scale_ : float
        Divisor of rows, sqrt(mean ‖x‖²/d); of whitened rows if `whiten`.
    y_scale_ : float or ndarray of shape (n_outputs,)
        Divisor of targets: the root mean square about their mean, or about 0 without linear term; 0 for a constant, 1
        for labels.
    mean_, whitening_ : ndarrays of shape (d,) and (d, d)
        Mean of the rows and S^(-1/2), if `whiten`.
    solver_ : str
        The solver that ran.
    n_iter_ : int
        Number of iterations or passes.
    loss_curve_ : list of float
        Objective after every iteration; for "sgd" and "adam" its mean over a pass.
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
        together. The message says what does.

    Warns
    -----
    ConvergenceWarning
        If "lbfgs" or "pgd" end at `max_iter`, or if steps diverge, where the last finite weights are kept.
    UserWarning
        If the net has lowered the objective by less than 10 % because σ'' is odd; or if the rows lie more than 10 times
        their own spread from zero, without `whiten`, and the targets depend on what they differ in.

    See Also
    --------
    TaylorClassifier : The same for classes.
    widelearn.kernels.TaylorKernel : Its infinitely wide limit, with a penalty of the lifted weights w_r w_rᵀ instead.

    Notes
    -----
    An iteration of "lbfgs" costs 6 n m d flops and m n evaluations of σ; 40 m d numbers are kept. The start "spectral"
    costs as much as 30 iterations. The linear part is held in coordinates in which its own fit is one step, for d³
    flops up to 1,000 columns. If Ctrl-C interrupts a fit, the estimator keeps the weights so far. Gradients have the
    same bits for every number of threads; L-BFGS is SciPy's.

    Rows are not centred, for the formula is about zero: an offset of the columns changes the model, and one far beyond
    their spread leaves nothing to fit. scikit-learn's diabetes data gave R² 0.63, and 0.00 with 10⁶ added to X.

    One number divides all columns. Columns of unlike units should be standardised first, by
    `make_pipeline(StandardScaler(), ...)`, or whitened: scikit-learn's wine data gave 0.99 against 0.76. Noisy targets
    want a larger `alpha`.

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

    @checks_parameters(nested=False)
    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit to rows `X` (n, d) and targets `y` (n,) or (n, t); returns the estimator."""
        refuse_lazy(X, "TaylorRegressor")
        draft = draft_of(self)
        x, targets = validate_data(draft, X, y, dtype=DTYPES, y_numeric=True, multi_output=True)
        check_range(largest_of(columns(targets)), x.dtype)
        units = TargetUnits.of(targets, centred=self.linear_term)
        return train(self, draft, x, units.apply(targets), "squared", units)

    def predict(self, X: ArrayLike) -> Array:
        """Return the mean network's values at the rows of `X`, of shape (n,) or (n, t)."""
        fitted = snapshot(self)
        return fitted._model.targets.without_axis(fitted._values(X), axis=1)
