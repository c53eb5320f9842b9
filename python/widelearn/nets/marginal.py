"""Two-layer nets whose movement has a random sign in every row: means, variances and the mean loss over the signs."""

from typing import Any

import numpy as np
from scipy import special

from widelearn.nets import losses
from widelearn.nets.arrays import Array, Spec, activation_spec, check_loss, check_weight, checked
from widelearn.nets.slopes import slope
from widelearn.nets.taylor import TaylorGradient, offset_of
from widelearn.runtime import row_blocks

ROWS = 512
NODES = 9


def marginal_forward(X: Array, W0: Array, a: Array, W: Array, activation: Any) -> tuple[Array, Array]:
    """Return mean and variance of a two-layer net's outputs over random signs of the rows of its movement.

    With u = W0 x, v = W x and independent signs s_r = ±1, f = Σ_r a_r σ(u_r + s_r v_r) has the mean
    F = Σ_r a_r ½[σ(u_r + v_r) + σ(u_r - v_r)] and the variance V = Σ_r a_r² (½[σ(u_r + v_r) - σ(u_r - v_r)])².

    Parameters
    ----------
    X : array of shape (n, d)
        Rows, float32 or float64; all arrays are of one type.
    W0 : array of shape (m, d)
        First layer from which is moved.
    a : array of shape (m, c)
        Output weights.
    W : array of shape (m, d)
        Movement.
    activation : str or ("leaky_relu", slope)
        A name of the activations.

    Returns
    -------
    F, V : arrays of shape (n, c)
        Mean and variance, of the type of `X`.

    Raises
    ------
    ValueError
        If shapes do not fit, a value is not finite, or the activation is unknown.
    TypeError
        If the arrays are not all float32 or all float64.

    Notes
    -----
    4 n m d flops and two activations an element. Source: Bai and Lee (2020), "Beyond linearization", section 2: signs
    that cancel the linear term; the moments follow from the signs' independence.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.nets import marginal_forward
    >>> one = np.ones((1, 1))
    >>> marginal_forward(one, one, one, 2 * one, "relu")  # σ(3) or σ(-1)
    (array([[1.5]]), array([[2.25]]))
    """
    spec = activation_spec(activation)
    X, W0, a, W = checked(X=(X, ("n", "d")), W0=(W0, ("m", "d")), a=(a, ("m", "c")), W=(W, ("m", "d")))
    F, V = np.empty((2, len(X), a.shape[1]), X.dtype)
    for rows in row_blocks(len(X), ROWS):
        even, odd = halves(spec, X[rows] @ W0.T, X[rows] @ W.T, 0)
        F[rows], V[rows] = even @ a, odd**2 @ a**2
    return F, V


def halves(spec: Spec, U: Array, P: Array, order: int) -> tuple[Array, Array]:
    """Return the even and the odd part in p of the activation's derivative at u + p."""
    up, down = (slope(spec, U + sign * P, order).astype(np.float64) for sign in (1, -1))
    return 0.5 * (up + down), 0.5 * (up - down)


