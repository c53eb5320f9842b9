"""Taylorised training as an estimator: a model's expansion in its parameters, fitted beyond its linear term."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import validate_data

from widelearn.estimators.feature_ridge.fit import DTYPES, read_numbers
from widelearn.estimators.feature_ridge.maps import with_weight
from widelearn.estimators.lazy import refuse_lazy
from widelearn.estimators.linearized.ridge import Function, outputs
from widelearn.estimators.linearized.terms import Terms
from widelearn.estimators.linearized.training import Movement, Squares, Training
from widelearn.estimators.optim.descent import PAIRS, objective_line
from widelearn.estimators.scores import RSquared
from widelearn.estimators.units import check_range, largest_of
from widelearn.features.state import draft_of, run_and_keep, snapshot
from widelearn.kernels.parameters import DefaultObjects, checks_parameters
from widelearn.kernels.returned import finite
from widelearn.runtime import Array, capped, check_memory, one_blas_thread, watched

MAX_ORDER = 4
# Arrays of all parameters that L-BFGS holds beside its pairs of them.
MOVEMENTS = 12


class TaylorizedRidge(MultiOutputMixin, RegressorMixin, DefaultObjects, BaseEstimator):
    """Fit a model's Taylor expansion in the movement of its parameters, up to an order, with a ridge penalty.

    g(x; Δ) = f0(x) + Σ_{j=1..order} T_j(x, Δ) (+ b), T_j(x, Δ) = d^j/dt^j f(x; θ0 + tΔ) / j! at t = 0, is f at θ0 + Δ
    up to a term of order + 1. Minimises Σ_i w_i ‖y_i - g(x_i; Δ)‖² + alpha ‖Δ‖² over Δ by L-BFGS from Δ = 0, and over b
    where there is one. Order 1 is :class:`LinearizedRidge`, which solves it in one step.

    The model is a pair of functions, so that any framework will do. In JAX, with ``f(theta, X)`` of shape (n,) or (n,
    c), they are nested products with Jacobians::

        @partial(jax.jit, static_argnums=2)
        def terms(X, delta, order):
            g, found = lambda t: f(theta0 + t * delta, X), []
            for j in range(1, order + 1):
                g = (lambda inner: lambda t: jax.jvp(inner, (t,), (1.0,))[1])(g)
                found.append(g(0.0) / math.factorial(j))
            return found


        @partial(jax.jit, static_argnums=3)
        def vjp(X, delta, U, order):
            def total(delta):
                return sum(terms(X, delta, order)).reshape(U.shape)

            return jax.vjp(total, delta)[1](U)[0]

    Parameters
    ----------
    f0 : callable or None, default=None
        A function of rows (m, d): the model's outputs at θ0, (m,) or (m, c). None is 0.
    terms : callable or None, default=None
        ``terms(X, delta, order)``: T_1 to T_order, a list of arrays (m,), or (m, c) for c outputs, for Δ (P,). None,
        with no `vjp`, is a linear model of the rows.
    vjp : callable or None, default=None
        ``vjp(X, delta, U, order)``: the gradient (P,) of Σ_ik U_ik Σ_j T_j(x_i, Δ)_k by Δ, for U (m, c).
    order : int, default=2
        Highest order of the expansion, 1 to 4.
    n_parameters : int or None, default=None
        Number of parameters, P. None is the number of columns, that of a linear model.
    alpha : float, default=1.0
        Penalty, non-negative: not divided by n.
    fit_intercept : bool, default=False
        Whether there is an unpenalised intercept b for every output. A net's own biases are in Δ.
    max_iter : int, default=1000
        Largest number of iterations.
    tol : float, default=1e-6
        The fit ends where no entry of the gradient exceeds about `tol` times the length of the first one.
    callback : callable, default=None
        Function that is called after every iteration with its number and the objective, which is that above in units of
        its own.
    verbose : bool or int, default=False
        Whether a line is printed after every iteration; at level INFO the logger "widelearn" gets it in any case.

    Attributes
    ----------
    coef_ : ndarray of shape (P,) or (n_targets, P)
        The movement Δ: one for all outputs, or where the model has one output one for each target.
    intercept_ : float or ndarray of shape (n_targets,)
        Intercept b.
    n_iter_ : int
        Number of iterations, the largest of all targets.
    loss_curve_ : list of float
        Objective after every iteration, likewise, in units of its own.
    n_features_in_ : int
        Number of columns of X, d.
    feature_names_in_ : ndarray of shape (d,)
        Names of the columns, if they were strings.

    Raises
    ------
    ValueError
        If f0, terms or vjp are of other shapes, complex, NaN or infinite; if a term is not homogeneous of its degree,
        or `vjp` is not the gradient of `terms`: both are tried before a fit.
    MemoryError
        If the movements that L-BFGS keeps do not fit.

    Warns
    -----
    ConvergenceWarning
        If `max_iter` is reached, or values are no longer finite, where the last finite movement is kept.
    UserWarning
        If Δ = 0 is stationary, though targets are left.

    See Also
    --------
    LinearizedRidge : Order 1, in closed form.
    TaylorRegressor : Terms of our two-layer nets, with the penalty that makes them learn from fewer rows.

    Notes
    -----
    An iteration takes one call of `terms` and one of `vjp` for each 1,024 rows; nested products cost up to 2^order
    evaluations of f. L-BFGS keeps 52 numbers a parameter. The callables are given copies in the rows' type. Nothing is
    random. If Ctrl-C interrupts a fit, the estimator keeps the movement so far. Beyond order 1 the objective is not
    convex, and the minimum near 0 is found, the one that training of f from θ0 is compared with.

    A higher order comes nearer to the trained f where Δ is small. Two-layer nets of many neurons with random or
    opposite signs hardly gain by order 2: their even terms cancel. Where Δ is large, higher terms may be worse.

    References
    ----------
    Bai, Krause, Wang, Xiong & Socher, "Taylorized training: towards better approximation of neural network training at
    finite width", 2020, section 2.

    Examples
    --------
    The model f(x) = sin(θ x) at θ = 1, whose terms are derivatives of the sine:

    >>> import numpy as np
    >>> from widelearn import TaylorizedRidge
    >>> def terms(X, delta, order):
    ...     x = X[:, 0]
    ...     return [np.cos(x) * x * delta[0], -np.sin(x) * (x * delta[0]) ** 2 / 2][:order]
    >>> def vjp(X, delta, U, order):
    ...     x = X[:, 0]
    ...     slopes = [np.cos(x) * x, -np.sin(x) * x**2 * delta[0]]
    ...     return np.array([U[:, 0] @ sum(slopes[:order])])
    >>> def net(X):
    ...     return np.sin(X[:, 0])
    >>> X = np.linspace(-1, 1, 30)[:, None]
    >>> model = TaylorizedRidge(net, terms, vjp, n_parameters=1, alpha=0.0).fit(
    ...     X, np.sin(1.2 * X[:, 0])
    ... )
    >>> np.round(model.coef_, 2)
    array([0.2])
    >>> bool(np.abs(model.predict(X) - np.sin(1.2 * X[:, 0])).max() < 1e-3)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "f0": [callable, None],
        "terms": [callable, None],
        "vjp": [callable, None],
        "order": [Interval(Integral, 1, MAX_ORDER, closed="both")],
        "n_parameters": [Interval(Integral, 1, None, closed="left"), None],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "fit_intercept": ["boolean"],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "callback": [callable, None],
        "verbose": ["verbose"],
    }
    _accept_sparse = False
    score = RSquared.score
    _in_doubles = True

    def __init__(
        self,
        f0: Function | None = None,
        terms: Callable[..., Any] | None = None,
        vjp: Callable[..., Any] | None = None,
        *,
        order: int = 2,
        n_parameters: int | None = None,
        alpha: float = 1.0,
        fit_intercept: bool = False,
        max_iter: int = 1000,
        tol: float = 1e-6,
        callback: Callable[[int, float], object] | None = None,
        verbose: bool | int = False,
    ) -> None:
        self.f0, self.terms, self.vjp, self.order, self.n_parameters = f0, terms, vjp, order, n_parameters
        self.alpha, self.fit_intercept, self.max_iter, self.tol = alpha, fit_intercept, max_iter, tol
        self.callback, self.verbose = callback, verbose

    @checks_parameters(nested=False)
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit to rows `X` (n, d) and targets `y` (n,) or (n, t), and return the estimator."""
        refuse_lazy(X, type(self).__name__)
        draft = draft_of(self)
        x, Y, weight, flat, *_ = read_numbers(draft, X, y, sample_weight)
        # Products of small models wait for threads longer than they work.
        with one_blas_thread():
            training = prepared(draft, *with_weight(x, Y, weight), flat=flat)
            run_and_keep(self, draft, training)
            for one in training.movements:
                one.warn()
        return self

    @capped
    def predict(self, X: ArrayLike) -> Array:
        """Return f0 + Σ_j T_j(X, Δ) + b at the rows of `X`, of shape (n,) or (n, t)."""
        refuse_lazy(X, type(self).__name__)
        fitted = snapshot(self)
        x = validate_data(fitted, X, dtype=DTYPES, reset=False)
        terms, movements = fitted._model
        moved = np.hstack([finite(terms.total(x, one), "terms") for one in movements])
        values = (outputs(fitted._start, x) + moved + fitted.intercept_).astype(x.dtype, copy=False)
        return values[:, 0] if fitted._flat else values


def prepared(draft: TaylorizedRidge, x: Array, Y: Array, weight: Array | None, *, flat: bool) -> Training:
    """Return the training of rows that have a weight, with targets (n, t): checked, and not begun."""
    p = x.shape[1] if draft.n_parameters is None else int(draft.n_parameters)
    if draft.terms is None and p != x.shape[1]:
        raise ValueError(f"n_parameters={p} needs terms and vjp: a linear model of {x.shape[1]} columns has as many.")
    check_memory(8 * (2 * PAIRS + MOVEMENTS) * p, f"Training {p} parameters", "Hold some of them fixed.")
    terms = Terms(draft.terms, draft.vjp, int(draft.order), p)
    check_range(largest_of(Y), x.dtype)
    terms.check(x)
    start, t, c = outputs(draft.f0, x), Y.shape[1], terms.outputs
    if start.shape[1] not in (1, t) or c not in (1, t):
        raise ValueError(
            f"y has {t} columns, f0 {start.shape[1]} and terms {c} outputs: f0 and terms must have as many as y, or"
            " one."
        )
    weight = np.ones(len(x)) if weight is None else weight.astype(np.float64)
    largest = float(weight.max())
    shares = weight / largest
    count = float(shares.sum())
    rest, alpha = Y - start, float(draft.alpha) / largest / count
    options: dict[str, Any] = {"alpha": alpha, "fit_intercept": bool(draft.fit_intercept)}
    groups = [rest] if c > 1 else [rest[:, k : k + 1] for k in range(t)]
    callback = watched(draft, objective_line)
    movements = [Movement(Squares(terms, x, r, shares / count, **options), callback) for r in groups]
    draft._start = draft.f0
    return Training(draft, movements, flat=flat)
