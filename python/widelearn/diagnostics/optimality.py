"""How far a fitted quadratic model is from the global optimum, proved by a dual certificate; and its gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special
from sklearn.exceptions import ConvergenceWarning

from widelearn.diagnostics.lifted_forms import NeuronForms, neuron_forms
from widelearn.diagnostics.relaxation import FEWEST, Relaxation, evaluations
from widelearn.diagnostics.taylor_problem import TaylorProblem, refuse_order
from widelearn.ridge import solve
from widelearn.runtime import capped, warn

Array = NDArray[np.float64]

# Gradient times parameters, over the objective, above which a fit has not converged.
UNCONVERGED = 0.1
# A gap of this share of the objective is not lowered further.
TIGHT = 1e-8


@capped
def optimality_gap(model: Any, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
    """Bound how far the objective of a fitted quadratic model is above its global minimum.

    The objective is F = mean loss + alpha G^q + (linear_alpha/2) ‖β‖², G = Σ_r ‖w_r‖⁴, of f = f^Q_W + X β + b. In the
    lifts M_r = w_r w_rᵀ f^Q is linear; over all M_r >= 0, with tr(M_r)² for ‖w_r‖⁴, the problem is convex. Any u (n, c)
    gives a lower bound of its minimum, and so of F's:

        -Σ_i ω_i ℓ*(u_i/ω_i) - max_s (‖κ‖ s - alpha s^(2q)) - ‖Xᵀu‖²/(2 linear_alpha),   s >= 0, Σ_i u_i = 0,

    with ω the weights, ℓ* the loss's conjugate, κ_r = max(0, -λ_min(S_r)) and S_r = ½ Σ_i <u_i, a_r> σ''(<w0_r, x_i>)
    x_i x_iᵀ. The gap is F less that bound, u being the loss's derivative at the fit, or where lifts of rank 2 lead from
    it: whichever bound is larger.

    Parameters
    ----------
    model : TaylorRegressor or TaylorClassifier
        Fitted with order=2 and mode="taylor".
    X : array-like of shape (n, d)
        The rows it was fitted to.
    y : array-like of shape (n,) or (n, c)
        Their targets or labels.
    sample_weight : array-like of shape (n,), optional
        Their weights, if it was fitted with weights.

    Returns
    -------
    float
        The gap >= 0, up to rounding, in units of `loss_curve_`: F is at most so far above its minimum. Infinite if
        alpha > 0 but linear_alpha = 0 and the loss is not squared.

    Raises
    ------
    ValueError
        If order, mode or shapes do not fit, alpha is 0, or a value is not finite.
    TypeError
        If the model is no fitted Taylor model.
    MemoryError
        If d² numbers a neuron do not fit.

    Warns
    -----
    ConvergenceWarning
        If the fit has not converged, the gradient's norm times that of the parameters being above a tenth of F: the gap
        is then that of a point on the way. Fits at the default tol are such, with gaps of 0.2 to 5 % of F in trials.

    Notes
    -----
    n m d²/2 flops for neurons in pairs up to 128 columns, else n m d², and for n m d below 8e7 a descent of at most
    3e10 flops; in float64 whatever the model's type. At a minimum whose w_r lie along simple bottom eigenvectors the
    relaxation is tight, and the gap goes to 0 with the gradient: below 1e-6 of F at tol=1e-12. Narrow nets may keep a
    gap, 0.1 to 0.3 % of F at width 20 in trials, where the relaxation's minimum is below F's.

    References
    ----------
    Bai & Lee, "Beyond linearization: on quadratic and higher-order approximation of wide neural networks", ICLR 2020,
    section 3 (all minima of wide nets are near-global). The certificate is the relaxation's Lagrangian dual.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import TaylorRegressor
    >>> from widelearn.diagnostics import optimality_gap
    >>> X = np.random.default_rng(0).choice([-1.0, 1.0], (200, 10))
    >>> y = X[:, 0] * X[:, 1]
    >>> model = TaylorRegressor(tol=1e-12, max_iter=3000, random_state=0).fit(X, y)
    >>> bool(0 <= optimality_gap(model, X, y) < 1e-3 * model.loss_curve_[-1])
    True
    """
    refuse_order(model, "A certificate of optimality")
    problem = TaylorProblem.of(model, X, y, sample_weight, "A certificate of optimality")
    if not problem.alpha > 0:
        raise ValueError(f"alpha must be above 0 for a certificate, got {problem.alpha:g}: the dual needs a penalty.")
    size = _size(problem.gradient())
    parameters = _size([problem.W, problem.beta])
    value = problem.objective()
    if size * parameters > UNCONVERGED * value:
        warn(
            f"The fit has not converged: its gradient has the norm {size:.3g} at the objective {value:.3g}, so that the"
            " gap is that of a point on the way. Fit with a larger max_iter or a smaller tol.",
            ConvergenceWarning,
        )
    descends = evaluations(problem) >= FEWEST
    gap, forms = gap_at(problem, value, problem.outputs, problem.offset, vectors=descends)
    if gap <= TIGHT * value or not descends:
        return gap
    ends = Relaxation(problem).descend(np.maximum(-forms.smallest, 0.0), forms.bottoms)
    return min(gap, gap_at(problem, value, *ends)[0])


def gap_at(
    problem: TaylorProblem, value: float, terms: Array, line: Array, *, vectors: bool = False
) -> tuple[float, NeuronForms]:
    """Return a value less the dual's at the loss's derivative for these outputs, and the neurons' forms there."""
    u = dual_point(problem, terms, line)
    forms = neuron_forms(problem.expansion, problem.X, u, vectors=vectors)
    return value - lower_bound(problem, u, np.maximum(-forms.smallest, 0.0)), forms


