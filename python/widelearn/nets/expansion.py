"""Taylor expansions of two-layer nets in the first layer, and their nets with random signs in every row's movement."""

from collections.abc import Iterable
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np

from widelearn import _core
from widelearn.nets.arrays import Shapes, activation_spec, check_result
from widelearn.nets.arrays import loss as mean_loss
from widelearn.nets.multipliers import MAX_ORDER, Multipliers
from widelearn.nets.two_layer import TwoLayer
from widelearn.runtime import Array, capped, in_range

# Nodes of the quadrature over normal outputs.
NODES = 9


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


class Expansion:
    """Hold a two-layer net f(x) = Σ_r a_r σ(<w0_r + w_r, x>) that is expanded in the movement W of its first layer.

    f^(k)(x) = Σ_r a_r σ^(k)(<w0_r, x>) <w_r, x>^k / k! is the term of order k. `W` (m, d) is given to every method, and
    so are rows `X` (n, d), labels `Y` (n, c) and the loss as in :func:`loss`; `offset` (n, c) is added to the outputs:
    what another part of a model contributes. `sample_weight` (n,) are weights >= 0, None being 1 each. There is no
    factor 1/√m: scales are in `a`.

    Parameters
    ----------
    W0 : array of shape (m, d)
        First layer about which is expanded, float32 or float64; all arrays are of one type.
    a : array of shape (m, c)
        Output weights.
    activation : str or ("leaky_relu", slope)
        A name of the activations, with a derivative of the highest order; relu'(0) = 0.
    orders : sequence of int
        Orders k, 0 to 4, of the terms. The methods of random signs have the whole net, whatever they are.

    Raises
    ------
    ValueError
        If shapes do not fit, a value is not finite, or a derivative of the activation is no function.
    TypeError
        If the arrays are not all float32 or all float64.

    Notes
    -----
    Products with n rows cost 2 n m d flops for each of W0, W and a direction, and hold some rows' products. The same
    bits for every number of threads. Source: Bai and Lee (2020), "Beyond linearization", sections 2 and 3.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.nets import Expansion
    >>> one = np.ones((1, 1))
    >>> Expansion(2 * one, one, "quadratic", (0, 1, 2)).terms(one, 0.5 * one).ravel()
    array([2.   , 1.   , 0.125])
    >>> quadratic = Expansion(one, one, "quadratic", (2,))
    >>> quadratic.loss_gradient(one, 0 * one, 2 * one, "squared")  # f = 2² / 2
    TaylorGradient(loss=2.0, W=array([[4.]]), residual=array([[2.]]))
    >>> quadratic.hessian_product(one, 0 * one, 2 * one, one, "squared")  # (w⁴ / 8)''
    array([[6.]])
    >>> Expansion(one, one, "relu", (1,)).marginal_moments(one, 2 * one)  # σ(3) or σ(-1)
    (array([[1.5]]), array([[2.25]]))
    """

    @in_range
    def __init__(self, W0: Array, a: Array, activation: Any, orders: Any) -> None:
        given = tuple(orders) if isinstance(orders, Iterable) else (orders,)
        whole = all(isinstance(k, Integral) and k in range(MAX_ORDER + 1) for k in given)
        if not whole or len(set(given)) < max(len(given), 1):
            raise ValueError(
                f"orders must be different numbers from 0 to {MAX_ORDER}, at least one, got {list(given)}."
            )
        self.activation, self.orders = activation, tuple(int(k) for k in given)
        self._spec, self._orders = activation_spec(activation), list(self.orders)
        self._shapes = Shapes()
        self.W0, self.a = self._shapes.check(W0=(W0, "md"), a=(a, "mc"))
        one = np.zeros((1, 1))
        # The core refuses derivatives that are no functions.
        _core.taylor_terms(one, (one, one, one, self._spec, self._orders), False, None, np.empty_like(one))

    @capped
    def terms(self, X: Array, W: Array) -> Array:
        """Return the terms f^(k), each for itself: (len(orders), n, c); 4 n m d flops."""
        X, W = self._shapes.check_call(X=(X, "nd"), W=(W, "md"))
        out = np.empty((len(self.orders), len(X), self.a.shape[1]), X.dtype)
        rows = out.reshape(-1, self.a.shape[1])
        _core.taylor_terms(X, (self.W0, self.a, W, self._spec, self._orders), True, None, rows)
        return out

    @capped
    def outputs(self, X: Array, W: Array, *, offset: Array | None = None) -> Array:
        """Return f = Σ_{k in orders} f^(k) + offset, of shape (n, c); 4 n m d flops."""
        X, W, offset = self._shapes.check_call(X=(X, "nd"), W=(W, "md"), offset=(offset, "nc"))
        out = np.empty((len(X), self.a.shape[1]), X.dtype)
        _core.taylor_terms(X, (self.W0, self.a, W, self._spec, self._orders), False, offset, out)
        return out

    @capped
    def loss_gradient(
        self, X: Array, Y: Array, W: Array, loss: str, *, offset: Array | None = None, sample_weight: Any = None
    ) -> TaylorGradient:
        """Return the mean loss of the terms' sum, and its gradient by the movement.

        L = Σ_i w_i ℓ(y_i, f(x_i)) / Σ_i w_i with f as in :meth:`outputs`. With r_i = ∂L/∂f(x_i), u = W0 x and p = W x,
        ∂W_r = Σ_i <r_i, a_r> Σ_k σ^(k)(u_ir) p_ir^(k-1) / (k-1)! x_i. Where the only order is k, f is homogeneous in W
        and <∂W, W> = k Σ_i <r_i, f(x_i)>. Xᵀ residual is the gradient of a joint linear part; 6 n m d + 4 n m c flops.
        """
        X, Y, W, offset, weight = self._labelled(X, Y, W, loss, offset, sample_weight)
        by_W, residual = np.empty_like(W), np.empty_like(Y)
        net = (self.W0, self.a, W, self._spec, self._orders)
        value = _core.taylor_gradient(X, net, (Y, loss, weight, offset), by_W, residual)
        check_result(by_W)
        return TaylorGradient(value, by_W, residual)

    def _labelled(self, X: Array, Y: Array, W: Array, loss: str, offset: Array | None, sample_weight: Any) -> list[Any]:
        """Check what a mean loss is made of; return rows, labels, movement, offset and the rows' weights."""
        arrays = {"X": (X, "nd"), "Y": (Y, "nc"), "W": (W, "md"), "offset": (offset, "nc")}
        return self._shapes.check_labelled(loss, self.W0.shape[1], sample_weight, **arrays)

    @capped
    def hessian_product(
        self,
        X: Array,
        Y: Array,
        W: Array,
        V: Array,
        loss: str,
        *,
        offset: Array | None = None,
        sample_weight: Any = None,
    ) -> Array:
        """Return the Hessian by the movement of the mean loss of the terms' sum, times a direction `V` (m, d).

        With L, f, r, u and p as in :meth:`loss_gradient`, q = V x, c' and c'' the first and second derivative of
        Σ_k σ^(k)(u) p^k / k! by p, df = Σ_r a_r c'_r q_r and ℓ'' the loss's second derivative by the outputs:
        (H V)_r = Σ_i w_i / Σ w (<ℓ''_i df_i, a_r> c'_ir) x_i + Σ_i <r_i, a_r> c''_ir q_ir x_i. The hinge has ℓ'' = 0;
        8 n m d + 6 n m c flops.
        """
        X, Y, W, offset, weight = self._labelled(X, Y, W, loss, offset, sample_weight)
        (V,) = self._shapes.check_call(V=(V, "md"))
        out = np.empty_like(W)
        net = (self.W0, self.a, W, self._spec, self._orders)
        _core.taylor_hessian(X, net, (Y, loss, weight, offset), V, out)
        check_result(out)
        return out

    def _random(self, W: Array, multipliers: Multipliers | None) -> Any:
        """Return the net with random signs of its movement, or with multipliers, as the core reads it."""
        if multipliers is None:
            return self.W0, self.a, W, self._spec, None
        check_law(multipliers)
        law = (multipliers.values.tolist(), multipliers.weights.tolist())
        return self.W0, (self.a / multipliers.gap).astype(self.a.dtype), W, self._spec, law

    @capped
    def marginal_moments(self, X: Array, W: Array, *, multipliers: Multipliers | None = None) -> tuple[Array, Array]:
        """Return mean and variance of the whole net's outputs over random signs of the rows of its movement: (n, c).

        With u = W0 x, v = W x and independent signs s_r = ±1, f = Σ_r a_r σ(u_r + s_r v_r) has the mean
        F = Σ_r a_r ½[σ(u_r + v_r) + σ(u_r - v_r)] and the variance V = Σ_r a_r² (½[σ(u_r + v_r) - σ(u_r - v_r)])²;
        4 n m d flops and two activations an element. `multipliers` have a net of twins in place of that with signs,
        whose mean is the term of their order and higher ones; one activation an element for each of their values.
        """
        X, W = self._shapes.check_call(X=(X, "nd"), W=(W, "md"))
        F, V = np.empty((2, len(X), self.a.shape[1]), X.dtype)
        _core.signs_forward(X, self._random(W, multipliers), F, V)
        return F, V

    @capped
    def drawn_outputs(self, X: Array, W: Array, drawn: Array, multipliers: Multipliers) -> Array:
        """Return the outputs (n, c) of the net of twins at multipliers (m, 2) that were drawn; 4 n m d flops."""
        X, W, drawn = self._shapes.check_call(X=(X, "nd"), W=(W, "md"), drawn=(drawn, "m2"))
        return self._twins(W, drawn, multipliers).outputs(X)

    def _twins(self, W: Array, drawn: Array, multipliers: Multipliers) -> TwoLayer:
        """Return the net of all neurons and then all their twins."""
        check_law(multipliers)
        if drawn.shape[1] != 2:
            raise ValueError(f"drawn must have two columns, z and z', got {drawn.shape[1]}: see Multipliers.draw.")
        layer = np.concatenate([self.W0 + z[:, None] * W for z in drawn.T])
        a = (np.concatenate([self.a, -self.a]) / multipliers.gap).astype(self.a.dtype)
        return TwoLayer(layer, np.zeros(len(layer), layer.dtype), a, self.activation)

    @capped
    def drawn_loss_gradient(
        self,
        X: Array,
        Y: Array,
        W: Array,
        drawn: Array,
        multipliers: Multipliers,
        loss: str,
        *,
        offset: Array | None = None,
        sample_weight: Any = None,
    ) -> TaylorGradient:
        """Return the mean loss of the net of twins at multipliers (m, 2), and its gradient by W; 12 n m d flops."""
        X, Y, W, offset, _ = self._labelled(X, Y, W, loss, offset, sample_weight)
        (drawn,) = self._shapes.check_call(drawn=(drawn, "m2"))
        net = self._twins(W, drawn, multipliers)
        value, residual, by_layer = self._at(net, X, Y, loss, offset, sample_weight)
        by_W = sum(z[:, None] * part for z, part in zip(drawn.T, np.split(by_layer, 2), strict=True))
        return TaylorGradient(value, np.ascontiguousarray(by_W), residual)

    @staticmethod
    def _at(
        net: TwoLayer, X: Array, Y: Array, loss: str, offset: Any, sample_weight: Any
    ) -> tuple[float, Array, Array]:
        """Return a net's mean loss, and its derivatives by outputs and first layer; zero where it overflows."""
        F = net.outputs(X)
        value, residual = mean_loss(F if offset is None else F + offset, Y, loss, sample_weight=sample_weight)
        if not np.isfinite(value):
            return value, residual, np.zeros_like(net.W)
        return value, residual, net.tangent_transpose(X, residual)

    @capped
    def marginal_loss_gradient(
        self,
        X: Array,
        Y: Array,
        W: Array,
        loss: str,
        *,
        multipliers: Multipliers | None = None,
        offset: Array | None = None,
        sample_weight: Any = None,
    ) -> TaylorGradient:
        """Return the mean of the whole net's loss over random signs of its movement, and its gradient; residual by F.

        With F and V as in :meth:`marginal_moments`, `offset` added to F, the loss of a row is

        - "squared": ½‖F - y‖² + ½ Σ V, exactly the mean over the signs;
        - "logistic", "hinge": Σ over columns of E ℓ(y, F + √V z), z ~ N(0, 1), by 9-point Gauss-Hermite quadrature: the
          limit of many neurons, none of which dominates;
        - "softmax": ℓ(y, F) + ½ tr(H C) with H the loss's second derivative at F and C = Σ_r a_r a_rᵀ o_r² the outputs'
          covariance, o_r = ½[σ(u_r + v_r) - σ(u_r - v_r)]: the mean to second order, without the terms beyond it.

        Where the start is not symmetric, Σ_r a_r σ(u_r) not zero, the caller's `offset` takes it off. 6 n m d flops and
        four activations an element, for softmax 2 n m c² more. `multipliers` are those of :meth:`marginal_moments`; V
        and C are then their variance and covariance.
        """
        X, Y, W, offset, weight = self._labelled(X, Y, W, loss, offset, sample_weight)
        nodes, heights = np.polynomial.hermite_e.hermegauss(NODES)
        by_W, residual = np.empty_like(W), np.empty_like(Y)
        net, rule = self._random(W, multipliers), (nodes, heights / heights.sum())
        value = _core.signs_gradient(X, net, (Y, loss, weight, offset), *rule, by_W, residual)
        check_result(by_W)
        return TaylorGradient(value, by_W, residual)

    @capped
    def signed_loss_gradient(
        self,
        X: Array,
        Y: Array,
        W: Array,
        signs: Array,
        loss: str,
        *,
        offset: Array | None = None,
        sample_weight: Any = None,
    ) -> TaylorGradient:
        """Return the mean loss of the whole net at one draw of `signs` (m,) of its movement, and its gradient by W.

        The net is f(x) = Σ_r a_r σ(<w0_r + s_r w_r, x>); 6 n m d flops.
        """
        X, Y, W, offset, _ = self._labelled(X, Y, W, loss, offset, sample_weight)
        (signs,) = self._shapes.check_call(signs=(signs, "m"))
        net = TwoLayer(self.W0 + signs[:, None] * W, np.zeros_like(signs), self.a, self.activation)
        value, residual, by_layer = self._at(net, X, Y, loss, offset, sample_weight)
        return TaylorGradient(value, signs[:, None] * by_layer, residual)


def check_law(multipliers: Any) -> None:
    """Refuse what is no law of multipliers."""
    if not isinstance(multipliers, Multipliers):
        raise TypeError(f"multipliers must be a Multipliers, such as Multipliers(2), got {multipliers!r}.")
