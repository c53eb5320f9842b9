"""Feature maps: what all of them share, and those whose weights and passes are the core's."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from widelearn import _core
from widelearn.features.drawn import DRAWN
from widelearn.features.state import on_draft
from widelearn.kernels import Kernel, specs, stored
from widelearn.kernels.parameters import DefaultObjects, checks_parameters
from widelearn.kernels.quadrature import values_of
from widelearn.kernels.rows import DTYPES, undamaged
from widelearn.runtime import Array, capped, check_memory, core_blocks, empty, row_blocks

WEIGHTS = StrOptions({"gaussian", "sphere", "orthogonal", "hadamard"})
# Rows whose mean features serve as origin while moments are summed.
ORIGIN_ROWS = 256
# Rows whose targets and weights are converted at once.
CONVERTED_ROWS = 65_536
# Values of features that a pass without a fused form holds at once.
BLOCK_VALUES = 1 << 22
STREAM = "FeatureRidge sums features block by block and never stores them; or take fewer components."

# Weights that a product with sparse rows holds at once.
SPARSE_BYTES = 128 << 20


class FeatureMap(DefaultObjects, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator, ABC):
    """A map from rows to features that can be passed over without storing the features.

    Subclasses write the features of some rows; products and moments come from blocks of rows where a subclass has no
    faster pass.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {"random_state": ["random_state"]}
    # Whether fit depends on rows.
    looks_at_rows = False
    _n_features_out: int
    # What `fit`, unless a map has its own, does once the seed is drawn: it sets all that the features depend on.
    _draw: Callable[[], None]
    random_state: Any

    if TYPE_CHECKING:
        # What scikit-learn's classes, which carry no types, add.
        def fit_transform(self, X: ArrayLike, y: object = None) -> Array:
            """Fit to `X` and return its features."""

        def set_output(self, *, transform: str | None = None) -> Self:
            """Choose what holds features: "default", "pandas" or "polars"; and return the map."""

        def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[np.object_]:
            """Return the names of the features."""

    @property
    def takes_sparse(self) -> bool:
        """Whether rows may be a sparse matrix, which is never made dense as a whole."""
        return True

    @property
    def n_features_out(self) -> int:
        """Number of features, fixed by fitting."""
        return self._n_features_out

    @checks_parameters(nested=False)
    @on_draft
    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Draw the seed and remember the number of features of `X`; `y` is ignored.

        If anything is raised, the map is left as it was.
        """
        if hasattr(X, "__dask_graph__"):
            from widelearn.distributed import one_row

            X = one_row(X)
        validate_data(self, undamaged(X), dtype=DTYPES, accept_sparse=self._accept_sparse)
        if isinstance(self.random_state, Integral):
            self.seed_ = int(self.random_state)
        else:
            self.seed_ = int(check_random_state(self.random_state).randint(2**31 - 1))
        self._draw()
        return self

    @capped
    def transform(self, X: ArrayLike) -> Array:
        """Return the features of `X`, of shape (n, n_features_out), float32 for float32 rows; lazily for Dask's."""
        if hasattr(X, "__dask_graph__"):
            from widelearn.distributed import by_rows

            return by_rows(self, "transform", X, self._n_features_out)
        return self._features(self._rows(X))

    @capped
    def dot(self, X: ArrayLike, coef: ArrayLike) -> Array:
        """Return ``transform(X) @ coef`` for `coef` of shape (p,) or (p, t) without storing the features."""
        return self._product(self._rows(X), coef)

    def _product(self, x: Any, coef: ArrayLike) -> Array:
        """Return the features of validated rows times `coef`."""
        p = self._n_features_out
        c = np.require(coef, x.dtype, ["C", "ALIGNED"])
        check_coef(c, p)
        columns = 1 if c.ndim == 1 else c.shape[1]
        need = x.shape[0] * columns * x.dtype.itemsize + self._weight_bytes(x)
        check_memory(need, f"The product of {p} features with {columns} columns", "Take fewer components or rows.")
        out = np.empty((x.shape[0], columns), x.dtype)
        self._multiply(x, c.reshape(p, -1), out)
        return out if c.ndim == 2 else out[:, 0]

    @capped
    def moments(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> tuple[Array, ...]:
        """Return the weighted first and second moments of features and targets in one pass that stores no features.

        The arrays ``(shift_z, shift_y, zz, zy, sums)`` are what :meth:`widelearn.ridge.Moments.absorb` takes, all
        float64: with an origin cz, cy near the means, zz = Σ w (z - cz)(z - cz)', zy = Σ w (z - cz)(y - cy)' and sums
        = [Σ w, Σ w (z - cz), Σ w (y - cy), Σ w (y - cy)²]. Costs n p (p + 2 t) flops beside the features, and 8 p²
        bytes.
        """
        x, p = self._rows(X), self._n_features_out
        n = x.shape[0]
        targets = np.asarray(y).reshape(n, -1)
        weight = None if sample_weight is None else np.asarray(sample_weight)
        t = targets.shape[1]
        if targets.shape[0] != n or (weight is not None and weight.shape != (n,)):
            given = f"y {np.shape(y)}" if weight is None else f"y {np.shape(y)} and sample_weight {weight.shape}"
            raise ValueError(f"X has {n} rows, but {given}: one target, and one weight, is asked for each row.")
        check_memory(8 * p * p + self._weight_bytes(x), f"The moments of {p} features", "Take fewer components.")
        # A number of the samples' type, so that the core takes the difference without rounding the origin.
        shift_z = self._features(x[:ORIGIN_ROWS]).mean(axis=0).astype(np.float64)
        shift_y = targets.mean(axis=0, dtype=np.float64)
        into = (shift_z, shift_y, np.zeros((p, p)), np.zeros((p, t)), np.zeros(1 + p + 2 * t))
        # Targets and weights of any type of number become doubles some rows at a time.
        for part in row_blocks(n, CONVERTED_ROWS):
            v = np.require(targets[part], np.float64, ["C", "ALIGNED"])
            w = None if weight is None else np.require(weight[part], np.float64, ["C", "ALIGNED"])
            self._add_moments(x[part], v, w, into)
        return into

    def _features(self, x: Any) -> Array:
        """Return the features of validated rows."""
        shape = (x.shape[0], self._n_features_out)
        need = shape[0] * shape[1] * x.dtype.itemsize + self._weight_bytes(x)
        check_memory(need, f"The feature matrix of {shape[0]} x {shape[1]}", STREAM)
        return self._written(x)

    def _written(self, x: Any) -> Array:
        """Return the features of validated rows, which are known to fit into memory."""
        out = empty((x.shape[0], self._n_features_out), x.dtype)
        self._write(x, out)
        return out

    def _weight_bytes(self, x: Any) -> int:
        """Return the bytes of the weights that validated rows are multiplied by."""
        return 0

    @abstractmethod
    def _write(self, x: Any, out: Array) -> None:
        """Write the features of validated rows."""

    def _blocks(self, x: Any) -> Any:
        """Yield blocks of rows and their features."""
        step = max(BLOCK_VALUES // max(self._n_features_out, 1), 1)
        for rows in row_blocks(x.shape[0], step):
            yield rows, self._written(x[rows])

    def _multiply(self, x: Any, coef: Array, out: Array) -> None:
        """Write features times `coef`."""
        for rows, Z in self._blocks(x):
            np.matmul(Z, coef, out=out[rows])

    def _add_moments(self, x: Any, y: Array, weight: Array | None, into: tuple[Array, ...]) -> None:
        """Add some rows to moments about an origin."""
        for rows, Z in self._blocks(x):
            _core.moments(None, Z, y[rows], None if weight is None else weight[rows], *into)

    def gram_kernel(self) -> Kernel | None:
        """Return the kernel whose values are the features' inner products, where it is cheaper than they are."""
        return None

    @capped
    def pull_back(self, X: ArrayLike, dual: ArrayLike) -> Array:
        """Return Σ_i dual_i φ(x_i), of shape (p, t), without storing the features."""
        x, d = self._rows(X), np.asarray(dual)
        n = x.shape[0]
        if d.ndim != 2 or len(d) != n or d.dtype.kind not in "iuf":
            raise ValueError(f"dual must be numbers of shape ({n}, t), got shape {d.shape} of {d.dtype}.")
        return self._sum(x, d)

    def _sum(self, x: Any, dual: Array) -> Array:
        """Return the sum of the features of validated rows times `dual`."""
        out = np.zeros((self._n_features_out, dual.shape[1]), x.dtype)
        for rows, Z in self._blocks(x):
            out += (Z.T @ dual[rows]).astype(x.dtype, copy=False)
        return out

    def _rows(self, X: ArrayLike) -> Any:
        check_is_fitted(self)
        # No order is asked for: C-contiguous blocks are cut from whatever X is, so that it is never copied whole.
        return validate_data(self, undamaged(X), dtype=DTYPES, reset=False, accept_sparse=self._accept_sparse)

    @property
    def _accept_sparse(self) -> str | bool:
        """What validation says to sparse rows."""
        return "csr" if self.takes_sparse else False

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.input_tags.sparse = self.takes_sparse
        return tags


class ProjectionMap(FeatureMap):
    """A function of random projections.

    Nothing but the seed is kept: weights are counter-based, so each call regenerates them with the same bits, unless
    memory has room for those of the last one.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **FeatureMap._parameter_constraints,
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "weights": [WEIGHTS],
    }
    n_components: int
    weights: str
    # What the core reads, kept whole, so that parameters set later change the next fit and not this one.
    _spec: specs.Features
    # A function of the user's that is applied to projections, where the core applies none.
    _function: Any = None

    @capped
    def directions(self) -> NDArray[np.float64]:
        """Return the directions w_j that rows are projected on, one a row."""
        check_is_fitted(self)
        shape = (self._n_directions(), self.n_features_in_)
        # The core draws them before it copies them.
        check_memory(16 * shape[0] * shape[1], f"The {shape[0]} x {shape[1]} directions", "Take fewer components.")
        out = np.empty(shape)
        _core.feature_weights(self._spec, self.n_features_in_, out)
        return out

    def _draw(self) -> None:
        self._n_features_out = int(self.n_components)
        formula = self._formula()
        # Parameters are the core's to check: here, not at the first transform.
        _core.transform(specs.Features(1, "gaussian", 0, formula), np.zeros((1, 1)), np.empty((1, 1)))
        self._spec = specs.Features(self._n_features_out, self.weights, self.seed_, formula)

    @abstractmethod
    def _formula(self) -> specs.Neurons | specs.Waves:
        """Return what is made of projections, as the core reads it."""

    def _n_directions(self) -> int:
        return self._n_features_out

    def _weight_bytes(self, x: Any) -> int:
        # Structured weights are three signs and a length a direction.
        each = 4 if self._spec.weights == "hadamard" else x.shape[1]
        whole = self._n_directions() * each * int(x.dtype.itemsize)
        if issparse(x):
            return min(whole, SPARSE_BYTES)
        return 0 if DRAWN.known(self, self._spec, x) else whole

    def _drawn(self, x: Array) -> Any:
        """Return what the core reads for dense rows: the map with its weights where those may be kept."""
        return DRAWN.known(self, self._spec, x) or DRAWN.drawn(self, self._spec, x, self._weight_bytes(x))

    def _write(self, x: Any, out: Array) -> None:
        if issparse(x):
            stored.features(self._spec, x, out)
        else:
            drawn = self._drawn(x)
            for rows, block in core_blocks(x):
                _core.transform(drawn, block, out[rows])
        self._apply(out)

    def _written_about(self, x: Any, origin: Array) -> Array:
        """Return the features of sparse rows, an origin (d,) added to each, which are known to fit into memory."""
        out = empty((x.shape[0], self._n_features_out), x.dtype)
        stored.features(self._spec, x, out, origin)
        self._apply(out)
        return out

    def _apply(self, out: Array) -> None:
        """Replace projections by what a function of the user's makes of them."""
        if self._function is not None:
            scale = out.dtype.type(self._n_features_out**0.5)
            out *= scale
            out[:] = values_of(self._function, out) / scale

    def _is_fused(self, x: Any) -> bool:
        """Whether the core passes over these rows without storing their features."""
        return self._function is None and not issparse(x)

    def _multiply(self, x: Any, coef: Array, out: Array) -> None:
        if not self._is_fused(x):
            return super()._multiply(x, coef, out)
        drawn = self._drawn(x)
        for rows, block in core_blocks(x):
            _core.predict(drawn, block, coef, out[rows])
        return None

    def _add_moments(self, x: Any, y: Array, weight: Array | None, into: tuple[Array, ...]) -> None:
        if not self._is_fused(x):
            return super()._add_moments(x, y, weight, into)
        drawn = self._drawn(x)
        for rows, block in core_blocks(x):
            _core.moments(drawn, block, y[rows], None if weight is None else weight[rows], *into)
        return None


def check_coef(coef: Array, p: int, *lengths: int) -> None:
    """Refuse coefficients of other than p features, or one of some other lengths."""
    if coef.ndim not in (1, 2) or len(coef) not in (p, *lengths):
        raise ValueError(f"coef has shape {coef.shape}, but there are {p} features: it must be ({p},) or ({p}, t).")


def at_hand(X: ArrayLike, name: str) -> ArrayLike:
    """Return rows that a map of this name looks at in its fit; a Dask collection is refused."""
    if hasattr(X, "__dask_graph__"):
        raise TypeError(
            f"{name} looks at the rows that it is fitted to, and cannot at those of a Dask collection: fit it to an"
            " array of some of them; it transforms Dask collections then."
        )
    return X
