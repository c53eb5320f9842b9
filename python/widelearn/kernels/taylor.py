"""Kernels of the Taylor expansion of a wide network in its first layer's weights."""

from dataclasses import dataclass
from math import factorial

from widelearn.kernels import specs
from widelearn.kernels.deep import NNGP, Activation, ActivationKernel, activation_spec
from widelearn.runtime import Array


@dataclass(eq=False, repr=False)
class TaylorKernel(ActivationKernel):
    """Take the order-k term of a wide two-layer network's expansion in its first layer.

    k(x, x') = (x.x')^k E[σ^(k)(w.x) σ^(k)(w.x')] / (k!)² with w ~ N(0, I/d): the features of the k-th Taylor term
    around random weights w are σ^(k)(w.x) x⊗...⊗x / k!. So w.x has the variance ‖x‖²/d; order 0 is NNGP(depth=1) and
    order 1 times 1/d the part of NTK(depth=1) that the first layer's training adds.

    Parameters
    ----------
    order : int, default=2
        The order k, 0 to 4.
    activation : str, ("leaky_relu", slope) or tuple of functions, default="erf"
        The nonlinearity σ, as in :class:`NNGP`, with a k-th derivative that is a function: "step" has none, "relu" and
        "leaky_relu" one, "relu2" two, "relu3" three, the others all. Of functions (σ, σ', ...) entry k is used.

    Raises
    ------
    ValueError
        If the derivative is no function, or k is beyond 4; take "softplus" or "erf", or a lower order.

    Notes
    -----
    Costs 2 d flops and an expectation as in :class:`NNGP` an entry. Values are within 1e-10 (float32: 1e-5) of
    sqrt(k(x, x) k(x', x')) for variances up to 1e6.

    References
    ----------
    Bai & Lee, "Beyond linearization: on quadratic and higher-order approximation of wide neural networks", ICLR 2020
    (the order-k term of the expansion).

    Examples
    --------
    >>> from widelearn.kernels import TaylorKernel
    >>> TaylorKernel(order=2, activation="quadratic")([[1.0, 2.0]], [[3.0, 1.0], [0.0, 4.0]])
    array([[ 6.25, 16.  ]])
    """

    order: int = 2
    activation: Activation = "erf"

    def spec(self, d: int) -> specs.Taylor:
        """Return what the core reads."""
        return specs.Taylor(self._integer("order"), activation_spec(self.activation))

    def _own_gram(self, x: Array, y: Array | None, out: Array) -> None:
        order = self._integer("order")
        NNGP(activation=(self._function(order),))._gram(x, y, out)
        out *= (x @ (x if y is None else y).T) ** order / factorial(order) ** 2
