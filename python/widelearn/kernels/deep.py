"""Kernels of infinitely wide networks: arc-cosine, output covariance (NNGP) and tangent kernel (NTK)."""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar

import numpy as np

from widelearn.kernels import specs
from widelearn.kernels.base import Kernel
from widelearn.kernels.evaluation import BLOCK_ROWS
from widelearn.kernels.recursion import Recursion, Rows
from widelearn.runtime import Array, row_blocks

# As in the core: each layer of a function costs as much as many of the core's.
MAX_DEPTH = 1000


@dataclass(eq=False, repr=False)
class ArcCosine(Kernel):
    """Take the covariance of one wide layer: k(x, x') = 2 E[relu(w.x)^n relu(w.x')^n], w ~ N(0, I).

    For rows at the angle θ, k(x, x') = ‖x‖^n ‖x'‖^n J_n(θ) / π. Here J_0 = π - θ, J_1 = sin θ + (π - θ) cos θ and J_2 =
    3 sin θ cos θ + (π - θ)(1 + 2 cos² θ). Order 0 is the step function with step(0) = 0, so a zero row gives 0.

    Parameters
    ----------
    order : {0, 1, 2}, default=1
        The power n; 1 is relu.

    Notes
    -----
    Costs 2 d flops and one arccosine an entry; near-equal and near-opposite rows are computed from their difference
    or sum.

    References
    ----------
    Cho & Saul, "Kernel methods for deep learning", NeurIPS 2009, section 2.1, equations 1-6.

    Examples
    --------
    >>> from widelearn.kernels import ArcCosine
    >>> ArcCosine(order=0)([[1.0, 0.0], [0.0, 2.0]])
    array([[1. , 0.5],
           [0.5, 1. ]])
    """

    order: int = 1

    def spec(self, d: int) -> specs.ArcCosine:
        """Return what the core reads."""
        return specs.ArcCosine(self._integer("order"))


# The slope of "leaky_relu" where none is given.
LEAKY_SLOPE = 0.01


# A name, ("leaky_relu", slope), or a function and its derivatives.
Activation = str | tuple[str, float] | tuple[Callable[[Array], Any], ...]


def is_functions(activation: Any) -> bool:
    """Whether an activation is a tuple of functions."""
    return isinstance(activation, tuple) and len(activation) > 0 and all(map(callable, activation))


def activation_spec(activation: Any) -> specs.Activation:
    """Return an activation, a name or ``("leaky_relu", slope)``, as the core reads it."""
    match activation:
        case str():
            return specs.Activation(activation, LEAKY_SLOPE if activation == "leaky_relu" else 0.0)
        case ("leaky_relu", Real() as slope):
            return specs.Activation("leaky_relu", float(slope))
    hint = ": write (function, derivative)" if callable(activation) else ""
    raise TypeError(
        'activation must be a name, ("leaky_relu", slope) or a tuple of functions (σ, σ\', ...), got'
        f" {activation!r}{hint}."
    )


class ActivationKernel(Kernel):
    """A kernel with an activation: in the core, or in NumPy for functions of the user."""

    activation: Activation

    @property
    def compiled(self) -> bool:
        """Whether the activation is in the core."""
        return not is_functions(self.activation)

    def _function(self, order: int) -> Callable[[Array], Any]:
        """Return the derivative of some order, for functions of the user."""
        functions: Any = self.activation
        if order < len(functions):
            return functions[order]
        raise ValueError(
            f"{type(self).__name__} needs derivative {order} of the activation, but the tuple holds"
            f" {len(functions)} functions: give ({', '.join('σ' + k * chr(39) for k in range(order + 1))})."
        )


