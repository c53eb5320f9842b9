"""Terms of a two-layer net's Taylor expansion in its first layer: outputs, gradients, products with the Hessian."""

from typing import Any, NamedTuple

import numpy as np

from widelearn import _core
from widelearn.nets.arrays import Array, activation_spec, check_labels, check_result, check_room, check_weight, checked

MAX_ORDER = 4


class TaylorGradient(NamedTuple):
    """Give a mean loss, its derivative by the movement, and that by the outputs of every row.

    Parameters
    ----------
    loss : float
        The weighted mean over the rows.
    W : array of shape (m, d)
        Derivative by the movement.
    residual : array of shape (n, c)
        Derivative by the outputs, weights included.

    Examples
    --------
    >>> from widelearn.nets import TaylorGradient
    >>> TaylorGradient(0.5, None, None).loss
    0.5
    """

    loss: float
    W: Array
    residual: Array


def check_orders(orders: Any) -> list[int]:
    """Return the orders as a list of different numbers from 0 to 4."""
    found = [int(k) for k in orders]
    if not found or len(set(found)) < len(found) or not all(0 <= k <= MAX_ORDER for k in found):
        raise ValueError(f"orders must be different numbers from 0 to {MAX_ORDER}, at least one, got {found}.")
    return found


def taylor_terms(X: Array, W0: Array, a: Array, W: Array, activation: Any, orders: Any) -> Array:
    """Return terms of a two-layer net's Taylor expansion in its first layer, each for itself.

    f^(k)(x) = Σ_r a_r σ^(k)(<w0_r, x>) <w_r, x>^k / k!, the order-k term of f_{W0 + W}; `W` is the movement, and there
    is no factor 1/√m: scales are in `a`.

    Parameters
    ----------
    X : array of shape (n, d)
        Rows, float32 or float64; all arrays are of one type.
    W0 : array of shape (m, d)
        First layer about which is expanded.
    a : array of shape (m, c)
        Output weights.
    W : array of shape (m, d)
        Movement of the first layer.
    activation : str or ("leaky_relu", slope)
        A name of the activations, with a derivative of the highest order.
    orders : sequence of int
        Orders k, 0 to 4.

    Returns
    -------
    array of shape (len(orders), n, c)
        The terms, of the type of `X`.

    Raises
    ------
    ValueError
        If shapes do not fit, a value is not finite, or a derivative of the activation is no function.
    TypeError
        If the arrays are not all float32 or all float64.

    Notes
    -----
    4 n m d flops (2 n m d where the only order is 0); the memory of some rows' products with `W0` and `W`. Source: Bai
    and Lee (2020), "Beyond linearization", section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.nets import taylor_terms
    >>> one = np.ones((1, 1))
    >>> taylor_terms(one, 2 * one, one, 0.5 * one, "quadratic", (0, 1, 2)).ravel()
    array([2.   , 1.   , 0.125])
    """
    spec, orders = activation_spec(activation), check_orders(orders)
    X, W0, a, W = checked(X=(X, ("n", "d")), W0=(W0, ("m", "d")), a=(a, ("m", "c")), W=(W, ("m", "d")))
    out = np.empty((len(orders), len(X), a.shape[1]), X.dtype)
    _core.taylor_terms(X, W0, a, W, spec, orders, True, None, out.reshape(-1, a.shape[1]))
    return out


