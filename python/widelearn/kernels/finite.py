"""Kernels of finite two-layer networks at random weights: of the hidden layer, and of its gradients."""

from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar

import numpy as np

from widelearn import _core
from widelearn.kernels import specs, stored
from widelearn.kernels.deep import Activation, ActivationKernel, activation_spec
from widelearn.kernels.quadrature import values_of
from widelearn.kernels.rows import is_sparse
from widelearn.runtime import Array, row_blocks

# Values of neurons that a user's function computes at once.
BLOCK_VALUES = 1 << 22
# Most rows and columns of a tile of sparse rows.
TILE_ROWS = 1024


@dataclass(eq=False, repr=False)
class FiniteKernel(ActivationKernel):
    """A kernel that sums over neurons whose weights are a function of the seed."""

    width: int
    activation: Activation = "relu"
    random_state: int = 0
    _columns_alike = False
    # Derivative of the activation that is taken.
    _order: ClassVar[int]

    @property
    def takes_sparse(self) -> bool:
        """Rows may be sparse: neurons are made of the values that they store, some rows' at a time."""
        return True

    @property
    def _reads_stored(self) -> bool:
        return False

    def spec(self, d: int) -> specs.Finite:
        """Return what the core reads."""
        width, activation = self._integer("width"), activation_spec(self.activation)
        return specs.Finite(width, activation, self._seed(), tangent=self._order == 1)

    def _seed(self) -> int:
        if not isinstance(self.random_state, Integral) or isinstance(self.random_state, bool) or self.random_state < 0:
            raise ValueError(
                f"{type(self).__name__}: random_state must be a non-negative integer, got {self.random_state!r}: a"
                " kernel is a function, the same at every call."
            )
        return int(self.random_state)

    def _own_gram(self, x: Any, y: Any, out: Array) -> None:
        if is_sparse(x):
            self._stored_gram(x, y, out)
            return
        y = x if y is None else y
        step = max(BLOCK_VALUES // self._integer("width"), 1)
        for rows in row_blocks(len(x), step):
            left = self._neurons(x[rows])
            for cols in row_blocks(len(y), step):
                out[rows, cols] = left @ self._neurons(y[cols]).T
        if self._order:
            out *= (x @ y.T) / x.shape[1]

    def _own_diag(self, x: Any, out: Array) -> None:
        if not is_sparse(x):
            super()._own_diag(x, out)
            return
        for rows in self._tiles(x):
            _core.gram_diag(specs.Linear(), self._neurons(x[rows]), out[rows])
        if self._order:
            squares = np.empty_like(out)
            stored.diagonal(specs.Linear(), x, squares)
            out *= squares / out.dtype.type(x.shape[1])

    def _own_dot(self, x: Any, y: Any, v: Array, out: Array) -> None:
        if not is_sparse(x):
            super()._own_dot(x, y, v, out)
            return
        other = x if y is None else y
        for rows in row_blocks(x.shape[0], max(stored.HELD // max(other.shape[0], 1), 1)):
            gram = np.empty((rows.stop - rows.start, other.shape[0]), x.dtype)
            self._stored_gram(x[rows], other, gram)
            np.matmul(gram, v, out=out[rows])

    def _stored_gram(self, x: Any, y: Any, out: Array) -> None:
        """Write the kernel matrix of sparse rows, of `x` with itself where `y` is None, tile by tile."""
        other = x if y is None else y
        for columns in self._tiles(other):
            right = self._neurons(other[columns])
            for rows in self._tiles(x):
                if y is None and rows.start < columns.start:
                    continue
                same = y is None and rows == columns
                tile = np.empty((rows.stop - rows.start, len(right)), x.dtype)
                _core.gram(specs.Linear(), right if same else self._neurons(x[rows]), None if same else right, tile)
                out[rows, columns] = tile
                if y is None and not same:
                    out[columns, rows] = tile.T
        if self._order:
            for rows in row_blocks(x.shape[0], max(stored.HELD // max(other.shape[0], 1), 1)):
                inner = np.empty((rows.stop - rows.start, other.shape[0]), x.dtype)
                stored.gram(specs.Linear(), x[rows], other, inner)
                inner /= inner.dtype.type(x.shape[1])
                out[rows] *= inner

    def _tiles(self, x: Any) -> list[slice]:
        """Return rows whose neurons are held at once."""
        return row_blocks(x.shape[0], min(max(BLOCK_VALUES // self._integer("width"), 1), TILE_ROWS))

    def _neurons(self, x: Any) -> Array:
        """Return σ(w_j.x) / sqrt(width), or σ', for functions of the user's and for sparse rows."""
        own, width = not self.compiled, self._integer("width")
        out = np.empty((x.shape[0], width), x.dtype)
        activation = activation_spec("identity" if own else self.activation)
        spec = specs.Features(width, "sphere", self._seed(), specs.Neurons(activation, 0 if own else self._order))
        if is_sparse(x):
            stored.features(spec, x, out)
        else:
            _core.transform(spec, x, out)
        if not own:
            return out
        function = self._function(self._order)
        scale = out.dtype.type(width**0.5)
        out *= scale
        return values_of(function, out).astype(out.dtype, copy=False) / scale


class FiniteRF(FiniteKernel):
    """Take the inner product of random features: k(x, x') = Σ_j σ(w_j.x) σ(w_j.x') / width, w_j on the unit sphere.

    It is ``Z @ Z.T`` for the Z of ``RandomFeatures(width, activation, "sphere", random_state=random_state)``, to
    rounding, without that n x width matrix.

    Parameters
    ----------
    width : int
        Number of neurons, N, at least 1.
    activation : str, ("leaky_relu", slope) or tuple of callables, default="relu"
        The nonlinearity σ, as in :class:`widelearn.RandomFeatures`.
    random_state : int, default=0
        The seed of the weights. None is refused: a kernel is a function.

    Notes
    -----
    A Gram matrix of n rows costs n² N + 2 n N d flops and 64 MiB beyond the matrix; for sparse rows 2 N flops a stored
    value take the place of 2 N d a row, and 128 MiB that of 64.

    References
    ----------
    Rahimi & Recht, "Weighted sums of random kitchen sinks", NeurIPS 2008, section 1.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import RandomFeatures
    >>> from widelearn.kernels import FiniteRF
    >>> X = np.array([[1.0, 2.0], [3.0, -1.0]])
    >>> Z = RandomFeatures(50, weights="sphere", random_state=3).fit_transform(X)
    >>> bool(np.allclose(FiniteRF(50, random_state=3)(X), Z @ Z.T))
    True
    """

    _order = 0


class FiniteNTK(FiniteKernel):
    """Take the tangent kernel of a random first layer: k(x, x') = (x.x'/d) Σ_j σ'(w_j.x) σ'(w_j.x') / width.

    The w_j are those of :class:`FiniteRF`, uniform on the unit sphere. It is ``Z @ Z.T`` for the Z of
    ``TangentFeatures(width, activation, random_state=random_state)``, to rounding, without that n x (width d) matrix.

    Parameters
    ----------
    width : int
        Number of neurons, N, at least 1.
    activation : str, ("leaky_relu", slope) or tuple of callables, default="relu"
        The nonlinearity σ, as in :class:`widelearn.RandomFeatures`; it needs a derivative.
    random_state : int, default=0
        The seed of the weights. None is refused: a kernel is a function.

    Notes
    -----
    A Gram matrix of n rows costs n² (N + d) + 2 n N d flops and 64 MiB beyond the matrix. It tends to its limit as
    1/sqrt(N); for relu the limits of it and of :class:`FiniteRF` add up to ``NTK(depth=1)``.

    References
    ----------
    Montanari & Misiakiewicz, "Six lectures on linearized neural networks", 2023, chapter 5. Jacot, Gabriel & Hongler,
    "Neural tangent kernel", NeurIPS 2018, section 4.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import TangentFeatures
    >>> from widelearn.kernels import FiniteNTK
    >>> X = np.array([[1.0, 2.0], [3.0, -1.0]])
    >>> Z = TangentFeatures(50, random_state=3).fit_transform(X)
    >>> bool(np.allclose(FiniteNTK(50, random_state=3)(X), Z @ Z.T))
    True
    """

    _order = 1
