"""Random features: the hidden layer of a random network."""

from numbers import Real
from typing import Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import Interval

from widelearn.features.base import ProjectionMap
from widelearn.kernels import specs
from widelearn.kernels.deep import Activation, activation_spec, is_functions


class RandomFeatures(ProjectionMap):
    """Map rows to the hidden layer of a random network: φ_j(x) = σ(w_j.x + bias_scale b_j) / sqrt(n_components).

    Each w_j is N(0, I/d), or uniform on the unit sphere, and each bias b_j N(0, 1). So without biases E φ(x).φ(x') is
    the kernel ``NNGP(depth=1)``, for relu ``ArcCosine(1)`` / (2d); with biases it is ``NNGP(depth=1,
    bias_variance=bias_scale**2)`` less the output bias's constant ``bias_scale**2``; on the sphere it is that of
    :class:`widelearn.kernels.FiniteRF` in the limit.

    Parameters
    ----------
    n_components : int, default=1024
        Number of features (columns), p.
    activation : str, ("leaky_relu", slope) or tuple of callables, default="relu"
        The nonlinearity σ: "relu", "leaky_relu" (slope 0.01), "step", "erf", "tanh", "sigmoid", "gelu", "softplus",
        "swish", "cos", "sin", "exp", "identity", "quadratic" (t²/2), "cubic" (t³/6), "relu2" (relu²/2), "relu3"
        (relu³/6), "hermite0", "hermite1", ... (orthonormal); or the functions (σ, σ', ...), of which only the first is
        called.
    weights : {"gaussian", "sphere", "orthogonal", "hadamard"}, default="gaussian"
        Law of the w_j: independent N(0, I/d); independent and uniform on the unit sphere; orthogonal in blocks of d,
        each N(0, I/d) by itself; or products of Hadamard matrices with random signs, orthogonal in blocks of m, each
        nearly N(0, I/d) by itself. There m >= 64 is the power of two that holds d, and the cost is n p log m.
    bias_scale : float, default=0.0
        Standard deviation of the biases, non-negative.
    random_state : int, RandomState or None, default=None
        The seed itself if it is an integer; otherwise fit draws one.

    Attributes
    ----------
    seed_ : int
        The seed of all weights: with the parameters it determines them.
    n_features_in_ : int
        Number of input features, d.
    feature_names_in_ : ndarray of shape (d,)
        Names of the input features, if they were strings.

    Raises
    ------
    ValueError
        If the activation is unknown, with the nearest name.
    MemoryError
        If the feature matrix does not fit; :class:`~widelearn.FeatureRidge` sums over it without storing it.

    See Also
    --------
    FourierFeatures : Features of shift-invariant kernels.
    TangentFeatures : The gradients of the same layer.
    widelearn.kernels.NNGP : The kernel in the limit of many features.

    Notes
    -----
    Transforming n rows costs 2 n p d flops, for "hadamard" 6 n p log2 m additions, and for a sparse matrix 2 p flops a
    stored value; "orthogonal" weights cost 4 p d² flops to draw, "gaussian" ones p d numbers. float32 rows give
    float32 features; the bits are the same for every number of threads, and feature j is the same whatever
    n_components is, but for its scale. Functions of the user's run at NumPy's speed.

    References
    ----------
    Rahimi & Recht, "Weighted sums of random kitchen sinks", NeurIPS 2008. Cho & Saul, "Kernel methods for deep
    learning", NeurIPS 2009, section 2.1 (the limit). Yu et al., "Orthogonal random features", NeurIPS 2016, sections 3
    and 4 (orthogonal and hadamard).

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import RandomFeatures
    >>> from widelearn.kernels import NNGP
    >>> X = np.array([[1.0, 2.0], [3.0, -1.0]])
    >>> Z = RandomFeatures(n_components=100_000, random_state=0).fit_transform(X)
    >>> Z.shape
    (2, 100000)
    >>> bool(np.abs(Z @ Z.T - NNGP(depth=1)(X)).max() < 0.05)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **ProjectionMap._parameter_constraints,
        "activation": [str, tuple],
        "bias_scale": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        n_components: int = 1024,
        activation: Activation = "relu",
        weights: str = "gaussian",
        bias_scale: float = 0.0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.activation = activation
        self.weights = weights
        self.bias_scale = bias_scale
        self.random_state = random_state

    def _formula(self) -> specs.Neurons:
        functions: Any = self.activation if is_functions(self.activation) else (None,)
        self._function = functions[0]
        # The core gives projections to a function of the user's.
        activation = activation_spec("identity" if self._function else self.activation)
        return specs.Neurons(activation, bias_scale=float(self.bias_scale))