def taylor_forward(
    X: Array, W0: Array, a: Array, W: Array, activation: Any, orders: Any, *, offset: Array | None = None
) -> Array:
    """Return the sum of terms of a two-layer net's Taylor expansion in its first layer.

    f(x) = Σ_{k in orders} f^(k)(x) + offset, with f^(k) as in :func:`taylor_terms`.

    Parameters
    ----------
    X : array of shape (n, d)
        Rows, float32 or float64; all arrays are of one type.
    W0 : array of shape (m, d)
        First layer about which is expanded.
    a : array of shape (m, c)
        Output weights.
    W : array of shape (m, d)
        Movement of the first layer.
    activation : str or ("leaky_relu", slope)
        A name of the activations, with a derivative of the highest order.
    orders : sequence of int
        Orders k, 0 to 4.
    offset : array of shape (n, c), optional
        Added to the outputs.

    Returns
    -------
    array of shape (n, c)
        The outputs, of the type of `X`.

    Raises
    ------
    ValueError
        If shapes do not fit, a value is not finite, or a derivative of the activation is no function.
    TypeError
        If the arrays are not all float32 or all float64.

    Notes
    -----
    4 n m d flops; the memory of some rows' products with `W0` and `W`. Source: Bai and Lee (2020), "Beyond
    linearization", section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.nets import taylor_forward
    >>> one = np.ones((1, 1))
    >>> taylor_forward(one, 2 * one, one, 0.5 * one, "quadratic", (0, 1, 2))  # 2.5² / 2
    array([[3.125]])
    """
    spec, orders = activation_spec(activation), check_orders(orders)
    X, W0, a, W = checked(X=(X, ("n", "d")), W0=(W0, ("m", "d")), a=(a, ("m", "c")), W=(W, ("m", "d")))
    out = np.empty((len(X), a.shape[1]), X.dtype)
    _core.taylor_terms(X, W0, a, W, spec, orders, False, check_offset(offset, out), out)
    return out


def check_offset(offset: Array | None, outputs: Array) -> Array | None:
    """Hold what is added to the outputs to their shape and type."""
    return None if offset is None else checked(outputs.dtype, offset=(offset, outputs.shape))[0]


def taylor_loss_gradient(
    X: Array,
    Y: Array,
    W0: Array,
    a: Array,
    W: Array,
    activation: Any,
    orders: Any,
    loss: str,
    *,
    offset: Array | None = None,
    sample_weight: Any = None,
) -> TaylorGradient:
    """Return the mean loss of a sum of Taylor terms and its gradient by the movement.

    L = Σ_i w_i ℓ(y_i, f(x_i)) / Σ_i w_i with f as in :func:`taylor_forward`; with r_i = ∂L/∂f(x_i), u = W0 x and
    p = W x, ∂W_r = Σ_i <r_i, a_r> Σ_k σ^(k)(u_ir) p_ir^(k-1) / (k-1)! x_i. Where the only order is k, f is homogeneous
    in W and <∂W, W> = k Σ_i <r_i, f(x_i)>.

    Parameters
    ----------
    X : array of shape (n, d)
        Rows, float32 or float64; all arrays are of one type.
    Y : array of shape (n, c)
        Numbers for "squared", -1 and 1 for "logistic" and "hinge", one-hot rows or probabilities for "softmax".
    W0 : array of shape (m, d)
        First layer about which is expanded.
    a : array of shape (m, c)
        Output weights.
    W : array of shape (m, d)
        Movement of the first layer.
    activation : str or ("leaky_relu", slope)
        A name of the activations, with a derivative of the highest order.
    orders : sequence of int
        Orders k, 0 to 4.
    loss : {"squared", "logistic", "hinge", "softmax"}
        As in :func:`loss_gradient`.
    offset : array of shape (n, c), optional
        Added to the outputs before the loss: what another part of a model contributes.
    sample_weight : array of shape (n,), optional
        Weights w >= 0; None is 1 each.

    Returns
    -------
    TaylorGradient
        (loss, W, residual): a float, an array (m, d), and r (n, c), so that Xᵀ residual is the gradient of a joint
        linear part.

    Raises
    ------
    ValueError
        If shapes do not fit, a value is not finite, labels do not suit the loss, or a derivative is no function.
    TypeError
        If the arrays are not all float32 or all float64.
    MemoryError
        If the sums of the derivatives do not fit.

    Notes
    -----
    6 n m d + 4 n m c flops; the memory of some rows' products with `W0` and `W`. The same bits for every number of
    threads. Source: Bai and Lee (2020), "Beyond linearization", sections 2 and 3.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.nets import taylor_loss_gradient
    >>> one = np.ones((1, 1))
    >>> found = taylor_loss_gradient(
    ...     one, 0 * one, one, one, 2 * one, "quadratic", (2,), "squared"
    ... )
    >>> found.loss, found.W, found.residual  # f = 2² / 2
    (2.0, array([[4.]]), array([[2.]]))
    """
    spec, orders = activation_spec(activation), check_orders(orders)
    X, Y, W0, a, W = checked(
        X=(X, ("n", "d")), Y=(Y, ("n", "c")), W0=(W0, ("m", "d")), a=(a, ("m", "c")), W=(W, ("m", "d"))
    )
    check_labels(loss, Y)
    check_room(*W.shape)
    by_W, residual = np.empty_like(W), np.empty_like(Y)
    offset, weight = check_offset(offset, Y), check_weight(sample_weight, len(X))
    value = _core.taylor_gradient(X, Y, W0, a, W, spec, orders, loss, offset, weight, by_W, residual)
    check_result(by_W)
    return TaylorGradient(value, by_W, residual)


