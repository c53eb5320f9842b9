"""Fitting and evaluating Taylor models: what the regressor and the classifier share."""

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import validate_data

from widelearn.estimators.optim.adam import Adam
from widelearn.estimators.optim.batches import batch_descent
from widelearn.estimators.optim.gradient_descent import perturbed_descent
from widelearn.estimators.optim.lbfgs import lbfgs_descent
from widelearn.estimators.optim.sgd import Sgd
from widelearn.estimators.optim.trace import DivergedError, Trace
from widelearn.estimators.taylor.inputs import LinearPart, root_mean_square, whitening
from widelearn.estimators.taylor.net import Net, activation_scale, draw_net
from widelearn.estimators.taylor.objective import Objective
from widelearn.estimators.taylor.start import random_start, spectral_start
from widelearn.runtime import one_blas_thread

Array = NDArray[Any]
DTYPES = [np.float64, np.float32]
MAX_ORDER = 4
# First rates of the solvers.
RATES = {"pgd": 1.0, "sgd": 0.3, "adam": 3e-3, "lbfgs": 1.0}
BATCH = 64
# Radius of the noise of sgd.
NOISE = 1e-3
# Share of the objective without the net above which an odd term is said to fit nothing.
STUCK = 0.9


class BaseTaylor(BaseEstimator):
    """A Taylor model of a two-layer net: parameters, descent, values."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "order": [Interval(Integral, 1, MAX_ORDER, closed="both"), tuple],
        "activation": [str, tuple],
        "width": [Interval(Integral, 2, None, closed="left")],
        "mode": [StrOptions({"taylor", "marginal", "signs"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "penalty_power": [Interval(Integral, 1, None, closed="left")],
        "linear_term": ["boolean"],
        "whiten": ["boolean"],
        "solver": [StrOptions({"lbfgs", "pgd", "sgd", "adam"})],
        "init": [StrOptions({"auto", "random", "spectral", "zeros"})],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither"), None],
        "batch_size": [Interval(Integral, 1, None, closed="left"), None],
        "random_state": ["random_state"],
        "callback": [callable, None],
    }

    def __init__(
        self,
        order: int | tuple[int, ...] = 2,
        activation: str | tuple[str, float] = "softplus",
        *,
        width: int = 128,
        mode: str = "taylor",
        alpha: float = 2e-3,
        penalty_power: int = 1,
        linear_term: bool = True,
        whiten: bool = False,
        solver: str = "lbfgs",
        init: str = "auto",
        max_iter: int = 500,
        tol: float = 1e-5,
        learning_rate_init: float | None = None,
        batch_size: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        callback: Any = None,
    ) -> None:
        self.order = order
        self.activation = activation
        self.width = width
        self.mode = mode
        self.alpha = alpha
        self.penalty_power = penalty_power
        self.linear_term = linear_term
        self.whiten = whiten
        self.solver = solver
        self.init = init
        self.max_iter = max_iter
        self.tol = tol
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.random_state = random_state
        self.callback = callback

    def _train(self, X: Array, Y: Array, loss: str, mean: Array, scale: Array) -> None:
        """Set the fitted attributes from validated rows and targets (n, c), of which values are `mean` + `scale` Y."""
        orders = self._orders()
        solver = self._check_solver(max(orders))
        rng = check_random_state(self.random_state)
        # The real network is not scaled, for signs would shake it the more; the penalty then means the same.
        scaled, alpha = activation_scale(self.activation, max(orders)), float(self.alpha)
        scaled, alpha = (scaled, alpha) if self.mode == "taylor" else (1.0, alpha * scaled**2)
        draft: dict[str, Any] = {"activation_scale_": scaled, "solver_": solver, "y_scale_": scale}
        X = self._prepare(X, draft)
        W0, a = (part.astype(X.dtype) for part in draw_net(rng, self.width, X.shape[1], Y.shape[1]))
        draft |= {"W0_": W0, "a_": a}
        net = Net(W0, (a / scaled).astype(X.dtype), self.activation, orders if self.mode == "taylor" else None)
        linear = LinearPart.of(X, float(self.alpha)) if self.linear_term else None
        draws = rng if self.mode == "signs" else None
        Y = Y.astype(X.dtype)
        objective = Objective(X, Y, loss, net, linear, alpha, max(orders), self.penalty_power, draws)
        # Threads of small products wait for each other longer than they work.
        with one_blas_thread():
            trace = Trace(self._start(objective, rng), self.callback)
            try:
                self._descend(objective, trace, solver, rng)
            except DivergedError:
                trace.fault = (
                    f"{solver} diverged after {len(trace.losses)} iterations, whose last finite weights are kept"
                )
            except KeyboardInterrupt:
                self._keep(draft, objective, trace, mean)
                raise
        self._keep(draft, objective, trace, mean)
        self._warn(objective, trace)

    def _prepare(self, X: Array, draft: dict[str, Any]) -> Array:
        """Return rows whitened, if asked for, and divided by one number."""
        if self.whiten:
            draft["mean_"], draft["whitening_"] = (part.astype(X.dtype) for part in whitening(X))
            X = (X - draft["mean_"]) @ draft["whitening_"]
        draft["x_scale_"] = root_mean_square(X)
        return np.ascontiguousarray(X / X.dtype.type(draft["x_scale_"]))

    def _orders(self) -> tuple[int, ...]:
        """Return the orders whose terms are summed, checked."""
        orders = self.order if isinstance(self.order, tuple) else (self.order,)
        whole = all(isinstance(k, Integral) and 1 <= k <= MAX_ORDER for k in orders)
        if not whole or not orders or len(set(orders)) < len(orders):
            raise ValueError(
                f"order must be one of 1 to {MAX_ORDER}, or a tuple of different ones, got {self.order!r}."
            )
        if self.mode != "taylor" and tuple(orders) != (2,):
            raise ValueError(
                f"mode={self.mode!r} trains the real network, of which random signs leave order 2 and even ones above"
                f" it, got order={self.order!r}. Set order=2, or mode='taylor'."
            )
        if self.width % 2:
            raise ValueError(f"width must be even, for neurons come in pairs, got {self.width}. Take {self.width + 1}.")
        return tuple(int(k) for k in orders)

    def _check_solver(self, order: int) -> str:
        """Return the solver that will run; refuse starts and solvers that do not go together."""
        solver = self.solver
        if self.mode == "signs":
            if solver == "pgd":
                raise ValueError(
                    "mode='signs' draws signs at every step, but 'pgd' compares steps. Take 'adam' or 'sgd'."
                )
            solver = "adam" if solver == "lbfgs" else solver
        moves = order == 1 or 1 in np.atleast_1d(self.order)
        if self.init == "zeros" and not moves and solver not in ("pgd", "sgd"):
            raise ValueError(
                f"init='zeros' is a stationary point, which {solver!r} never leaves: all terms of order 2 and more have"
                " gradient 0 there. Take init='random' or 'spectral', or solver='pgd', which adds noise."
            )
        if self.init == "spectral" and not self._quadratic():
            raise ValueError(f"init='spectral' is made for order=2, got order={self.order!r}. Take init='random'.")
        return solver

    def _quadratic(self) -> bool:
        """Whether the curvature at W = 0 is that of a quadratic model, exactly or to leading order."""
        return tuple(np.atleast_1d(self.order)) == (2,)

    def _start(self, objective: Objective, rng: np.random.RandomState) -> Array:
        """Return where the descent starts, of the squared loss with the linear part alone solved."""
        shape = objective.net.W0.shape
        W = np.zeros(shape) if self.init == "zeros" else random_start(rng, shape, objective.order)
        theta = objective.pack(W)
        if objective.linear is not None and objective.loss == "squared":
            Y = objective.Y.astype(np.float64)
            mean = Y.mean(axis=0)
            theta = objective.pack(W, objective.linear.Z.T @ (Y - mean) / len(Y), mean)
        if self.init == "spectral" or (self.init == "auto" and self._quadratic()):
            _, gamma, b = objective.unpack(theta)
            theta = objective.pack(spectral_start(objective, theta, rng), gamma, b)
        return theta

    def _descend(self, objective: Objective, trace: Trace, solver: str, rng: np.random.RandomState) -> None:
        rate = RATES[solver] if self.learning_rate_init is None else float(self.learning_rate_init)
        if solver == "lbfgs":
            # Below the rounding of the values there is nothing left to gain.
            tol = max(float(self.tol), 10 * float(np.finfo(objective.X.dtype).eps))
            lbfgs_descent(objective, trace, max_iter=self.max_iter, tol=tol)
        elif solver == "pgd":
            perturbed_descent(objective, trace, rng, max_iter=self.max_iter, tol=float(self.tol), rate=rate)
        else:
            n = len(objective.X)
            batch = min(BATCH if self.batch_size is None else self.batch_size, n)
            adam = Adam(trace.theta, weights=(0.1, 0.001), corrects_root=True)
            rule = adam if solver == "adam" else Sgd(trace.theta, noise=(NOISE, rng))
            batch_descent(objective, trace, rule, rng, n_rows=n, batch_size=batch, max_iter=self.max_iter, rate=rate)

    def _keep(self, draft: dict[str, Any], objective: Objective, trace: Trace, mean: Array) -> None:
        """Replace what was fitted, at one stroke."""
        dtype, scale = objective.X.dtype, draft["y_scale_"]
        W, gamma, b = objective.unpack(trace.theta)
        beta, offset = np.zeros((W.shape[1], len(scale))), np.zeros(len(scale))
        if objective.linear is not None:
            beta, offset = objective.linear.coefficients(gamma, b)
            beta = beta / draft["x_scale_"]
            if self.whiten:
                beta = draft["whitening_"] @ beta
                offset = offset - draft["mean_"] @ beta
        coef, offset = (beta * scale).T.astype(dtype), (offset * scale + mean).astype(dtype)
        flat = self._flat
        draft |= {
            "W_": W.astype(dtype),
            "a_": draft["a_"][:, 0] if flat else draft["a_"],
            "coef_": coef[0] if flat else coef,
            "intercept_": offset[0] if flat else offset,
            "y_scale_": scale[0] if flat else scale,
            "n_iter_": max(len(trace.losses), 1),
            "loss_curve_": trace.losses,
            "history_": {"loss": np.array(trace.losses), "gradient_norm": np.array(trace.gradients)},
        }
        for name in ("mean_", "whitening_"):
            self.__dict__.pop(name, None)
        self.__dict__ |= draft

    def _warn(self, objective: Objective, trace: Trace) -> None:
        """Say what went wrong, if anything did."""
        last = f"objective {trace.losses[-1]:.3g}, gradient {trace.gradients[-1]:.2g}" if trace.losses else "no step"
        if trace.fault:
            remedy = "Take a smaller learning_rate_init" if "diverged" in trace.fault else "Increase max_iter or tol"
            text = f"{trace.fault} ({last}). {remedy}, or scale the columns of X."
            warnings.warn(text, ConvergenceWarning, stacklevel=5)
        elif objective.net.orders == (2,) and objective.net.odd_curvature() and trace.losses:
            _, gamma, b = objective.unpack(trace.theta)
            without = objective(objective.pack(np.zeros_like(objective.net.W0, float), gamma, b))[0]
            if trace.losses[-1] > STUCK * without:
                warnings.warn(
                    f"The quadratic term of {self.activation!r} lowered the objective from {without:.3g} to"
                    f" {trace.losses[-1]:.3g} only: its σ'' is odd, and so is the term in x, which cannot fit an even"
                    " target such as a product of two columns. Take activation='softplus' or 'gelu'.",
                    UserWarning,
                    stacklevel=5,
                )

    def _net(self) -> Net:
        a = (self.a_ / self.activation_scale_).astype(self.W_.dtype)
        return Net(self.W0_, a.reshape(len(a), -1), self.activation, self._orders() if self.mode == "taylor" else None)

    def _values(self, X: ArrayLike) -> Array:
        """Return the mean network and the linear part at rows: (n, c)."""
        x = validate_data(self, X, dtype=DTYPES, reset=False)
        z = x.astype(self.W_.dtype, copy=False)
        if hasattr(self, "whitening_"):
            z = (z - self.mean_) @ self.whitening_
        moved = self._net().outputs(np.ascontiguousarray(z / z.dtype.type(self.x_scale_)), self.W_)
        linear = x @ np.atleast_2d(self.coef_).T + self.intercept_
        return moved * np.asarray(self.y_scale_, moved.dtype) + linear