def marginal_loss_gradient(
    X: Array,
    Y: Array,
    W0: Array,
    a: Array,
    W: Array,
    activation: Any,
    loss: str,
    *,
    offset: Array | None = None,
    sample_weight: Any = None,
) -> TaylorGradient:
    """Return the mean over random row signs of a two-layer net's loss, and its gradient by the movement.

    With F and V as in :func:`marginal_forward`, `offset` added to F, the loss of a row is

    - "squared": ½‖F - y‖² + ½ Σ V, exactly the mean over the signs;
    - "logistic", "hinge": Σ over columns of E ℓ(y, F + √V z), z ~ N(0, 1), by 9-point Gauss-Hermite quadrature: the
      limit of many neurons, none of which dominates;
    - "softmax": ℓ(y, F) + ½ tr(H C) with H the loss's second derivative at F and C = Σ_r a_r a_rᵀ o_r² the outputs'
      covariance, o_r = ½[σ(u_r + v_r) - σ(u_r - v_r)]: the mean to second order, without the terms beyond it.

    Where the start is not symmetric, Σ_r a_r σ(u_r) not zero, the caller's `offset` takes it off.

    Parameters
    ----------
    X : array of shape (n, d)
        Rows, float32 or float64; all arrays are of one type.
    Y : array of shape (n, c)
        Labels as in :func:`loss_gradient`.
    W0 : array of shape (m, d)
        First layer from which is moved.
    a : array of shape (m, c)
        Output weights.
    W : array of shape (m, d)
        Movement.
    activation : str or ("leaky_relu", slope)
        A name of the activations; relu'(0) = 0.
    loss : {"squared", "logistic", "hinge", "softmax"}
        As above.
    offset : array of shape (n, c), optional
        Added to the mean outputs.
    sample_weight : array of shape (n,), optional
        Weights w >= 0; None is 1 each.

    Returns
    -------
    TaylorGradient
        (loss, W, residual), the residual being the derivative by F.

    Raises
    ------
    ValueError
        If shapes do not fit, a value is not finite, labels do not suit the loss, or the activation has no derivative.
    TypeError
        If the arrays are not all float32 or all float64.

    Notes
    -----
    6 n m d flops and four activations an element, for softmax 2 n m c² more. The same bits for every number of
    threads. Source: Bai and Lee (2020), "Beyond linearization", section 2, the risk of the randomised net.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.nets import marginal_loss_gradient
    >>> one = np.ones((1, 1))
    >>> found = marginal_loss_gradient(one, one, one, one, 2 * one, "relu", "squared")
    >>> found.loss  # the mean of ½ (3 - 1)² and ½ (0 - 1)²
    1.25
    """
    spec = activation_spec(activation)
    X, Y, W0, a, W = checked(
        X=(X, ("n", "d")), Y=(Y, ("n", "c")), W0=(W0, ("m", "d")), a=(a, ("m", "c")), W=(W, ("m", "d"))
    )
    check_loss(loss, Y)
    weight, start = check_weight(sample_weight, len(X)), offset_of(offset, X, a)
    total, gW, residual = 0.0, np.zeros(W.shape), np.empty(Y.shape, X.dtype)
    pairs = np.einsum("rk,rl->rkl", a, a).astype(np.float64)
    for rows in row_blocks(len(X), ROWS):
        x, y, w = X[rows], Y[rows].astype(np.float64), weight[rows]
        U, P = x @ W0.T, x @ W.T
        (even, odd), (even_slope, odd_slope) = halves(spec, U, P, 0), halves(spec, U, P, 1)
        F = even @ a + start[rows]
        C = np.tensordot(odd**2, pairs, axes=1)
        value, by_mean, by_covariance = mean_loss(loss, y, F, C)
        total += float(w @ value)
        by_square = np.tensordot(by_covariance, pairs, axes=([1, 2], [1, 2]))
        T = (by_mean @ a.T) * odd_slope + 2 * by_square * odd * even_slope
        gW += (T * w[:, None]).T @ x
        residual[rows] = by_mean * w[:, None]
    return TaylorGradient(total, gW.astype(X.dtype), residual)


def mean_loss(loss: str, Y: Array, F: Array, C: Array) -> tuple[Array, Array, Array]:
    """Return the mean loss (n,) at mean F (n, c) and covariance C (n, c, c), and its derivatives by both."""
    c, V = F.shape[1], np.einsum("ikk->ik", C)
    if loss == "squared":
        half = np.broadcast_to(np.eye(c) / 2, C.shape)
        return losses.values(loss, Y, F) + V.sum(axis=1) / 2, F - Y, half
    if loss == "softmax":
        p, size = special.softmax(F, axis=1), Y.sum(axis=1)
        Cp = np.einsum("ikl,il->ik", C, p)
        trace, pCp = (p * V).sum(axis=1) - (p * Cp).sum(axis=1), (p * Cp).sum(axis=1)
        value = losses.values(loss, Y, F) + size * trace / 2
        by_mean = losses.slopes(loss, Y, F) + size[:, None] * p * (V - 2 * Cp + (pCp - trace)[:, None]) / 2
        H = size[:, None, None] * (p[:, :, None] * np.eye(c) - p[:, :, None] * p[:, None, :])
        return value, by_mean, H / 2
    z, weights = np.polynomial.hermite_e.hermegauss(NODES)
    weights, root = weights / weights.sum(), np.sqrt(V)
    value, by_mean, by_root = np.zeros(len(F)), np.zeros_like(F), np.zeros_like(F)
    for node, part in zip(z, weights, strict=True):
        at = F + root * node
        value += part * losses.values(loss, Y, at)
        by_mean += part * losses.slopes(loss, Y, at)
        by_root += part * node * losses.slopes(loss, Y, at)
    # By V: that by √V over 2 √V. Where V is 0 so is every neuron's odd part, which multiplies it.
    by_variance = np.divide(by_root, 2 * root, out=np.zeros_like(F), where=root > 0)
    return value, by_mean, by_variance[:, :, None] * np.eye(c)