@capped
def gradient_norm(model: Any, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
    """Return the norm of the gradient of a fitted Taylor model's objective, by W and the linear part.

    Parameters
    ----------
    model : TaylorRegressor or TaylorClassifier
        Fitted with mode="taylor"; any order.
    X : array-like of shape (n, d)
        The rows it was fitted to.
    y : array-like of shape (n,) or (n, c)
        Their targets or labels.
    sample_weight : array-like of shape (n,), optional
        Their weights, if it was fitted with weights.

    Returns
    -------
    float
        (‖∂W‖² + ‖∂β‖² + ‖∂b‖²)^½ in the model's units of rows and targets.

    Raises
    ------
    ValueError
        If mode or shapes do not fit, or a value is not finite.
    TypeError
        If the model is no fitted Taylor model.

    Notes
    -----
    6 n m d flops, in float64.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import TaylorRegressor
    >>> from widelearn.diagnostics import gradient_norm
    >>> X = np.random.default_rng(0).choice([-1.0, 1.0], (100, 10))
    >>> y = X[:, 0] * X[:, 1]
    >>> coarse, fine = (
    ...     TaylorRegressor(tol=tol, max_iter=3000, random_state=0).fit(X, y)
    ...     for tol in (1e-3, 1e-12)
    ... )
    >>> gradient_norm(fine, X, y) < gradient_norm(coarse, X, y) / 10
    True
    """
    return _size(TaylorProblem.of(model, X, y, sample_weight, "A gradient").gradient())


def _size(parts: list[Array]) -> float:
    return float(np.sqrt(sum(np.sum(part**2) for part in parts)))


def dual_point(problem: TaylorProblem, terms: Array, line: Array) -> Array:
    """Return the loss's derivative by outputs terms + line (n, c), with a linear part one whose columns add up to 0.

    For the squared loss it is that at the best linear part; else probabilities are mixed with fixed ones until they
    have the labels' frequencies, for which the derivative stays within the conjugate's domain.
    """
    weight, Y = problem.weight[:, None], problem.Y
    if problem.loss == "squared":
        if not problem.linear:
            return np.asarray(weight * (terms + line - Y))
        left = terms - Y
        X = problem.columns - problem.weight @ problem.columns
        left = left - problem.weight @ left
        if problem.linear_alpha > 0:
            coef = solve(X, left, problem.linear_alpha, sample_weight=problem.weight)
        else:
            coef = np.linalg.lstsq(np.sqrt(weight) * X, np.sqrt(weight) * left, rcond=None)[0]
        return np.asarray(weight * (left - X @ coef))
    if problem.loss == "logistic":
        p, hits = special.expit(terms + line), (Y + 1) / 2
        if not problem.linear:
            return np.asarray(weight * (p - hits))
        mean, wanted = problem.weight @ p, problem.weight @ hits
        share = np.maximum(1 - wanted / mean, 1 - (1 - wanted) / (1 - mean))
        share = np.clip(share, 0.0, 1.0)
        return np.asarray(weight * (_mixed(p, mean, wanted, share) - hits))
    p = special.softmax(terms + line, axis=1)
    if not problem.linear:
        return np.asarray(weight * (p - Y))
    mean, wanted = problem.weight @ p, problem.weight @ Y
    most = float(np.clip(np.max(1 - wanted / mean), 0.0, 1.0))
    return np.asarray(weight * (_mixed(p, mean, wanted, np.full(len(mean), most)) - Y))


def _mixed(p: Array, mean: Array, wanted: Array, share: Array) -> Array:
    """Return (1 - t) p + t q, q the same for all rows, of the wanted mean; p itself where that is its mean."""
    q = np.where(share > 0, (wanted - (1 - share) * mean) / np.where(share > 0, share, 1.0), 0.0)
    return (1 - share) * p + share * q


def lower_bound(problem: TaylorProblem, u: Array, kappa: Array) -> float:
    """Return the dual's value at a feasible point, a lower bound of the objective everywhere."""
    size, power = float(np.linalg.norm(kappa)), 2 * problem.power
    s = (size / (power * problem.alpha)) ** (1 / (power - 1))
    value = -_conjugate(problem, u) - size * s * (1 - 1 / power)
    if not problem.linear:
        return value + float(np.sum(u * problem.offset))
    linear = float(np.sum((problem.columns.T @ u) ** 2))
    if problem.linear_alpha > 0:
        return value - linear / (2 * problem.linear_alpha)
    # Least squares leave no product with the columns.
    return value if problem.loss == "squared" else -np.inf


def _conjugate(problem: TaylorProblem, u: Array) -> float:
    """Return Σ_i ω_i ℓ*(u_i/ω_i)."""
    weight = np.where(problem.weight > 0, problem.weight, 1.0)[:, None]
    v = u / weight
    if problem.loss == "squared":
        return float(np.sum(u * (v / 2 + problem.Y)))
    if problem.loss == "logistic":
        p = np.clip(v + (problem.Y + 1) / 2, 0.0, 1.0)
        return float(np.sum(problem.weight[:, None] * (special.xlogy(p, p) + special.xlogy(1 - p, 1 - p))))
    p = np.clip(v + problem.Y, 0.0, 1.0)
    return float(np.sum(problem.weight[:, None] * special.xlogy(p, p)))