@dataclass(eq=False, repr=False)
class DeepKernel(ActivationKernel):
    """A kernel of a fully connected network, layer by layer."""

    depth: int = 1
    activation: Activation = "relu"
    weight_variance: float = 1.0
    bias_variance: float = 0.0
    name: ClassVar[str]
    # How many of σ, σ', ... the recursion takes.
    _functions: ClassVar[int]

    def spec(self, d: int) -> specs.Network:
        """Return what the core reads."""
        variances = (self._real("weight_variance"), self._real("bias_variance"))
        return specs.Network(
            self._integer("depth"), activation_spec(self.activation), *variances, tangent=self._functions > 1
        )

    def _recursion(self) -> Recursion:
        """Return the recursion over functions, its parameters checked as the core checks them."""
        weight, bias, depth = self._real("weight_variance"), self._real("bias_variance"), self._integer("depth")
        if not 0 < weight < np.inf:
            raise ValueError(f"weight_variance must be positive and finite, got {weight:g}")
        if not 0 <= bias < np.inf:
            raise ValueError(f"bias_variance must be finite and >= 0, got {bias:g}")
        if depth == 0:
            raise ValueError("depth must be >= 1, got 0; for no hidden layer use Linear")
        if depth > MAX_DEPTH:
            raise ValueError(f"depth must be at most {MAX_DEPTH}, got {float(min(depth, 10**300)):g}")
        functions: Any = self.activation
        if len(functions) < self._functions:
            raise ValueError(
                f"{type(self).__name__} needs the derivative of the activation: pass (σ, σ'), got {functions!r}."
            )
        return Recursion(functions[: self._functions], depth, weight, bias)

    def _rows(self, recursion: Recursion, x: Array, name: str = "X") -> Rows:
        rows = recursion.rows(x)
        self._check_finite(rows.diag, name)
        return rows

    def _own_gram(self, x: Array, y: Array | None, out: Array) -> None:
        recursion = self._recursion()
        recursion.fill(self._rows(recursion, x), None if y is None else self._rows(recursion, y, "Y"), out)

    def _own_diag(self, x: Array, out: Array) -> None:
        with np.errstate(over="ignore"):
            out[:] = self._recursion().rows(x).diag

    def _own_dot(self, x: Array, y: Array | None, v: Array, out: Array) -> None:
        recursion = self._recursion()
        left = self._rows(recursion, x)
        right = left if y is None else self._rows(recursion, y, "Y")
        for block in row_blocks(len(x), BLOCK_ROWS):
            gram = np.empty((block.stop - block.start, len(v)))
            recursion.fill(left.part(block), right, gram)
            out[block] = gram @ v


class NNGP(DeepKernel):
    """Take the output covariance of an infinitely wide network at random initialisation.

    A layer is sqrt(weight_variance / fan_in) W x + sqrt(bias_variance) b with standard normal W and b. So K_0(x, x')
    = weight_variance x.x'/d + bias_variance and, for l = 1, ..., depth, K_l = weight_variance E[σ(u) σ(v)] +
    bias_variance, where (u, v) is Gaussian with the covariance K_{l-1} of x and x'. For relu, E[σ(u) σ(v)] =
    sqrt(K(x, x) K(x', x')) (sin θ + (π - θ) cos θ) / (2π), and weight_variance 2 keeps the diagonal at every depth.

    Parameters
    ----------
    depth : int, default=1
        Number of hidden layers, at most 1,000: the cost of an entry, and the memory of each thread, grow with it.
    activation : str, ("leaky_relu", slope) or tuple of functions, default="relu"
        The nonlinearity σ: "relu", "leaky_relu" (slope 0.01), "step", "erf" (erf(t)), "tanh", "sigmoid", "gelu"
        (t Φ(t), Φ the normal distribution function), "softplus", "swish" (t times the sigmoid), "cos", "sin", "exp",
        "identity", "quadratic" (t²/2), "cubic" (t³/6), "relu2" (relu²/2), "relu3" (relu³/6), or "hermite" and a degree
        up to 30, as in "hermite3" (orthonormal). Or a tuple of functions (σ, σ', ...), array in, array out, of which σ
        is used: smooth (analytic) apart from kinks and jumps at 0.
    weight_variance : float, default=1.0
        Positive; weights enter as sqrt(weight_variance / fan_in) W ("NTK parameterisation").
    bias_variance : float, default=0.0
        Non-negative; biases enter as sqrt(bias_variance) b.

    Raises
    ------
    ValueError
        On use: if a parameter is out of range, or a function returns other shapes, NaN or infinity, grows too fast for
        Gaussian moments or is not smooth away from 0.
    TypeError
        On use: if the activation is none of these.

    Notes
    -----
    Costs 2 d flops and `depth` arccosines an entry: the whole recursion runs on the tile that holds the inner products.
    "tanh", "sigmoid", "softplus" and "swish" are mixtures of normal distribution functions: they take a series of at
    most 96 terms instead, and keep 113 numbers a row and layer. The series converges too slowly for rows of large norm
    that are nearly parallel, which take a sum of 144 arcsines. Values are within 1e-12 (float32: 1e-5) of
    sqrt(k(x, x) k(x', x')) for variances up to 1e6. With ``depth=1`` and no biases it is
    ``ArcCosine(1)`` times weight_variance² / (2d), and the limit of :class:`~widelearn.RandomFeatures` for
    weight_variance 1.

    Functions are integrated in polar coordinates, where a kink at 0 is an edge. E[σ(u) σ(v)] is interpolated in the
    logarithms of both variances and in the angle, to 1e-10 of sqrt(k(x, x) k(x', x')) or better; what is not reached is
    a ValueError. A table is made once for a function and a range of variances and kept for later calls: functions must
    be pure. It takes tenths of a second for norms within a factor of five, seconds for wide ranges or variances above
    10². A pair then costs about 2 v + 5 t flops a layer, with v coefficients for each variance (10-30; 1 for rows of
    one norm and for powers of abs(t) on each side of 0) times t for the angle (20-300). Where σ' jumps at 0, σ is no
    such power and the network is deeper than 1, rows of different norms nearer than 1e-5 are known to 1e-8.

    References
    ----------
    Lee et al., "Deep neural networks as Gaussian processes", ICLR 2018, section 2.2. Cho & Saul, "Kernel methods for
    deep learning", NeurIPS 2009, section 2.1 (the expectation for relu). Williams, "Computing with infinite networks",
    NeurIPS 1996 (for erf). Stefanski, "A normal scale mixture representation of the logistic distribution", Statistics
    & Probability Letters 11, 1991 (for the sigmoid and what is made of it).

    Examples
    --------
    >>> from widelearn.kernels import NNGP
    >>> NNGP(depth=2, weight_variance=2.0).diag([[3.0, 4.0]])
    array([25.])
    >>> import numpy as np
    >>> NNGP(activation=(np.sin,)).diag([[3.0, 4.0]]).round(12) == NNGP(activation="sin").diag(
    ...     [[3.0, 4.0]]
    ... ).round(12)
    array([ True])
    """

    name = "nngp"
    _functions = 1


