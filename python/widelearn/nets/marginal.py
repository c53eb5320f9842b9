"""Two-layer nets whose movement has a random sign in every row: means, variances and the mean loss over the signs."""

from typing import Any

import numpy as np

from widelearn import _core
from widelearn.nets.arrays import Array, activation_spec, check_labels, check_result, check_room, check_weight, checked
from widelearn.nets.taylor import TaylorGradient, check_offset

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
    _core.signs_forward(X, W0, a, W, spec, F, V)
    return F, V


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
    MemoryError
        If the sums of the derivatives do not fit.

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
    check_labels(loss, Y)
    nodes, heights = np.polynomial.hermite_e.hermegauss(NODES)
    check_room(*W.shape)
    by_W, residual = np.empty_like(W), np.empty_like(Y)
    offset, weight = check_offset(offset, Y), check_weight(sample_weight, len(X))
    rule = (nodes, heights / heights.sum())
    value = _core.signs_gradient(X, Y, W0, a, W, spec, loss, *rule, offset, weight, by_W, residual)
    check_result(by_W)
    return TaylorGradient(value, by_W, residual)
