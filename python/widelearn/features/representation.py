"""A representation by random neurons, whitened: what a model of low order is trained on in place of the rows."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import validate_data

from widelearn.features.base import BLOCK_VALUES, FeatureMap, ProjectionMap, at_hand
from widelearn.features.random import RandomFeatures
from widelearn.features.state import on_draft
from widelearn.features.stored_mean import dense, measured_stored
from widelearn.features.whitening import Whitening
from widelearn.kernels.deep import Activation
from widelearn.kernels.parameters import checks_parameters
from widelearn.kernels.rows import DTYPES, is_sparse, undamaged
from widelearn.ridge import Moments
from widelearn.runtime import Array, check_memory, ordered, row_blocks

# Rows whose left-out likelihoods choose the shrinkage: so many, or so many for each neuron where that is more.
JUDGED_ROWS, JUDGED_FOR_EACH = 4096, 4
# So many sizes of rows is the mean of sparse ones away from zero where it is no longer projected by itself.
FAR = 100.0


class NeuralRepresentation(FeatureMap):
    """Map rows to whitened random neurons: h(x) = Σ^(-1/2) g(x), g_j(x) = σ(w_j.z + bias_scale b_j) / sqrt(p).

    Here z = (x - m)/s, where m is the mean of the rows of fit and s² their mean ‖x - m‖²/d. Σ = (1 - ρ) S + ρ t I is
    their second moment S = mean g g', shrunk to its mean diagonal entry t. So without shrinkage h has the second moment
    I on the rows of fit, or a projection where S is singular.

    A quadratic model on h has degree 2 k in x where neurons span degree k, and needs rows in proportion to their
    number p; kernels on x need as many as there are polynomials of degree 2 k.

    Parameters
    ----------
    n_components : int, default=512
        Number of neurons, and of features (columns), p.
    activation : str, ("leaky_relu", slope) or tuple of callables, default="step"
        The nonlinearity σ, as in :class:`RandomFeatures`. "step" are the threshold neurons of the theory. "quadratic"
        neurons span the polynomials of degree 2 exactly from p = (d + 1)(d + 2)/2 on, where steps take many more.
    weights : {"gaussian", "sphere", "orthogonal", "hadamard"}, default="gaussian"
        Law of the w_j, as in :class:`RandomFeatures`: w.z has the variance ‖z‖²/d, about 1.
    bias_scale : float, default=1.0
        Standard deviation of the biases, non-negative.
    whiten : bool, default=True
        Whether g is multiplied by Σ^(-1/2). False gives g.
    shrinkage : float in [0, 1] or "auto", default="auto"
        The share ρ. "auto" chooses among 1e-10, ..., 0.1, 0.32, 1: the least that is left of rows' log likelihood, as
        normal ones, if each is left out of S. It matters where rows are less than some ten times neurons. Repeated
        rows are left out one at a time: give each once.
    random_state : int, RandomState or None, default=None
        The seed itself if it is an integer; otherwise fit draws one.

    Attributes
    ----------
    mean_ : ndarray of shape (d,)
        Mean m of the rows of fit.
    scale_ : float
        Their size s about it; that of rows which do not differ is their largest number's power of two.
    whitening_ : ndarray of shape (p, p)
        Σ^(-1/2), for which h(x) = whitening_ @ g(x); not there without `whiten`.
    shrinkage_ : float
        The share ρ, chosen or given; not there without `whiten`.
    rank_ : int
        Rank of `whitening_`, below p only where a share near 0 leaves directions of rounding errors' size.
    seed_ : int
        The seed of all weights: with the parameters it determines them.
    n_features_in_ : int
        Number of input features, d.
    feature_names_in_ : ndarray of shape (d,)
        Names of the input features, if they were strings.

    Raises
    ------
    ValueError
        If rows are more than 1e150 (float32: 1e18) times as large as those of fit.
    MemoryError
        If the second moments, 32 p² bytes, or the feature matrix do not fit.

    See Also
    --------
    RandomFeatures : The neurons by themselves.
    TaylorRegressor : The quadratic model.

    Notes
    -----
    Whether neurons or rows are the better start for a quadratic model depends on the neurons. On products of
    four columns with p = (d + 1)(d + 2)/2 and n = 4 d² (the study neural-representation), quadratic neurons left 0.008
    and 0.011 of the variance at d = 12 and 20. The best model on the rows themselves left 0.06 and 0.13, and steps all
    of it, as so few span degree 2 too roughly. The NTK was worse on quadratic neurons than on rows.

    At bias_scale=0 step neurons are odd but for a constant: even parts of a target need biases, which are N(0, 1) times
    it. Nothing depends on where rows are and on their common scale; unlike columns are standardised first. The second
    moment, not the covariance, is whitened, so that a constant stays among the features' combinations and a quadratic
    form of h holds linear ones. Neurons whose lengths differ more than eightfold are multiplied by powers of two before
    the symmetric root is taken. Whitening is best fitted to many rows, which need no targets: ten times p or more.

    Fitting n rows costs n p (2 d + p) flops for S, 9 p³ for its root, and with "auto" 2 p (d + p) for each of up to
    max(4096, 4 p) rows; transforming m rows costs 2 m p (d + p). float32 rows give float32 features. The bits are the
    same for every number of threads, beyond 512 neurons to rounding errors of the eigendecomposition.

    References
    ----------
    Chen, Bai, Lee, Zhao, Wang, Xiong & Socher, "Towards understanding hierarchical learning: benefits of neural
    representations", NeurIPS 2020 (whitened random neurons below a quadratic model). Units of rows, the scale of
    biases, shrinkage and its choice are ours.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import NeuralRepresentation
    >>> X = np.random.default_rng(0).standard_normal((1000, 4))
    >>> h = NeuralRepresentation(20, shrinkage=0.0, random_state=0).fit_transform(X)
    >>> bool(np.abs(h.T @ h / len(h) - np.eye(20)).max() < 1e-10)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **ProjectionMap._parameter_constraints,
        "activation": [str, tuple],
        "bias_scale": [Interval(Real, 0, None, closed="left")],
        "whiten": ["boolean"],
        "shrinkage": [Interval(Real, 0, 1, closed="both"), StrOptions({"auto"})],
    }
    looks_at_rows = True

    def __init__(
        self,
        n_components: int = 512,
        activation: Activation = "step",
        weights: str = "gaussian",
        bias_scale: float = 1.0,
        whiten: bool = True,
        shrinkage: float | str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.activation = activation
        self.weights = weights
        self.bias_scale = bias_scale
        self.whiten = whiten
        self.shrinkage = shrinkage
        self.random_state = random_state

    @checks_parameters(nested=False)
    @on_draft
    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Draw neurons, and measure and whiten them on the rows of `X`; `y` is ignored.

        If anything is raised, the map is left as it was.
        """
        X = undamaged(at_hand(X, type(self).__name__))
        found = validate_data(self, X, dtype=DTYPES, accept_sparse=self._accept_sparse)
        self._fit(ordered(found) if is_sparse(found) else found)
        return self

    def _fit(self, x: Any) -> None:
        """Set the fitted attributes."""
        self._measure(x)
        p = self._n_features_out = int(self.n_components)
        neurons = RandomFeatures(p, self.activation, self.weights, self.bias_scale, self.random_state)
        self._neurons = neurons.fit(self._units(dense(x[:1])))
        self.seed_ = neurons.seed_
        if self.whiten:
            check_memory(4 * 8 * p * p, f"The second moments of {p} neurons", "Take fewer components.")
            found = Whitening(self._second_moment(x), x.shape[0], float(np.finfo(x.dtype).eps))
            given = self.shrinkage
            rho = found.chosen(lambda axes: self._judged(x, axes)) if isinstance(given, str) else float(given)
            self.whitening_, self.rank_ = found.root(rho)
            self.shrinkage_ = rho

    def _measure(self, x: Any) -> None:
        """Set the mean and the size of rows, in units of a power of two that their squares are safe in."""
        largest = max(float(x.max()), -float(x.min()))
        self._exponent, self._size = int(np.frexp(largest)[1]), 1.0
        found = measured_stored(x, self._exponent) if is_sparse(x) else self._measured(x)
        self._center, squares, far = found
        # What differs by rounding alone does not differ.
        self._differs = far > 10 * np.finfo(x.dtype).eps * float(np.abs(self._center).max())
        if self._differs:
            # Squares of spreads near rounding errors do not vanish either: they are 1e-32 and more.
            self._size = float(np.sqrt(squares / x.shape[0] / x.shape[1]))
        self.mean_ = np.ldexp(self._center.astype(np.float64), self._exponent)
        with np.errstate(over="ignore"):
            self.scale_ = float(np.ldexp(self._size, self._exponent))

    def _measured(self, x: Array) -> tuple[Array, float, float]:
        """Return the mean of dense rows, the squares of what they differ by, and the largest such number."""
        total, blocks = np.zeros(x.shape[1]), row_blocks(len(x), max(BLOCK_VALUES // x.shape[1], 1))
        for rows in blocks:
            total += np.ldexp(x[rows], -self._exponent).sum(axis=0, dtype=np.float64)
        self._center = (total / len(x)).astype(x.dtype)
        squares, far = 0.0, 0.0
        for rows in blocks:
            z = self._units(x[rows]).astype(np.float64, copy=False)
            squares, far = squares + float(np.vdot(z, z)), max(far, float(np.abs(z).max()))
        return self._center, squares, far

    def _units(self, x: Array) -> Array:
        """Return z of validated dense rows."""
        with np.errstate(over="ignore"):
            z = np.ldexp(x, -self._exponent)
            z -= self._center.astype(x.dtype, copy=False)
            z /= x.dtype.type(self._size)
        self._check_size(z)
        return z

    def _stored_units(self, x: Any) -> tuple[Any, Array]:
        """Return sparse rows in units of their size, and what is added to each for z."""
        size, found = x.dtype.type(self._size), x.copy()
        with np.errstate(over="ignore"):
            found.data = np.ldexp(x.data, -self._exponent) / size
        self._check_size(found.data)
        return found, -self._center.astype(x.dtype, copy=False) / size

    def _check_size(self, z: Array) -> None:
        """Refuse numbers whose squares would overflow."""
        most = float(np.sqrt(np.finfo(z.dtype).max)) / 16
        far = float(np.abs(z).max(initial=0.0))
        if not far <= most:
            raise ValueError(
                f"A row has a number {far:.3g} times the size of the rows of fit, and {most:.3g} is the most that"
                f" {z.dtype} computes with. Leave such rows out, or fit to rows like them."
            )

    def _second_moment(self, x: Any) -> NDArray[np.float64]:
        """Return the mean of g g' over rows."""
        sums = Moments(self._n_features_out)
        for rows in self._row_blocks(x, x.shape[1]):
            targets = np.zeros(rows.stop - rows.start)
            if self._stays_sparse(x):
                sums.update(self._hidden(x[rows]), targets[:, None])
            else:
                sums.absorb(*self._neurons.moments(self._units(dense(x[rows])), targets), dtype=x.dtype)
        return sums.zz / sums.weight + np.outer(sums.mean_z, sums.mean_z)

    def _judged(self, x: Any, axes: NDArray[np.float64]) -> Iterator[Array]:
        """Yield neurons times a matrix, for rows evenly spread over those of fit."""
        most = max(JUDGED_ROWS, JUDGED_FOR_EACH * self._n_features_out)
        x = x[:: -(-x.shape[0] // most)]
        for rows in self._row_blocks(x, self._n_features_out):
            yield self._times(x[rows], axes)

    def _stays_sparse(self, x: Any) -> bool:
        """Whether products of stored values and of the mean lose no digits that those of z keep."""
        away = float(np.sqrt(np.mean(np.square(self._center, dtype=np.float64))))
        # A file of an older version does not know.
        return is_sparse(x) and vars(self).get("_differs", False) and away <= FAR * self._size

    def _row_blocks(self, x: Any, columns: int) -> list[slice]:
        # What a block of sparse rows holds are neurons.
        columns = self._n_features_out if self._stays_sparse(x) else columns
        return row_blocks(x.shape[0], max(BLOCK_VALUES // columns, 1))

    def _hidden(self, x: Any) -> Array:
        """Return the neurons of some rows."""
        if not self._stays_sparse(x):
            return self._neurons.transform(self._units(dense(x)))
        z, origin = self._stored_units(x)
        return self._neurons._written_about(z, origin)

    def _times(self, x: Any, coef: Array) -> Array:
        """Return the neurons of some rows times a matrix."""
        if not self._stays_sparse(x):
            return self._neurons.dot(self._units(dense(x)), coef)
        found: Array = self._hidden(x) @ coef.astype(x.dtype, copy=False)
        return found

    def _write(self, x: Any, out: Array) -> None:
        for rows in self._row_blocks(x, x.shape[1]):
            part = x[rows]
            out[rows] = self._times(part, self.whitening_.T) if hasattr(self, "whitening_") else self._hidden(part)

    def _multiply(self, x: Any, coef: Array, out: Array) -> None:
        # g(x).(B' coef): no features at all.
        dual = self.whitening_.T @ coef if hasattr(self, "whitening_") else coef
        for rows in self._row_blocks(x, x.shape[1]):
            out[rows] = self._times(x[rows], dual)
