"""Two-layer nets: outputs, the gradient of a mean loss, and the gradient at which training starts."""

from typing import Any, NamedTuple

import numpy as np

from widelearn import _core
from widelearn.nets.arrays import Array, activation_spec, check_labels, check_result, check_room, check_weight, checked


class Gradient(NamedTuple):
    """Give a mean loss and its derivatives by what a two-layer net is made of.

    Parameters
    ----------
    loss : float
        The weighted mean over the rows.
    W : array of shape (m, d)
        Derivative by the first layer.
    b : array of shape (m,)
        Derivative by the thresholds.
    a : array of shape (m, c)
        Derivative by the output weights.

    Examples
    --------
    >>> from widelearn.nets import Gradient
    >>> Gradient(0.5, None, None, None).loss
    0.5
    """

    loss: float
    W: Array
    b: Array
    a: Array


def forward(X: Array, W: Array, b: Array, a: Array, activation: Any, *, smoothing: float = 0.0) -> Array:
    """Return the outputs of a two-layer net.

    f(x) = Σ_r a_r σ(<w_r, x> - b_r), without a factor: scales are in `a`. With `smoothing` s, σ(z) stands for
    E σ(z + s ξ), ξ ~ N(0, 1): for relu z Φ(z/s) + s φ(z/s), for truncated relu that at z less that at z - 1.

    Parameters
    ----------
    X : array of shape (n, d)
        Rows, float32 or float64; all arrays are of one type.
    W : array of shape (m, d)
        First layer.
    b : array of shape (m,)
        Thresholds, subtracted.
    a : array of shape (m, c)
        Output weights.
    activation : str or ("leaky_relu", slope)
        A name of the activations, or "truncated_relu", min(1, max(z, 0)).
    smoothing : float, default=0.0
        Standard deviation s of the noise; for relu and truncated relu only.

    Returns
    -------
    array of shape (n, c)
        The outputs, of the type of `X`.

    Raises
    ------
    ValueError
        If shapes do not fit, a value is not finite, or the activation is unknown or cannot be smoothed.
    TypeError
        If the arrays are not all float32 or all float64.

    Notes
    -----
    2 n m (d + c) flops; the memory of some rows' m pre-activations. Source: Shi, Wei and Liang (2023), "Provable
    guarantees for neural networks via gradient feature learning", section 2 (their bias has this sign).

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.nets import forward
    >>> X, W = np.array([[1.0, 2.0]]), np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> forward(X, W, np.array([0.5, 0.5]), np.array([[1.0], [-2.0]]), "relu")
    array([[-2.5]])
    """
    spec = activation_spec(activation, smoothing)
    X, W, b, a = checked(X=(X, ("n", "d")), W=(W, ("m", "d")), b=(b, ("m",)), a=(a, ("m", "c")))
    out = np.empty((len(X), a.shape[1]), X.dtype)
    _core.net_forward(X, W, b, a, spec, out)
    return out


