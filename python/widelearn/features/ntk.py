"""Random features of the infinitely wide relu network's tangent kernel."""

from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from widelearn import _core
from widelearn.features.base import FeatureMap
from widelearn.kernels import specs, stored
from widelearn.kernels.rows import is_sparse
from widelearn.runtime import Array, capped, check_memory, empty, row_blocks

# Inputs from here on are projected by fast transforms, fewer by orthogonal matrices.
FAST = 64

# As for infinite networks' kernels.
MAX_DEPTH = 1000


class NTKFeatures(FeatureMap):
    """Map rows to random features of ``NTK(depth)`` with relu: their inner products tend to it for every depth.

    With φ_0(x) = x / sqrt(d) and ψ_0 = φ_0, layer l = 1, ..., depth has m columns φ_l,j = relu(u_j.φ_{l-1}) / sqrt(m),
    whose inner products tend to the covariance K_l, and ψ_l,j = φ_l,j + (g_j.ψ_{l-1}) step(v_j.φ_{l-1}) / sqrt(m),
    whose inner products tend to Θ_l = K_l + E[relu' relu'] Θ_{l-1}: u, v and g are independent standard normal
    vectors, and the mean of the mixed terms is zero because that of g is. The features are ψ_depth.

    Parameters
    ----------
    n_components : int, default=4096
        Number of features and width m of every layer.
    depth : int, default=1, at most 1000
        Number of hidden layers.
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
    MemoryError
        If the feature matrix does not fit; :class:`~widelearn.FeatureRidge` sums over it without storing it.

    See Also
    --------
    TangentFeatures : The gradients of one finite layer, d columns a neuron.
    widelearn.kernels.NTK : The kernel in the limit of many features.

    Notes
    -----
    The error of an inner product falls as 1/sqrt(n_components), as every column is a draw of its own; gradients of a
    network with as many parameters share each neuron among d columns. Directions are orthogonal in blocks, which
    takes some variance away. Transforming n rows costs 6 n m d flops for d < 64, 18 n m log d additions beyond, and
    18 n m log m additions a layer after the first; sparse rows are made dense some at a time, up to 64 MiB, for d from
    64 on. The bits are the same for every number of threads.

    References
    ----------
    Zandieh et al., "Scaling neural tangent kernels via sketching and random features", NeurIPS 2021, section 3 (the
    recursion; here a product of two projections takes the place of the sketch of a tensor product).

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import NTKFeatures
    >>> from widelearn.kernels import NTK
    >>> X = np.array([[1.0, 2.0, 0.5], [0.3, -1.0, 2.0]])
    >>> Z = NTKFeatures(n_components=50_000, depth=2, random_state=0).fit_transform(X)
    >>> bool(np.abs(Z @ Z.T - NTK(depth=2)(X)).max() < 0.05)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **FeatureMap._parameter_constraints,
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "depth": [Interval(Integral, 1, MAX_DEPTH, closed="both")],
    }

    def __init__(
        self,
        n_components: int = 4096,
        depth: int = 1,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.depth = depth
        self.random_state = random_state

    def _draw(self) -> None:
        self._n_features_out, self._depth = int(self.n_components), int(self.depth)
        # Independent streams for the three projections of every layer.
        self._seeds = np.random.SeedSequence(self.seed_).generate_state(3 * self._depth, np.uint64).reshape(-1, 3)

    def _write(self, x: Any, out: Array) -> None:
        for rows in row_blocks(x.shape[0], max((1 << 21) // self._n_features_out, 1)):
            part = x[rows] if is_sparse(x) else np.require(x[rows], requirements=["C", "ALIGNED"])
            out[rows] = self._last_layer(part)

    def _last_layer(self, x: Any) -> Array:
        """Return ψ_depth of some rows."""
        phi = psi = x
        for layer in range(self._depth):
            if layer > 0:
                # Projections have variance 1 / (number of columns) in the core's convention, the first layer's too.
                scale = phi.dtype.type(phi.shape[1] ** 0.5)
                phi, psi = phi * scale, psi * scale
            up, gate, along = (
                self._project(rows, activation, int(seed))
                for rows, activation, seed in zip(
                    (phi, phi, psi), ("relu", "step", "identity"), self._seeds[layer], strict=True
                )
            )
            gate *= along
            gate *= gate.dtype.type(self._n_features_out**0.5)
            phi, psi = up, gate
            psi += up
        return psi

    def _project(self, x: Any, activation: str, seed: int) -> Array:
        out = empty((x.shape[0], self._n_features_out), x.dtype)
        spec = self._projection(x.shape[1], activation, seed)
        if is_sparse(x):
            stored.features(spec, x, out)
        else:
            _core.transform(spec, x, out)
        return out

    def _projection(self, columns: int, activation: str, seed: int) -> specs.Features:
        weights = "hadamard" if columns >= FAST else "orthogonal"
        return specs.Features(self._n_features_out, weights, seed, specs.Neurons(specs.Activation(activation)))

    @capped
    def directions(self, layer: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return the projections u, v and g of a layer (0, ..., depth - 1), one a row, over the root of their length.

        They are m x d for the first layer and m x m for others; :class:`NTKFeatures` draws them at each call.
        """
        check_is_fitted(self)
        if not 0 <= layer < self._depth:
            raise ValueError(f"layer must be one of 0 to {self._depth - 1}, got {layer}.")
        shape = (self._n_features_out, self._n_features_out if layer else self.n_features_in_)
        check_memory(
            8 * 4 * shape[0] * shape[1], f"Three times {shape[0]} x {shape[1]} directions", "Take fewer components."
        )
        found = np.empty((3, *shape))
        for out, seed in zip(found, self._seeds[layer], strict=True):
            _core.feature_weights(self._projection(shape[1], "identity", int(seed)), shape[1], out)
        return found[0], found[1], found[2]
