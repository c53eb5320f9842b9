"""Two-layer nets: outputs, hidden activations, gradients of mean losses, and products with the Jacobian."""

from typing import Any, NamedTuple

import numpy as np

from widelearn import _core
from widelearn.kernels import specs
from widelearn.nets.arrays import Shapes, activation_spec, check_finite, check_result, check_room
from widelearn.nets.layers import tangent_spec
from widelearn.runtime import Array, capped, check_memory, empty, in_range


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


class TwoLayer:
    """Hold a two-layer net f(x) = Σ_r a_r σ(<w_r, x> - b_r), without a factor: scales are in `a`.

    With `smoothing` s, σ(z) stands for E σ(z + s ξ), ξ ~ N(0, 1): for relu z Φ(z/s) + s φ(z/s), for truncated relu that
    at z less that at z - 1. The arrays are checked once, here. C-contiguous ones are held, not copied: to
    change them in place is to train the net. They have to stay finite.

    Parameters
    ----------
    W : array of shape (m, d)
        First layer, float32 or float64; all arrays are of one type.
    b : array of shape (m,)
        Thresholds, subtracted.
    a : array of shape (m, c)
        Output weights.
    activation : str or ("leaky_relu", slope)
        σ: a name of the activations, or "truncated_relu", min(1, max(z, 0)); relu'(0) = 0.
    smoothing : float, default=0.0
        Standard deviation s of the noise; for relu and truncated relu only.

    Raises
    ------
    ValueError
        If shapes do not fit, a value is not finite, or the activation is unknown or cannot be smoothed.
    TypeError
        If the arrays are not all float32 or all float64.

    Notes
    -----
    Products with n rows cost 2 n m d flops for each layer that they meet, and hold some rows' m pre-activations. Sums
    over rows are those of fixed blocks, added up in float64 in their order: the same bits for every number of threads.
    Source: Shi, Wei and Liang (2023), "Provable guarantees for neural networks via gradient feature learning", section
    2 (their bias has this sign); Bai and Lee (2020), "Beyond linearization", section 2 (the linear term).

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.nets import TwoLayer
    >>> W, b, a = (
    ...     np.array([[1.0, 0.0], [0.0, 1.0]]),
    ...     np.array([0.5, 0.5]),
    ...     np.array([[1.0], [-2.0]]),
    ... )
    >>> net = TwoLayer(W, b, a, "relu")
    >>> X, Y = np.array([[1.0, 2.0]]), np.array([[-1.5]])
    >>> net.hidden(X), net.outputs(X)
    (array([[0.5, 1.5]]), array([[-2.5]]))
    >>> found = net.loss_gradient(X, Y, "squared")
    >>> found.loss, found.b
    (0.5, array([ 1., -2.]))
    """

    @in_range
    def __init__(self, W: Array, b: Array, a: Array, activation: Any, *, smoothing: float = 0.0) -> None:
        self.activation, self.smoothing = activation, float(smoothing)
        self._spec = activation_spec(activation, smoothing)
        self._shapes = Shapes()
        self.W, self.b, self.a = self._shapes.check(W=(W, "md"), b=(b, "m"), a=(a, "mc"))

    def outputs(self, X: Array) -> Array:
        """Return f at rows `X` (n, d), of shape (n, c) and their type, by 2 n m (d + c) flops."""
        (X,) = self._shapes.check_call(X=(X, "nd"))
        out = np.empty((len(X), self.a.shape[1]), X.dtype)
        _core.net_forward(X, (self.W, self.b, self.a, self._spec), out)
        return out

    @capped
    def hidden(self, X: Array) -> Array:
        """Return σ(<w_r, x> - b_r) at rows `X` (n, d), of shape (n, m), by 2 n m d flops."""
        return self._layer(X, slopes=False)

    @capped
    def slopes(self, X: Array) -> Array:
        """Return σ'(<w_r, x> - b_r) at rows `X` (n, d), of shape (n, m), by 2 n m d flops."""
        return self._layer(X, slopes=True)

    def _layer(self, X: Array, *, slopes: bool) -> Array:
        """Return hidden activations, or their slopes."""
        (X,) = self._shapes.check_call(X=(X, "nd"))
        need = len(X) * len(self.b) * X.itemsize
        check_memory(need, f"The {len(self.b)} neurons' values at {len(X)} rows", "Pass fewer rows at a time.")
        out = empty((len(X), len(self.b)), X.dtype)
        _core.net_hidden(X, self.W, self.b, self._spec, slopes, out)
        return out

    @capped
    def loss_gradient(self, X: Array, Y: Array, loss: str, *, sample_weight: Any = None) -> Gradient:
        """Return the mean loss and its gradient by first layer, thresholds and output weights.

        L = Σ_i w_i ℓ(y_i, f(x_i)) / Σ_i w_i with the losses of :func:`loss`, for rows `X` (n, d), labels `Y` (n, c) and
        `sample_weight` (n,), None being 1 each. With r_i = ∂L/∂f(x_i) and z = W x - b, ∂W_r = Σ_i <r_i, a_r> σ'(z_ir)
        x_i, ∂b_r = -Σ_i <r_i, a_r> σ'(z_ir), ∂a_r = Σ_i σ(z_ir) r_i; 4 n m d + 6 n m c flops.
        """
        columns = self.W.shape[1] + self.a.shape[1] + 1
        X, Y, weight = self._shapes.check_labelled(loss, columns, sample_weight, X=(X, "nd"), Y=(Y, "nc"))
        by_W, by_b, by_a = np.empty_like(self.W), np.empty_like(self.b), np.empty_like(self.a)
        value = _core.net_gradient(X, (self.W, self.b, self.a, self._spec), (Y, loss, weight, None), by_W, by_b, by_a)
        check_result(by_W, by_b, by_a)
        return Gradient(value, by_W, by_b, by_a)

    @capped
    def tangent_product(self, X: Array, V: Array) -> Array:
        """Return J V (n, c), the derivative of the outputs at rows `X` (n, d) along a movement `V` (m, d) of W.

        (J V)(x) = Σ_r a_r σ'(<w_r, x> - b_r) <v_r, x>: what the linearised net that has moved by V adds; 4 n m d flops.
        """
        X, V = self._shapes.check_call(X=(X, "nd"), V=(V, "md"))
        out = np.empty((len(X), self.a.shape[1]), X.dtype)
        _core.tangent_product(X, (self.W, self.b, self.a, self._spec), V, out)
        return out

    @capped
    def tangent_transpose(self, X: Array, R: Array) -> Array:
        """Return Jᵀ R (m, d), the gradient by the first layer of Σ_i <r_i, f(x_i)>, for `X` (n, d) and `R` (n, c).

        (Jᵀ R)_r = Σ_i <r_i, a_r> σ'(<w_r, x_i> - b_r) x_i: the transpose of :meth:`tangent_product`; 4 n m d flops.
        """
        X, R = self._shapes.check_call(X=(X, "nd"), R=(R, "nc"))
        check_room(*self.W.shape)
        out = np.empty_like(self.W)
        _core.tangent_transpose(X, (self.W, self.b, self.a, self._spec), R, out)
        check_result(out)
        return out

    @capped
    def tangent_kernel(self, X: Array, Z: Array | None = None, *, parameters: Any = "W") -> Array:
        """Return the inner products of gradients at rows `X` (n, d) and `Z` (k, d), None being `X`, of shape (n, k).

        K(x, z) = (<x, z> + 1) Σ_r ‖a_r‖² σ'(<w_r, x> - b_r) σ'(<w_r, z> - b_r) + c Σ_r σ(<w_r, x> - b_r) σ(<w_r, z> -
        b_r), summed over c outputs: J Jᵀ where there is one. `parameters` says which are trained, of "W" (<x, z>), "b"
        (the 1) and "a" (the second sum): "Wba" is all. 2 (n + k) m d + 2 n k (m + d) flops, and the result beside the
        memory of some rows' slopes. :class:`TangentKernel` is the kernel as an object, whose products form no matrix.
        """
        X, Z = self._shapes.check_call(X=(X, "nd"), Z=(Z, "kd"))
        spec, (m, d) = self.tangent_spec(parameters), self.W.shape
        n, k = len(X), len(X if Z is None else Z)
        for name, rows in (("X", X), ("Z", Z)):
            if rows is not None:
                check_finite(name, rows)
        # Weights and their copies, and what some rows of a sweep are to the neurons.
        need = 16 * m * d + X.itemsize * ((min(n, 192) + min(k, 96)) * m + n * k)
        check_memory(need, f"A tangent kernel of {n} by {k} rows", "Take fewer rows at once, or a narrower net.")
        kernel = empty((n, k), X.dtype)
        _core.gram(spec, X, Z, kernel)
        return kernel

    def tangent_spec(self, parameters: Any) -> specs.Kernel:
        """Return the tangent kernel as the core reads it."""
        return tangent_spec(self.W, self.b, self.a, self._spec, parameters)


@capped
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
    shapes = Shapes()
    X, Y, W, b = shapes.check(X=(X, "nd"), Y=(Y, "nc"), W=(W, "md"), b=(b, "m"))
    check_room(len(W), W.shape[1] * Y.shape[1])
    out = np.empty((Y.shape[1], *W.shape), X.dtype)
    _core.net_simplified(X, Y, W, b, shapes.weights(sample_weight), out.reshape(-1, W.shape[1]))
    check_result(out)
    return out