def loss_gradient(
    X: Array,
    Y: Array,
    W: Array,
    b: Array,
    a: Array,
    activation: Any,
    loss: str,
    *,
    smoothing: float = 0.0,
    sample_weight: Any = None,
) -> Gradient:
    """Return the mean loss of a two-layer net and its gradient by first layer, thresholds and output weights.

    L = Σ_i w_i ℓ(y_i, f(x_i)) / Σ_i w_i with f as in :func:`forward`. With r_i = ∂L/∂f(x_i) and z = W x - b, the
    gradients are ∂W_r = Σ_i <r_i, a_r> σ'(z_ir) x_i, ∂b_r = -Σ_i <r_i, a_r> σ'(z_ir), ∂a_r = Σ_i σ(z_ir) r_i.

    Parameters
    ----------
    X : array of shape (n, d)
        Rows, float32 or float64; all arrays are of one type.
    Y : array of shape (n, c)
        Numbers for "squared", -1 and 1 for "logistic" and "hinge", one-hot rows or probabilities for "softmax".
    W : array of shape (m, d)
        First layer.
    b : array of shape (m,)
        Thresholds, subtracted.
    a : array of shape (m, c)
        Output weights.
    activation : str or ("leaky_relu", slope)
        A name of the activations, or "truncated_relu"; relu'(0) = 0.
    loss : {"squared", "logistic", "hinge", "softmax"}
        ½‖f - y‖², Σ log(1 + e^(-y f)), Σ max(0, 1 - y f) with derivative 0 at the kink, or the cross entropy.
    smoothing : float, default=0.0
        Standard deviation of the noise integrated out, as in :func:`forward`.
    sample_weight : array of shape (n,), optional
        Weights w >= 0; None is 1 each.

    Returns
    -------
    Gradient
        (loss, W, b, a): a float and arrays shaped as the parameters, of the type of `X`.

    Raises
    ------
    ValueError
        If shapes do not fit, a value is not finite, labels do not suit the loss, or a name is unknown.
    TypeError
        If the arrays are not all float32 or all float64.
    MemoryError
        If the sums of the derivatives do not fit.

    Notes
    -----
    4 n m d + 6 n m c flops; the memory of some rows' m pre-activations. Sums over rows are those of fixed blocks, added
    up in float64 in their order: the same bits for every number of threads. Source: Shi, Wei and Liang (2023),
    "Provable guarantees for neural networks via gradient feature learning", section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.nets import loss_gradient
    >>> X, Y = np.array([[1.0, 2.0]]), np.array([[1.0]])
    >>> W, b, a = np.array([[1.0, 0.0]]), np.array([0.5]), np.array([[2.0]])
    >>> found = loss_gradient(X, Y, W, b, a, "relu", "squared")  # f = 1
    >>> found.loss, loss_gradient(X, -Y, W, b, a, "relu", "squared").W
    (0.0, array([[4., 8.]]))
    """
    spec = activation_spec(activation, smoothing)
    X, Y, W, b, a = checked(X=(X, ("n", "d")), Y=(Y, ("n", "c")), W=(W, ("m", "d")), b=(b, ("m",)), a=(a, ("m", "c")))
    check_labels(loss, Y)
    check_room(len(W), W.shape[1] + a.shape[1] + 1)
    by_W, by_b, by_a = np.empty_like(W), np.empty_like(b), np.empty_like(a)
    weight = check_weight(sample_weight, len(X))
    value = _core.net_gradient(X, Y, W, b, a, spec, loss, weight, by_W, by_b, by_a)
    check_result(by_W, by_b, by_a)
    return Gradient(value, by_W, by_b, by_a)


def simplified_gradient(X: Array, Y: Array, W: Array, b: Array, sample_weight: Any = None) -> Array:
    """Return the mean of y x over the rows on which a neuron is active, for every neuron and column of labels.

    G = Σ_i w_i y_i x_i 1{<w, x_i> > b} / Σ_i w_i. Where a relu net's outputs are zero on all rows, its first gradient
    by w_r is a_r ℓ'(0) G(w_r, b_r): the direction in which training starts.

    Parameters
    ----------
    X : array of shape (n, d)
        Rows, float32 or float64; all arrays are of one type.
    Y : array of shape (n, c)
        Labels, or other weights of the rows: any numbers.
    W : array of shape (m, d)
        First layer.
    b : array of shape (m,)
        Thresholds.
    sample_weight : array of shape (n,), optional
        Weights w >= 0; None is 1 each.

    Returns
    -------
    array of shape (c, m, d)
        G, of the type of `X`.

    Raises
    ------
    ValueError
        If shapes do not fit or a value is not finite.
    TypeError
        If the arrays are not all float32 or all float64.
    MemoryError
        If the sums of the derivatives do not fit.

    Notes
    -----
    2 n m d (1 + c) flops; the memory of some rows' m pre-activations. Source: Shi, Wei and Liang (2023), "Provable
    guarantees for neural networks via gradient feature learning", definition of the simplified gradient vector.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.nets import simplified_gradient
    >>> X, Y = np.array([[1.0, 2.0], [-1.0, 4.0]]), np.array([[1.0], [-1.0]])
    >>> simplified_gradient(X, Y, np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([0.0, 1.0]))
    array([[[ 0.5,  1. ],
            [ 1. , -1. ]]])
    """
    X, Y, W, b = checked(X=(X, ("n", "d")), Y=(Y, ("n", "c")), W=(W, ("m", "d")), b=(b, ("m",)))
    check_room(len(W), W.shape[1] * Y.shape[1])
    out = np.empty((Y.shape[1], *W.shape), X.dtype)
    _core.net_simplified(X, Y, W, b, check_weight(sample_weight, len(X)), out.reshape(-1, W.shape[1]))
    check_result(out)
    return out