class NTK(DeepKernel):
    """Take the tangent kernel of an infinitely wide network with all layers trained.

    Biases are trained too. With K_l of :class:`NNGP`, Θ_0 = K_0 and, for l = 1, ..., depth, Θ_l = K_l +
    weight_variance E[σ'(u) σ'(v)] Θ_{l-1}; the kernel is Θ_depth. For relu, E[σ'(u) σ'(v)] = (π - θ) / (2π), with
    relu'(0) = 0.

    Parameters
    ----------
    depth : int, default=1
        Number of hidden layers, at most 1,000: the cost of an entry, and the memory of each thread, grow with it.
    activation : str, ("leaky_relu", slope) or tuple of functions, default="relu"
        The nonlinearity σ, as in :class:`NNGP`; "step" is refused, its tangent kernel has an infinite diagonal. A tuple
        of functions needs two: (σ, σ').
    weight_variance : float, default=1.0
        Positive; weights enter as sqrt(weight_variance / fan_in) W ("NTK parameterisation").
    bias_variance : float, default=0.0
        Non-negative; biases enter as sqrt(bias_variance) b.

    Raises
    ------
    ValueError
        As :class:`NNGP`, and if a tuple of functions lacks the derivative.
    TypeError
        On use: if the activation is none of these.

    Notes
    -----
    Costs 2 d flops and `depth` arccosines an entry: the whole recursion runs on the tile that holds the inner
    products; functions cost twice what they do in :class:`NNGP`.

    Agrees with the ``ntk`` of neural-tangents' ``stax.serial(Dense, Relu, ..., Dense)`` in its default
    parameterisation.

    References
    ----------
    Jacot, Gabriel & Hongler, "Neural tangent kernel: convergence and generalization in neural networks", NeurIPS 2018,
    theorem 1.

    Examples
    --------
    >>> from widelearn.kernels import NTK
    >>> float(NTK(depth=2, weight_variance=2.0)([3.0, 4.0], [3.0, 4.0]))
    75.0
    >>> import numpy as np
    >>> tanh = NTK(activation=(np.tanh, lambda t: 1 / np.cosh(t) ** 2))
    >>> round(float(tanh([1.0, 0.0], [0.0, 1.0])), 12) == 0.0
    True
    """

    name = "ntk"
    _functions = 2
