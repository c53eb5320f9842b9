"""Products with the Jacobian of a two-layer net by its first layer, which is never stored."""

from typing import Any

import numpy as np

from widelearn import _core
from widelearn.nets.arrays import Array, activation_spec, check_result, check_room, checked


def tangent_product(X: Array, W0: Array, b: Array, a: Array, activation: Any, V: Array) -> Array:
    """Return the derivative of a two-layer net's outputs along a direction of its first layer.

    (J V)(x) = Σ_r a_r σ'(<w0_r, x> - b_r) <v_r, x>: the outputs of the linearised net that has moved by V.

    Parameters
    ----------
    X : array of shape (n, d)
        Rows, float32 or float64; all arrays are of one type.
    W0 : array of shape (m, d)
        First layer.
    b : array of shape (m,)
        Thresholds, subtracted.
    a : array of shape (m, c)
        Output weights.
    activation : str or ("leaky_relu", slope)
        A name of the activations; relu'(0) = 0.
    V : array of shape (m, d)
        Direction.

    Returns
    -------
    array of shape (n, c)
        J V, of the type of `X`.

    Raises
    ------
    ValueError
        If shapes do not fit, a value is not finite, or the activation has no derivative.
    TypeError
        If the arrays are not all float32 or all float64.

    Notes
    -----
    4 n m d flops; the memory of some rows' products with `W0` and `V`. Source: Bai and Lee (2020), "Beyond
    linearization", section 2, the linear term.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.nets import tangent_product
    >>> X, W0, V = np.array([[1.0, 2.0]]), np.array([[1.0, 0.0]]), np.array([[0.0, 3.0]])
    >>> tangent_product(X, W0, np.zeros(1), np.array([[2.0]]), "relu", V)
    array([[12.]])
    """
    spec = activation_spec(activation)
    X, W0, b, a, V = checked(
        X=(X, ("n", "d")), W0=(W0, ("m", "d")), b=(b, ("m",)), a=(a, ("m", "c")), V=(V, ("m", "d"))
    )
    out = np.empty((len(X), a.shape[1]), X.dtype)
    _core.tangent_product(X, W0, b, a, spec, V, out)
    return out


def tangent_transpose(X: Array, W0: Array, b: Array, a: Array, activation: Any, R: Array) -> Array:
    """Return the gradient by a two-layer net's first layer of Σ_i <r_i, f(x_i)>.

    (Jᵀ R)_r = Σ_i <r_i, a_r> σ'(<w0_r, x_i> - b_r) x_i: the transpose of :func:`tangent_product`.

    Parameters
    ----------
    X : array of shape (n, d)
        Rows, float32 or float64; all arrays are of one type.
    W0 : array of shape (m, d)
        First layer.
    b : array of shape (m,)
        Thresholds, subtracted.
    a : array of shape (m, c)
        Output weights.
    activation : str or ("leaky_relu", slope)
        A name of the activations; relu'(0) = 0.
    R : array of shape (n, c)
        Weights of the rows' outputs.

    Returns
    -------
    array of shape (m, d)
        Jᵀ R, of the type of `X`.

    Raises
    ------
    ValueError
        If shapes do not fit, a value is not finite, or the activation has no derivative.
    TypeError
        If the arrays are not all float32 or all float64.
    MemoryError
        If the sums of the derivatives do not fit.

    Notes
    -----
    4 n m d flops; the memory of some rows' products with `W0`. The same bits for every number of threads. Source: Bai
    and Lee (2020), "Beyond linearization", section 2, the linear term.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.nets import tangent_transpose
    >>> X, W0 = np.array([[1.0, 2.0]]), np.array([[1.0, 0.0]])
    >>> tangent_transpose(X, W0, np.zeros(1), np.array([[2.0]]), "relu", np.array([[3.0]]))
    array([[ 6., 12.]])
    """
    spec = activation_spec(activation)
    X, W0, b, a, R = checked(
        X=(X, ("n", "d")), W0=(W0, ("m", "d")), b=(b, ("m",)), a=(a, ("m", "c")), R=(R, ("n", "c"))
    )
    check_room(*W0.shape)
    out = np.empty_like(W0)
    _core.tangent_transpose(X, W0, b, a, spec, R, out)
    check_result(out)
    return out
