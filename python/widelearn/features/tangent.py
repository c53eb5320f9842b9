"""Tangent features: the gradients of a random first layer."""

from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from widelearn import _core
from widelearn.features.base import FeatureMap
from widelearn.kernels import FiniteNTK, specs, stored
from widelearn.kernels.deep import Activation, activation_spec, is_functions
from widelearn.kernels.quadrature import values_of
from widelearn.kernels.rows import is_sparse
from widelearn.runtime import Array, capped, check_memory, core_blocks, empty, ordered, row_blocks

# Values of neurons held at once.
BLOCK_VALUES = 1 << 21


class TangentFeatures(FeatureMap):
    """Map rows to the gradients of a two-layer network's first layer: φ_jk(x) = σ'(w_j.x) x_k / sqrt(width d).

    They are the derivatives of f(x) = Σ_j a_j σ(w_j.x) / sqrt(width d) by w_jk at a_j = 1, w_j uniform on the unit
    sphere; column j d + k belongs to neuron j and input k. So φ(x).φ(x') is ``FiniteNTK(width)``.

    Parameters
    ----------
    width : int, default=64
        Number of neurons, N; there are N d columns.
    activation : str, ("leaky_relu", slope) or tuple of callables, default="relu"
        The nonlinearity σ, as in :class:`RandomFeatures`; of functions (σ, σ', ...) the second is called.
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
        If the activation is unknown, or has no derivative.
    MemoryError
        If the feature matrix does not fit; :class:`~widelearn.FeatureRidge` never stores it.

    See Also
    --------
    NTKFeatures : Features of the infinitely wide network, all layers, in fewer columns.
    widelearn.kernels.FiniteNTK : Their inner products.

    Notes
    -----
    Transforming n rows costs 2 n N d flops and n N d numbers. ``FeatureRidge(TangentFeatures(...))`` solves by
    moments, n (N d)² flops, or by :class:`~widelearn.kernels.FiniteNTK`, n² (N + d) + n³/3, whichever is less; either
    way its predictions cost 4 N d flops a row, of sparse rows 4 N for each stored value. Features of sparse rows are
    written as a dense array; :class:`~widelearn.FeatureRidge` by the kernel does without. The bits are the same for
    every number of threads but for what passes through NumPy's products.

    References
    ----------
    Montanari & Misiakiewicz, "Six lectures on linearized neural networks", 2023, chapters 1 and 5.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import TangentFeatures
    >>> TangentFeatures(width=3, random_state=0).fit_transform(np.ones((4, 2))).shape
    (4, 6)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **FeatureMap._parameter_constraints,
        "width": [Interval(Integral, 1, None, closed="left")],
        "activation": [str, tuple],
    }

    def __init__(
        self,
        width: int = 64,
        activation: Activation = "relu",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.width = width
        self.activation = activation
        self.random_state = random_state

    def _draw(self) -> None:
        self._width = int(self.width)
        self._n_features_out = self._width * self.n_features_in_
        self._activation: Any = self.activation
        # The kernel checks the activation: here, not at the first transform.
        FiniteNTK(1, self._activation)(np.zeros((1, 1)))

    @capped
    def directions(self) -> NDArray[np.float64]:
        """Return the directions w_j that rows are projected on, one a row."""
        check_is_fitted(self)
        out = np.empty((self._width, self.n_features_in_))
        check_memory(2 * out.nbytes, f"The {out.shape[0]} x {out.shape[1]} directions", "Take a smaller width.")
        formula = specs.Neurons(specs.Activation("identity"))
        _core.feature_weights(specs.Features(self._width, "sphere", self.seed_, formula), out.shape[1], out)
        return out

    def _neurons(self, x: Any) -> Array:
        """Return σ'(w_j.x) / sqrt(width d) of some rows."""
        out = empty((x.shape[0], self._width), x.dtype)
        own = is_functions(self._activation)
        formula = specs.Neurons(activation_spec("identity" if own else self._activation), 0 if own else 1)
        spec = specs.Features(self._width, "sphere", self.seed_, formula)
        if is_sparse(x):
            stored.features(spec, x, out)
        else:
            for rows, block in core_blocks(x):
                _core.transform(spec, block, out[rows])
        scale = out.dtype.type(x.shape[1] ** -0.5)
        if own:
            out *= out.dtype.type(self._width**0.5)
            out[:] = values_of(self._activation[1], out)
            scale *= out.dtype.type(self._width**-0.5)
        out *= scale
        return out

    def _neuron_blocks(self, x: Any) -> Any:
        for rows in row_blocks(x.shape[0], max(BLOCK_VALUES // self._width, 1)):
            yield rows, self._neurons(x[rows])

    def _write(self, x: Any, out: Array) -> None:
        if is_sparse(x):
            self._write_stored(ordered(x), out)
            return
        shape = (self._width, x.shape[1])
        for rows, neurons in self._neuron_blocks(x):
            np.multiply(neurons[:, :, None], x[rows][:, None, :], out=out[rows].reshape(-1, *shape))

    def _write_stored(self, x: Any, out: Array) -> None:
        """Write the features of sparse rows, in which each column stands once: zeros but where rows store values."""
        out.fill(0.0)
        gradients = out.reshape(x.shape[0], self._width, x.shape[1])
        for rows, neurons in self._neuron_blocks(x):
            for i, neuron in enumerate(neurons, rows.start):
                stored_there = slice(x.indptr[i], x.indptr[i + 1])
                gradients[i][:, x.indices[stored_there]] = np.outer(neuron, x.data[stored_there])

    def _multiply(self, x: Any, coef: Array, out: Array) -> None:
        layers = np.ascontiguousarray(coef.T).reshape(-1, self._width, x.shape[1])
        for rows, neurons in self._neuron_blocks(x):
            for t, layer in enumerate(layers):
                np.einsum("ij,ij->i", neurons, x[rows] @ layer.T, out=out[rows, t])

    def gram_kernel(self) -> FiniteNTK:
        """Return the tangent kernel of the same neurons."""
        return FiniteNTK(self._width, self._activation, self.seed_)

    def _sum(self, x: Any, dual: Array) -> Array:
        need = dual.shape[1] * self._n_features_out * int(x.dtype.itemsize)
        check_memory(need, f"The sums of {self._n_features_out} features", "Take a smaller width, or fewer targets.")
        out = np.zeros((dual.shape[1], self._width, x.shape[1]), x.dtype)
        for rows, neurons in self._neuron_blocks(x):
            for t, layer in enumerate(out):
                if is_sparse(x):
                    layer += (x[rows].T @ (dual[rows, t, None] * neurons)).T
                else:
                    layer += neurons.T @ (dual[rows, t, None] * x[rows])
        return out.reshape(len(out), -1).T