def taylor_hessian_product(
    X: Array,
    Y: Array,
    W0: Array,
    a: Array,
    W: Array,
    V: Array,
    activation: Any,
    orders: Any,
    loss: str,
    *,
    offset: Array | None = None,
    sample_weight: Any = None,
) -> Array:
    """Return the Hessian by the movement of the mean loss of a sum of Taylor terms, times a direction.

    With L, f, r, u and p as in :func:`taylor_loss_gradient`, q = V x, c' and c'' the first and second derivative of
    Σ_k σ^(k)(u) p^k / k! by p, df = Σ_r a_r c'_r q_r and ℓ'' the loss's second derivative by the outputs:
    (H V)_r = Σ_i w_i / Σ w (<ℓ''_i df_i, a_r> c'_ir) x_i + Σ_i <r_i, a_r> c''_ir q_ir x_i.

    Parameters
    ----------
    X : array of shape (n, d)
        Rows, float32 or float64; all arrays are of one type.
    Y : array of shape (n, c)
        Labels as in :func:`taylor_loss_gradient`.
    W0 : array of shape (m, d)
        First layer about which is expanded.
    a : array of shape (m, c)
        Output weights.
    W : array of shape (m, d)
        Movement of the first layer, where the Hessian is taken.
    V : array of shape (m, d)
        Direction.
    activation : str or ("leaky_relu", slope)
        A name of the activations, with a derivative of the highest order.
    orders : sequence of int
        Orders k, 0 to 4.
    loss : {"squared", "logistic", "hinge", "softmax"}
        As in :func:`loss_gradient`; the hinge's second derivative is 0.
    offset : array of shape (n, c), optional
        Added to the outputs before the loss.
    sample_weight : array of shape (n,), optional
        Weights w >= 0; None is 1 each.

    Returns
    -------
    array of shape (m, d)
        The product, of the type of `X`.

    Raises
    ------
    ValueError
        If shapes do not fit, a value is not finite, labels do not suit the loss, or a derivative is no function.
    TypeError
        If the arrays are not all float32 or all float64.
    MemoryError
        If the sums of the derivatives do not fit.

    Notes
    -----
    8 n m d + 6 n m c flops; the memory of some rows' products with `W0`, `W` and `V`. Source: Bai and Lee (2020),
    "Beyond linearization", section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.nets import taylor_hessian_product
    >>> one = np.ones((1, 1))
    >>> taylor_hessian_product(
    ...     one, 0 * one, one, one, 2 * one, one, "quadratic", (2,), "squared"
    ... )  # (w⁴ / 8)''
    array([[6.]])
    """
    spec, orders = activation_spec(activation), check_orders(orders)
    X, Y, W0, a, W, V = checked(
        X=(X, ("n", "d")),
        Y=(Y, ("n", "c")),
        W0=(W0, ("m", "d")),
        a=(a, ("m", "c")),
        W=(W, ("m", "d")),
        V=(V, ("m", "d")),
    )
    check_labels(loss, Y)
    check_room(*W.shape)
    out = np.empty_like(W)
    offset, weight = check_offset(offset, Y), check_weight(sample_weight, len(X))
    _core.taylor_hessian(X, Y, W0, a, W, V, spec, orders, loss, offset, weight, out)
    check_result(out)
    return out
