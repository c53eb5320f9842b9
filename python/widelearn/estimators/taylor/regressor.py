"""Regression by Taylor terms of wide two-layer nets beyond the linear one."""

from functools import partial
from typing import Any, ClassVar, Self

from numpy.typing import ArrayLike
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import validate_data

from widelearn.estimators.lazy import refuse_lazy
from widelearn.estimators.scaling import columns
from widelearn.estimators.scores import RSquared
from widelearn.estimators.taylor.fit import DTYPES, BaseTaylor, Problem, goes_on, train, train_further
from widelearn.estimators.taylor.inputs import TargetUnits
from widelearn.estimators.units import check_range, largest_of
from widelearn.estimators.weights import weighed
from widelearn.features.state import snapshot
from widelearn.kernels.parameters import checks_parameters, offered_if
from widelearn.kernels.rows import check_dense_targets
from widelearn.runtime import Array


class TaylorRegressor(MultiOutputMixin, RegressorMixin, BaseTaylor):
    """Fit quadratic or higher Taylor terms of a wide two-layer net, beyond the linear one of the tangent kernel.

    f(x) = Σ_r a_r σ^(k)(<w0_r, x>) <w_r, x>^k / k! + x'β + b is the order-k term of a net's expansion in the movement W
    of its first layer, plus a linear part. The first layer W0 is random with rows N(0, I/d), and a = ±1/sqrt(m). W, β
    and b minimise

        mean ½ (y - f(x))² + alpha (Σ_r ‖w_r‖^(2k))^q + (linear_alpha/2) ‖β‖².

    Rows are divided by one number so that mean ‖x‖² = d weight_variance, targets by their standard deviation.
    Thresholds `b0_` and their movements `b_`, divided by sqrt(d bias_variance), are a last column of W0 and W, for a
    constant column sqrt(d bias_variance) of the rows, which β does not read; below 1,000 rows there are none by
    default. σ is divided so that E σ^(k)(z)² = 1 for standard normal z. So alpha means the same for y in any unit. Of
    several orders, k is the highest. Neurons r and r + m/2 share w0 and have opposite a, so that no constant is left
    and movements are independent. The real network (`mode`) is not scaled; its penalty alpha E σ^(k)(z)² Σ ‖w_r‖^(2k)
    is the same for the same term. With sample weights, means are weighted ones.

    Targets of few directions, such as products of two columns, take about d rows where kernels take d². A dense
    quadratic form is as hard as for a kernel, because the gain lies in the penalty of rows, not in the features. Dense
    targets of degree k beside sparse ones of degree k + 1 take the joint model: order=(2, 3), alpha=(2e-3, 2e-3).

    Parameters
    ----------
    order : int or tuple of int, default=2
        The order k, 1 to 4, or several orders whose terms are summed. Order 1 is the tangent model.
    activation : str, ("leaky_relu", slope) or None, default=None
        The nonlinearity σ, which needs derivatives up to the order. None is the first of "softplus", "cubic", "relu3"
        and "exp" of which every order k has E σ^(k)(z) != 0, z standard normal: "cubic" for order 3. A term whose mean
        derivative is 0 fits no target of its own degree, and is warned of: so are orders 2 and 4 of "tanh", "erf" and
        "sigmoid", and order 3 of "softplus", "gelu" and "swish". "relu" has no term above order 1.
    width : int, default=128
        Number of neurons m, which is even because they come in pairs.
    mode : {"taylor", "marginal", "signs"}, default="taylor"
        "taylor" trains the terms themselves. The other modes train the real network and take one order k. For order 2
        it is at w0_r + s_r w_r, where random signs s_r cancel its linear term; for the others every neuron has a twin,
        and :class:`~widelearn.nets.Multipliers` cancel all terms below k. "marginal" computes the mean of the loss over
        all draws (for "softmax" to second order); "signs" draws anew at every step. Both predict with the mean network
        and want greater widths, 256 and more: what is left of other terms falls like width^(-1/(2k)).
    alpha : float, "auto" or tuple of float, default=2e-3
        Penalty of the net. "auto" chooses among 1.25e-4, 5e-4, 2e-3, 8e-3 and 0.032, as `linear_alpha` does, after it.
        A tuple, for several orders, is the joint model: the term of each order has a movement, an activation and a
        penalty alpha_k (Σ_r ‖w_r‖^(2k))^q of its own.
    linear_alpha : float or "auto", default="auto"
        Penalty of β. "auto" chooses among 2e-3, 0.03, 0.5 and 8: the least loss of fits of the whole model, net and
        linear part, on thirds of the rows that are held out in turn (fifths for classes and alpha="auto", up to 1,000
        rows). It looks at 2,000 rows at most; of fewer than 12, it is 2e-3. Equal rows are held out together, so that
        weights are as good as repetition. It is chosen for soft gates: where steep ones are chosen after it, whose rows
        are sqrt(6) times as long, it is multiplied by 6 and means the same for β in the units of X.
    penalty_power : int, default=1
        The power q of the penalty.
    weight_variance, bias_variance : float or "auto", default="auto"
        Variances of the first layer: neuron r reads sqrt(weight_variance/d) <v_r, x> + sqrt(bias_variance) c_r of rows
        with mean ‖x‖² = d, v_r and c_r being standard normal, and both move. Larger ones make σ^(k) a gate that opens
        near a threshold, so that the model bends otherwise at other rows. "auto" is 1 and 0 or, of order 2 in mode
        "taylor" with a linear part and 1,000 different rows or more, 6 and 1 with four times as many neurons, whichever
        has less loss on rows held out: thirds in turn, of more than 2,000 rows one third of 10,000 at most. Beside a
        number it is 1 or 0.
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
    verbose : bool or int, default=False
        Whether a line is printed after every iteration; at level INFO the logger "widelearn" gets it in any case.

    Attributes
    ----------
    W_ : ndarray of shape (width, d)
        Movement W; of the joint model (n_orders, width, d).
    W0_ : ndarray of shape (width, d)
        Frozen first layer, whose second half repeats the first.
    b_, b0_ : ndarrays of shape (width,), or (n_orders, width) and (width,)
        Movement of the thresholds and frozen thresholds; 0 without `bias_variance`.
    a_ : ndarray of shape (width,) or (width, n_outputs)
        Output weights ±1/sqrt(width); those of the second half are the first's, negated.
    coef_ : ndarray of shape (d,) or (n_outputs, d)
        β of the linear part in the units of X and y; zero without one.
    intercept_ : float or ndarray of shape (n_outputs,)
        b of the linear part, likewise.
    activation_ : str or tuple
        The activation, chosen or given; of the joint model a tuple of one for each order, and so with the next two.
    activation_scale_ : float
        Divisor of σ, sqrt(E σ^(k)(z)²); 1 in the modes of the real network.
    alpha_, linear_alpha_ : float
        The penalties, chosen or given.
    weight_variance_, bias_variance_ : float
        The variances, chosen or given.
    x_scale_ : float
        Divisor of rows, sqrt(mean ‖x‖²/(d weight_variance_)); of whitened rows if `whiten`.
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
        If the activation has no derivative of the order, the width is odd, mode, order, solver and start do not go
        together, or no row has a weight. The message says what does.

    Warns
    -----
    ConvergenceWarning
        If "lbfgs" or "pgd" end at `max_iter`, or if steps diverge, where the last finite weights are kept.
    UserWarning
        If the activation has no mean derivative of an order, and so no term of that degree; or, without `whiten`, if
        the rows lie more than 10 times their own spread from zero, and the targets depend on what they differ in, or
        if one direction's share of their squared spread is twice that of standardised columns (orders above 1).

    See Also
    --------
    TaylorClassifier : The same for classes.
    widelearn.kernels.TaylorKernel : Its infinitely wide limit, with a penalty of the lifted weights w_r w_rᵀ instead.

    Notes
    -----
    An iteration of "lbfgs" costs 6 n m d flops and m n evaluations of σ; 40 m d numbers are kept. The start "spectral"
    costs as much as 30 iterations. Choosing `linear_alpha` took once or twice the time of the fit in trials with up to
    2,000 rows, and less with more. The linear part is held in coordinates in which its own fit is one step, for d³
    flops up to 1,000 columns. Of few rows of many columns, 2 n <= d, "lbfgs" and "pgd" move in the rows' span, where
    the model is the same: n stands for d in these costs, but for what is drawn. If Ctrl-C interrupts a fit, the
    estimator keeps the weights so far. Gradients have the same bits for every number of threads; L-BFGS is SciPy's.

    Rows are not centred, for the formula is about zero: an offset of the columns changes the model, and one far beyond
    their spread leaves nothing to fit. scikit-learn's diabetes data gave R² 0.63, and 0.00 with 10⁶ added to X.

    One number divides all columns. Columns of unlike units should be standardised first, by
    `make_pipeline(StandardScaler(), ...)`, or whitened: scikit-learn's wine data gave 0.99 against 0.76. The product of
    two of 40 columns, with four others 6 times as large, left 0.32 unexplained from 400 rows, and 0.002 without. Noisy
    targets want a larger `alpha`.

    Gates that open for nearly all rows, weight_variance=1 and bias_variance=0, find few directions from few rows;
    tables want steeper ones. The sign of a product of two of 40 columns, with a tenth of 160 labels wrong, was right at
    .83 of fresh rows, and at .60 with 6 and 1 (width 512); 8,000 prices of diamonds, qualities as numbers, gave R² .958
    and .966 (means of ten draws). In trials with 1,000 to 10,000 rows the choice made fits 1.7 to 3.4 times as long
    where gates stayed soft, and 2.6 to 5.5 times where they are steep. Cross-validation of little more than 1,000 rows
    scores soft gates, which its parts keep: give both variances there.

    For order 2 and convex losses every local minimum is close to global if the net is wide enough; for higher orders no
    such statement is known.

    References
    ----------
    Bai & Lee, "Beyond linearization: on quadratic and higher-order approximation of wide neural networks", ICLR 2020,
    sections 2 and 3 (random signs, quadratic model). Nichani, Bai & Lee, "Identifying good directions to escape the NTK
    regime and efficiently learn low-degree plus sparse polynomials", NeurIPS 2022 (the joint model; movements of their
    own are ours). Jin, Ge, Netrapalli, Kakade & Jordan, "How to escape saddle points efficiently", ICML 2017 ("pgd",
    with practical constants).

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

    score = RSquared.score
    _read: ClassVar[Any] = staticmethod(lambda draft, X, y: read_numbers(draft, None, X, y, None, more=False))

    @checks_parameters(nested=False)
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit to rows `X` (n, d), targets `y` (n,) or (n, t) and weights >= 0 (n,); returns the estimator."""
        return train(self, partial(read_numbers, X=X, y=y, sample_weight=sample_weight))

    @offered_if(goes_on)
    @checks_parameters(nested=False)
    def partial_fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Go once over more rows in batches, with "adam" or "sgd" at a constant rate; returns the estimator.

        The first rows give the units of X and y, and choose what is "auto". Later calls go on from there, and so do
        calls after a :meth:`fit` by the same solver; after one by "lbfgs" or "pgd" they begin anew. Weights count
        within the rows of a call. `learning_rate_init`, `batch_size` and `callback` may change between calls; what
        makes the model may not.
        """
        return train_further(self, partial(read_numbers, X=X, y=y, sample_weight=sample_weight))

    def predict(self, X: ArrayLike) -> Array:
        """Return the mean network's values at the rows of `X`, of shape (n,) or (n, t)."""
        fitted = snapshot(self)
        return fitted._model.targets.without_axis(fitted._values(X), axis=1)


def read_numbers(draft: Any, old: TargetUnits | None, X: Any, y: Any, sample_weight: Any, *, more: bool) -> Problem:
    """Read rows and targets, in the units of earlier ones if there are any; whether more are to come."""
    refuse_lazy(X, type(draft).__name__)
    check_dense_targets(y)
    x, targets = validate_data(draft, X, y, dtype=DTYPES, y_numeric=True, multi_output=True, reset=old is None)
    x, targets, weight = weighed(x, targets, sample_weight)
    check_range(largest_of(columns(targets)), x.dtype)
    if old is not None and columns(targets).shape[1] != len(old.scale):
        raise ValueError(
            f"y has {columns(targets).shape[1]} targets, but earlier batches had {len(old.scale)}: give the same ones."
        )
    units = old or TargetUnits.of(targets, weight, centred=draft.linear_term)
    if more and old is None:
        units = units.varied()
    return x, units.apply(targets), "squared", units, weight
