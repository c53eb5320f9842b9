"""Training in the linear regime: exact gradient flow, and a condition under which a network stays in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from widelearn.theory.checks import Array, eigenvectors, finite, non_negative, numbers, positive


def gradient_flow(
    K: ArrayLike, y: ArrayLike, t: ArrayLike, K_test: ArrayLike | None = None, learning_rate: float | None = None
) -> Array:
    """Follow a linearised network along gradient flow: f_t = (I - exp(-K t/n)) y on the training inputs, exactly.

    The loss is ‖y - f‖²/(2n), K = J J' the tangent kernel at the start, and y what the start leaves to fit, y - f_0. At
    other inputs f_t = k' K^(-1) (I - exp(-K t/n)) y; t infinite is the minimum-norm interpolator.

    Parameters
    ----------
    K : array-like of shape (n, n)
        Symmetric, positive semidefinite.
    y : array-like of shape (n,)
        Targets less the predictions at the start.
    t : float or array-like of shape (T,)
        Times >= 0, infinity allowed; numbers of steps if `learning_rate` is given.
    K_test : array-like of shape (m, n), optional
        Kernel between other inputs and the training inputs; then predictions there are returned.
    learning_rate : float, optional
        Step η of gradient descent instead of flow: exp(-K t/n) becomes (I - η K/n)^t. Stable for η < 2n/λ_max.

    Returns
    -------
    ndarray of shape (n,) or (m,), or (T, n) or (T, m)
        Predictions at each time.

    Raises
    ------
    ValueError
        If shapes do not fit, K is not symmetric positive semidefinite, a time is negative, or η is too large.

    Notes
    -----
    One eigendecomposition, 9 n³ flops, serves all times. Exact for the linearised network; a network stays near it
    where it is lazy (:func:`lazy_condition`).

    References
    ----------
    Misiakiewicz & Montanari, "Six lectures on linearized neural networks", chapter 1; Bartlett, Montanari & Rakhlin,
    Acta Numerica 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.theory import gradient_flow
    >>> gradient_flow(np.diag([2.0, 4.0]), [1.0, 1.0], t=np.log(2)).round(4)
    array([0.5 , 0.75])
    """
    targets, times = finite("y", y), numbers("t", t)
    if not np.all(times >= 0):
        raise ValueError(f"t must be non-negative, got {np.min(times):g}.")
    values, vectors = eigenvectors(K, targets, "y")
    n, largest = len(targets), float(values.max(initial=0.0))
    values = np.maximum(values, 0.0)
    left = _decay(values / n, np.atleast_1d(times), learning_rate, n / largest if largest else np.inf)
    coefficients = vectors.T @ targets
    if K_test is None:
        path = (1 - left) * coefficients @ vectors.T
    else:
        cross = finite("K_test", K_test)
        if cross.ndim != 2 or cross.shape[1] != n:
            raise ValueError(f"K_test has shape {cross.shape}: it must be (m, {n}).")
        # a null direction of K has no weight in any row of K_test
        inverse = np.where(values > 1e-14 * largest, 1 / np.where(values > 0, values, 1.0), 0.0)
        path = ((1 - left) * inverse * coefficients) @ (cross @ vectors).T
    return path if times.ndim else path[0]


def _decay(rates: Array, times: Array, step: float | None, stable: float) -> Array:
    """Return what is left of each eigendirection at each time, of shape (T, n)."""
    with np.errstate(invalid="ignore"):
        if step is None:
            left = np.exp(-times[:, None] * rates)
        else:
            step = float(positive("learning_rate", step))
            if step >= 2 * stable:
                raise ValueError(f"learning_rate = {step:g} diverges: it must be below 2n/λ_max = {2 * stable:.6g}.")
            left = np.power(1 - step * rates + 0j, times[:, None]).real
    return np.where(np.isnan(left), np.where(rates > 0, 0.0, 1.0), left)


@dataclass(frozen=True)
class LazyCondition:
    """Hold whether a network provably stays in the linear regime, and how near.

    Parameters
    ----------
    holds : bool
        Whether 4 L r < α σ².
    margin : float
        4 L r/(α σ²), below 1 where it holds.
    rate : float
        α² σ²/2: ‖y - f_t‖² <= r² exp(-rate t/n) along gradient flow of ‖y - f‖²/(2n).
    distance : float
        Bound 2 r/(α σ) of the parameters' path.
    jacobian_change : float
        Bound 2 α L r/(α σ) of ‖J_t - J_0‖ (operator norm, of the scaled model).

    Examples
    --------
    >>> from widelearn.theory import lazy_condition
    >>> lazy_condition(sigma_min=2.0, lipschitz=0.1, residual=3.0).holds
    True
    """

    holds: bool
    margin: float
    rate: float
    distance: float
    jacobian_change: float


def lazy_condition(sigma_min: float, lipschitz: float, residual: float, scale: float = 1.0) -> LazyCondition:
    """Check the sufficient condition 4 L r < α σ² for training to stay near its linearisation.

    While ‖θ_t - θ_0‖ <= σ/(2L) the Jacobian's smallest singular value is at least σ/2, so the residual's norm falls at
    least by σ/2 for a unit of path; the path ends after 2 r/σ, inside the ball if 4 L r < σ². The model α f has ασ and
    αL in place of σ and L: any model is lazy for α large, once f(θ_0) = 0.

    Parameters
    ----------
    sigma_min : float
        σ, the smallest singular value of the Jacobian of the n predictions at the start.
    lipschitz : float
        L, a Lipschitz constant of the Jacobian (operator norm) in the parameters.
    residual : float
        r = ‖y - α f(θ_0)‖.
    scale : float, default=1.0
        α, which multiplies the network's output; σ and L are those of the unscaled network.

    Returns
    -------
    LazyCondition
        Whether it holds, and the bounds that then hold for all times.

    Raises
    ------
    ValueError
        If a number is out of range.

    Notes
    -----
    Sufficient and very pessimistic: networks behave linearly far before it holds. Report it, do not gate on it. The
    tests check the bounds along trained networks.

    References
    ----------
    Oymak & Soltanolkotabi, ICML 2019; Bartlett, Montanari & Rakhlin, Acta Numerica 2021; Chizat, Oyallon &
    Bach, NeurIPS 2019 (the scale).

    Examples
    --------
    >>> from widelearn.theory import lazy_condition
    >>> found = lazy_condition(sigma_min=1.0, lipschitz=1.0, residual=2.0, scale=16.0)
    >>> found.holds, found.margin, found.distance
    (True, 0.5, 0.25)
    """
    sigma, alpha = float(positive("sigma_min", sigma_min)), float(positive("scale", scale))
    lip, r = float(non_negative("lipschitz", lipschitz)), float(non_negative("residual", residual))
    margin = 4 * lip * r / (alpha * sigma**2)
    distance = 2 * r / (alpha * sigma)
    return LazyCondition(margin < 1, margin, (alpha * sigma) * (alpha * sigma) / 2, distance, alpha * lip * distance)
