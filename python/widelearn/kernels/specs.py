"""What the core reads of kernels and feature maps, all parameters settled: named tuples, told apart by class."""

from typing import NamedTuple, TypeAlias

from widelearn.runtime import Array


class Activation(NamedTuple):
    """An activation by name; the parameter is a leaky relu's slope."""

    name: str
    parameter: float = 0.0


class Constant(NamedTuple):
    """The same value for every pair."""

    value: float


class Linear(NamedTuple):
    """x.x'."""


class Polynomial(NamedTuple):
    """(gamma x.x' + coef0)^degree."""

    degree: int
    gamma: float
    coef0: float


class DotProduct(NamedTuple):
    """Σ_k coefficients_k (x.x'/d)^k."""

    coefficients: list[float]


class Rbf(NamedTuple):
    """exp(-gamma ‖x - x'‖²)."""

    gamma: float


class Laplace(NamedTuple):
    """exp(-gamma ‖x - x'‖^power)."""

    gamma: float
    power: float


class Manhattan(NamedTuple):
    """exp(-gamma Σ_k |x_k - x'_k|)."""

    gamma: float


class Matern(NamedTuple):
    """A Matern function of ‖x - x'‖ / length_scale."""

    length_scale: float
    nu: float


class ArcCosine(NamedTuple):
    """2 E[relu(w.x)^order relu(w.x')^order]."""

    order: int


class Network(NamedTuple):
    """The output covariance of an infinitely wide network, or its tangent kernel."""

    depth: int
    activation: Activation
    weight_variance: float
    bias_variance: float
    tangent: bool


class Finite(NamedTuple):
    """The kernel of a finite layer's neurons, or of their gradients."""

    width: int
    activation: Activation
    seed: int
    tangent: bool


class Layer(NamedTuple):
    """Σ_r s_r² g(w_r.x - b_r) g(w_r.x' - b_r), g a shape of neurons (name, parameter, smoothing) or its slope."""

    W: Array
    b: Array
    sizes: Array
    shape: tuple[str, float, float]
    slopes: bool


class Taylor(NamedTuple):
    """A term of a wide network's expansion in its first layer."""

    order: int
    activation: Activation


class Sum(NamedTuple):
    """k1 + k2."""

    k1: "Kernel"
    k2: "Kernel"


class Product(NamedTuple):
    """k1 k2."""

    k1: "Kernel"
    k2: "Kernel"


Kernel: TypeAlias = (
    Constant
    | Linear
    | Polynomial
    | DotProduct
    | Rbf
    | Laplace
    | Manhattan
    | Matern
    | ArcCosine
    | Network
    | Finite
    | Layer
    | Taylor
    | Sum
    | Product
)


class Neurons(NamedTuple):
    """The derivative of some order of σ(w.x + bias_scale b)."""

    activation: Activation
    order: int = 0
    bias_scale: float = 0.0


class Waves(NamedTuple):
    """Sines and cosines, their frequencies from the spectral measure of a kernel."""

    kernel: Kernel


class Features(NamedTuple):
    """A feature map: what is made of how many projections on weights of which law and seed."""

    n_components: int
    weights: str
    seed: int
    formula: Neurons | Waves
