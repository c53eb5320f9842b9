"""Random feature maps as transformers: fit draws a seed, and the compiled core draws the weights from it."""

from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from widelearn import _core
from widelearn.kernels import RBF, Kernel, as_kernel
from widelearn.kernels.parameters import DefaultObjects
from widelearn.runtime import check_memory, core_blocks, empty, row_blocks

__all__ = ["FourierFeatures", "RandomFeatures"]

Array = NDArray[Any]
# Rows whose mean features serve as origin while moments are summed.
ORIGIN_ROWS = 256
# Rows whose targets and weights are converted at once.
CONVERTED_ROWS = 65_536
STREAM = "FeatureRidge sums features block by block and never stores them; or take fewer components."


class FeatureMap(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """A map from rows to random features whose weights are a function of a seed.

    Nothing but the seed is kept: weights are counter-based, so each call regenerates them with the same bits.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "weights": [StrOptions({"gaussian", "sphere"})],
        "random_state": ["random_state"],
    }

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Draw the seed and remember the number of features of `X`; `y` is ignored."""
        validate_data(self, X, dtype=[np.float64, np.float32])
        if isinstance(self.random_state, Integral):
            self.seed_ = int(self.random_state)
        else:
            self.seed_ = int(check_random_state(self.random_state).randint(2**31 - 1))
        self._n_features_out = self.n_components
        # Kept whole, so that parameters set later change the next fit and not this one.
        self._spec = self._make_spec()
        return self

    def transform(self, X: ArrayLike) -> Array:
        """Return the features of `X`, of shape (n, n_components), float32 for float32 rows."""
        x = self._rows(X)
        shape = (len(x), self._n_features_out)
        check_memory(shape[0] * shape[1] * x.itemsize, f"The feature matrix of {shape[0]} x {shape[1]}", STREAM)
        out = empty(shape, x.dtype)
        for rows, block in core_blocks(x):
            _core.transform(self._spec, block, out[rows])
        return out

    def dot(self, X: ArrayLike, coef: ArrayLike) -> Array:
        """Return ``transform(X) @ coef`` for `coef` of shape (p,) or (p, t) without storing the features."""
        x, p = self._rows(X), self._n_features_out
        c = np.require(coef, x.dtype, ["C", "ALIGNED"])
        if c.ndim not in (1, 2) or len(c) != p:
            raise ValueError(f"coef has shape {c.shape}, but there are {p} features: it must be ({p},) or ({p}, t).")
        out = np.empty((len(x), 1 if c.ndim == 1 else c.shape[1]), x.dtype)
        for rows, block in core_blocks(x):
            _core.predict(self._spec, block, c.reshape(p, -1), out[rows])
        return out if c.ndim == 2 else out[:, 0]

    def moments(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> tuple[Array, ...]:
        """Return the weighted first and second moments of features and targets in one pass that stores no features.

        The arrays ``(shift_z, shift_y, zz, zy, sums)`` are what :meth:`widelearn.ridge.Moments.absorb` takes, all
        float64: with an origin cz, cy near the means, zz = Σ w (z - cz)(z - cz)', zy = Σ w (z - cz)(y - cy)' and sums
        = [Σ w, Σ w (z - cz), Σ w (y - cy), Σ w (y - cy)²]. Costs 2 n p (d + p + t) flops and 8 p² bytes.
        """
        x, p = self._rows(X), self._n_features_out
        targets = np.asarray(y).reshape(len(x), -1)
        weight = None if sample_weight is None else np.asarray(sample_weight)
        t = targets.shape[1]
        check_memory(8 * p * p, f"The moments of {p} features", "Take fewer components.")
        # A number of the samples' type, so that the core takes the difference without rounding the origin.
        shift_z = self.transform(x[:ORIGIN_ROWS]).mean(axis=0).astype(np.float64)
        shift_y = targets.mean(axis=0, dtype=np.float64)
        zz, zy, sums = np.zeros((p, p)), np.zeros((p, t)), np.zeros(1 + p + 2 * t)
        # Targets and weights of any type of number become doubles some rows at a time.
        for part in row_blocks(len(x), CONVERTED_ROWS):
            v = np.require(targets[part], np.float64, ["C", "ALIGNED"])
            w = None if weight is None else np.require(weight[part], np.float64, ["C", "ALIGNED"])
            for rows, block in core_blocks(x[part]):
                some = None if w is None else w[rows]
                _core.moments(self._spec, block, v[rows], some, shift_z, shift_y, zz, zy, sums)
        return shift_z, shift_y, zz, zy, sums

    def directions(self) -> NDArray[np.float64]:
        """Return the directions w_j that rows are projected on, one a row."""
        check_is_fitted(self)
        out = np.empty((self._n_directions(), self.n_features_in_))
        check_memory(out.nbytes, f"The {out.shape[0]} x {out.shape[1]} directions", "Take fewer components.")
        _core.feature_weights(self._spec, self.n_features_in_, out)
        return out

    def _rows(self, X: ArrayLike) -> Array:
        check_is_fitted(self)
        # No order is asked for: C-contiguous blocks are cut from whatever X is, so that it is never copied whole.
        return validate_data(self, X, dtype=[np.float64, np.float32], reset=False)

    def _make_spec(self) -> tuple[Any, ...]:
        raise NotImplementedError

    def _n_directions(self) -> int:
        return self._n_features_out

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class RandomFeatures(FeatureMap):
    """Map rows to the hidden layer of a random network: φ_j(x) = σ(w_j.x + bias_scale b_j) / sqrt(n_components).

    The weights w_j are N(0, I/d) for "gaussian" and uniform on the unit sphere for "sphere", the biases b_j are N(0,
    1). So without biases E φ(x).φ(x') is the kernel ``NNGP(depth=1)``, for relu ``ArcCosine(1)`` / (2d); with biases
    it is ``NNGP(depth=1, bias_variance=bias_scale**2)`` less the output bias's constant ``bias_scale**2``.

    Parameters
    ----------
    n_components : int, default=1024
        Number of features, p.
    activation : {"relu"}, default="relu"
        The nonlinearity σ.
    weights : {"gaussian", "sphere"}, default="gaussian"
        Law of the directions w_j.
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
    MemoryError
        If the feature matrix does not fit; :class:`~widelearn.FeatureRidge` sums over it without storing it.

    See Also
    --------
    FourierFeatures : Features of shift-invariant kernels.
    widelearn.kernels.NNGP : The kernel in the limit of many features.

    Notes
    -----
    Transforming n rows costs 2 n p d flops. float32 rows give float32 features; the bits are the same for every
    number of threads, and feature j is the same whatever n_components is, but for its scale.

    References
    ----------
    Rahimi & Recht, "Weighted sums of random kitchen sinks", NeurIPS 2008. Cho & Saul, "Kernel methods for deep
    learning", NeurIPS 2009, section 2.1 (the limit).

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
        **FeatureMap._parameter_constraints,
        "activation": [StrOptions({"relu"})],
        "bias_scale": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        n_components: int = 1024,
        activation: str = "relu",
        weights: str = "gaussian",
        bias_scale: float = 0.0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.activation = activation
        self.weights = weights
        self.bias_scale = bias_scale
        self.random_state = random_state

    def _make_spec(self) -> tuple[Any, ...]:
        activation = (self.activation, 0.0)
        return ("random", self._n_features_out, activation, self.weights, float(self.bias_scale), self.seed_)


class FourierFeatures(DefaultObjects, FeatureMap):
    """Map rows to random waves whose inner products approximate a shift-invariant kernel.

    With h = n_components // 2 frequencies w_j from the kernel's spectral measure, the features are
    sqrt(2 / n_components) sin(w_j.x) and sqrt(2 / n_components) cos(w_j.x), j = 1, ..., h, so that
    E φ(x).φ(x') = k(x, x'). An odd n_components ends with one column sqrt(2 / n_components) cos(w.x + b), b uniform on
    [0, 2π).

    Parameters
    ----------
    kernel : RBF, {"rbf"} or None, default=None
        The kernel; None means ``RBF()``. Its frequencies are N(0, 2 gamma I).
    n_components : int, default=1024
        Number of features (columns), p.
    weights : {"gaussian"}, default="gaussian"
        Law of the directions of the frequencies.
    random_state : int, RandomState or None, default=None
        The seed itself if it is an integer; otherwise fit draws one.

    Attributes
    ----------
    seed_ : int
        The seed of all frequencies: with the parameters it determines them.
    n_features_in_ : int
        Number of input features, d.
    feature_names_in_ : ndarray of shape (d,)
        Names of the input features, if they were strings.

    Raises
    ------
    ValueError
        If the kernel has no spectral measure here.
    MemoryError
        If the feature matrix does not fit; :class:`~widelearn.FeatureRidge` sums over it without storing it.

    See Also
    --------
    RandomFeatures : The hidden layer of a random network.
    widelearn.kernels.RBF : The kernel in the limit of many features.

    Notes
    -----
    Transforming n rows costs n p d flops and n p sines and cosines. The inner products of waves of the same
    frequency, cos(w.(x - x')), depend on x - x' alone, so the diagonal is 1 for an even number of features. float32
    rows give float32 features; the bits are the same for every number of threads.

    References
    ----------
    Rahimi & Recht, "Random features for large-scale kernel machines", NeurIPS 2007, section 3. Sutherland &
    Schneider, "On the error of random Fourier features", UAI 2015, equation 2 (pairs of sines and cosines have the
    smaller variance).

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import FourierFeatures
    >>> from widelearn.kernels import RBF
    >>> X = np.array([[1.0, 2.0], [1.5, 2.5]])
    >>> Z = FourierFeatures(RBF(gamma=0.5), n_components=100_000, random_state=0).fit_transform(
    ...     X
    ... )
    >>> bool(np.abs(Z @ Z.T - RBF(gamma=0.5)(X)).max() < 0.02)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **FeatureMap._parameter_constraints,
        "kernel": [Kernel, str, None],
        "weights": [StrOptions({"gaussian"})],
    }
    _stands_for: ClassVar[dict[str, Any]] = {"kernel": lambda kernel: as_kernel(kernel, RBF())}

    def __init__(
        self,
        kernel: Kernel | str | None = None,
        n_components: int = 1024,
        weights: str = "gaussian",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.kernel = kernel
        self.n_components = n_components
        self.weights = weights
        self.random_state = random_state

    def _make_spec(self) -> tuple[Any, ...]:
        kernel = as_kernel(self.kernel, RBF())
        if not isinstance(kernel, RBF):
            raise ValueError(f"{kernel!r} has no spectral measure here: Fourier features are for RBF kernels.")
        # The kernel's parameters are the core's to check: here, not at the first transform.
        kernel.diag(np.zeros((1, self.n_features_in_)))
        return ("fourier", kernel.spec(self.n_features_in_), self._n_features_out, self.weights, self.seed_)

    def _n_directions(self) -> int:
        return -(-self._n_features_out // 2)
