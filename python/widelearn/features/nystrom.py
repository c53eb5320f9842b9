"""Nyström features: a kernel seen from a few of its own rows, chosen by randomly pivoted Cholesky or uniformly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import validate_data

from widelearn.features.base import BLOCK_VALUES, STREAM, FeatureMap, at_hand, check_coef
from widelearn.features.state import on_draft
from widelearn.kernels import RBF, Kernel, as_kernel
from widelearn.kernels.empirical import check_one_value
from widelearn.kernels.parameters import checks_parameters
from widelearn.kernels.radial import settled
from widelearn.kernels.rows import DTYPES, check_square, is_sparse, undamaged
from widelearn.ridge import rp_cholesky
from widelearn.ridge.lapack import triangular_solve
from widelearn.ridge.operators import symmetric_kernel_matrix
from widelearn.runtime import Array, check_memory, empty, ordered, row_blocks


class NystromFeatures(FeatureMap):
    """Map rows to features whose inner products are the kernel's projection on centres taken from the data.

    With centres c_1, ..., c_r among the rows of fit and the Cholesky factor L L' = K(C, C), φ(x) = L⁻¹ k(C, x). So
    φ(x).φ(x') = k(x, C) K(C, C)⁻¹ k(C, x'): the Nyström approximation, exact where x or x' is a centre, with
    ‖φ(x)‖² <= k(x, x).

    Parameters
    ----------
    kernel : Kernel, str, callable or None, default=None
        An object of :mod:`widelearn.kernels`, one of the names "rbf", "laplace", "laplacian" (``Laplace(norm=1)``),
        "polynomial", "linear", "ntk" and "nngp", a function ``(X, Y) -> (n, m)``, or "precomputed": then fit takes the
        n x n kernel matrix, and transform the kernel of m rows with those n. None means ``RBF()``. Nested names set its
        parameters: ``kernel__gamma``.
    n_components : int, default=256
        Number of features (columns), p; n if there are fewer rows.
    sampling : {"rpcholesky", "uniform"}, default="rpcholesky"
        How centres are drawn: "rpcholesky" one after another with probabilities proportional to the error k(x, x) -
        ‖φ(x)‖² that is left at a row, "uniform" without looking.
    random_state : int, RandomState or None, default=None
        Source of the draws.

    Attributes
    ----------
    components_ : ndarray or sparse array of shape (r, d)
        The centres, sparse if the rows of fit were; not there for a precomputed kernel.
    component_indices_ : ndarray of shape (r,)
        Their rows in the data of fit. r = p, or less where the rank of the kernel matrix, or of that of the centres
        drawn uniformly, is less to rounding: features from the r-th on are zero.
    normalization_ : ndarray of shape (p, r)
        L⁻¹ and rows of zeros, so that φ(x)' = k(x, C) @ normalization_.T.
    kernel_ : Kernel or str
        The kernel used.
    n_features_in_ : int
        Number of input features, d; n for a precomputed kernel.
    feature_names_in_ : ndarray of shape (d,)
        Names of the input features, if they were strings.

    Raises
    ------
    MemoryError
        If the factor of fit, (p + 192) n doubles with "rpcholesky" and (p + 192) p with "uniform", or the feature
        matrix does not fit; :class:`~widelearn.FeatureRidge` sums over the latter without storing it.

    Warns
    -----
    LinAlgWarning
        If the kernel is not positive semidefinite beyond rounding.

    See Also
    --------
    FourierFeatures : Features of shift-invariant kernels that do not look at the data.
    widelearn.ridge.rp_cholesky : How the centres are drawn.

    Notes
    -----
    Fitting costs n p kernel values and n p² flops ("uniform": p² and p³), transforming m rows m p kernel values and m
    p² flops. Whatever the type of the rows, the triangular systems are solved in float64, for they are as
    ill-conditioned as the kernel is smooth; float32 rows give float32 features. Sparse rows stay sparse, centres too,
    with kernels that take them (`takes_sparse`). ``fit_transform`` returns the factor
    that fit made, equal to ``transform`` to rounding: a millionth of sqrt(k(x, x)) or less in float64.

    References
    ----------
    Williams & Seeger, "Using the Nyström method to speed up kernel machines", NeurIPS 2000, section 3. Chen, Epperly,
    Tropp & Webber, "Randomly pivoted Cholesky: practical approximation of a kernel matrix with few entry
    evaluations", Communications on Pure and Applied Mathematics 78, 2025 (the choice of centres).

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import NystromFeatures
    >>> from widelearn.kernels import RBF
    >>> X = np.linspace(-1, 1, 200)[:, None]
    >>> Z = NystromFeatures(RBF(gamma=1.0), n_components=10, random_state=0).fit_transform(X)
    >>> Z.shape
    (200, 10)
    >>> bool(np.abs(Z @ Z.T - RBF(gamma=1.0)(X)).max() < 1e-5)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "kernel": [Kernel, str, callable, None],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "sampling": [StrOptions({"rpcholesky", "uniform"})],
        **FeatureMap._parameter_constraints,
    }
    _stands_for: ClassVar[dict[str, Any]] = {"kernel": lambda kernel: as_kernel(kernel, RBF())}
    looks_at_rows = True

    def __init__(
        self,
        kernel: Kernel | str | Callable[[Array, Array], ArrayLike] | None = None,
        n_components: int = 256,
        sampling: str = "rpcholesky",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.kernel = kernel
        self.n_components = n_components
        self.sampling = sampling
        self.random_state = random_state

    @checks_parameters(nested=False)
    @on_draft
    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Draw the centres from the rows of `X` and factor their kernel matrix; `y` is ignored.

        If anything is raised, the map is left as it was.
        """
        self._fit(self._seen(X))
        return self

    @checks_parameters(nested=False)
    @on_draft
    def fit_transform(self, X: ArrayLike, y: object = None) -> Array:
        """Fit to `X` and return its features, of shape (n, p): the factor that fit made, if it made one of them."""
        x = self._seen(X)
        factor = self._fit(x)
        if factor is None:
            return self._features(x)
        n, p, r = x.shape[0], self._n_features_out, factor.shape[1]
        if r == p and x.dtype == np.float64:
            return factor
        check_memory(n * p * x.dtype.itemsize, f"The feature matrix of {n} x {p}", STREAM)
        out = empty((n, p), x.dtype)
        out[:, :r], out[:, r:] = factor, 0.0
        return out

    @property
    def normalization_(self) -> NDArray[np.float64]:
        """L⁻¹ and rows of zeros, of shape (p, r)."""
        r = len(self._factor)
        out = np.eye(self._n_features_out, r)
        out[:r] = triangular_solve(self._factor, out[:r], lower=True) if r else out[:r]
        return out

    @property
    def takes_sparse(self) -> bool:
        """Whether rows may be a sparse matrix: those of a kernel that takes them.

        What was fitted has the say, whatever parameters were set afterwards.
        """
        kernel = vars(self).get("kernel_", self.kernel)
        if isinstance(kernel, str) and kernel == "precomputed":
            return False
        try:
            return as_kernel(kernel, RBF()).takes_sparse
        except (TypeError, ValueError):
            # What is no kernel is refused by the fit.
            return False

    def _seen(self, X: ArrayLike) -> Any:
        """Return validated rows of fit."""
        X = undamaged(at_hand(X, type(self).__name__))
        found = validate_data(self, X, dtype=DTYPES, accept_sparse=self._accept_sparse)
        return ordered(found) if is_sparse(found) else found

    def _fit(self, x: Any) -> NDArray[np.float64] | None:
        """Set the fitted attributes; return the factor of the whole kernel matrix where there is one."""
        n = x.shape[0]
        p = min(self.n_components, n)
        kernel = None if self._precomputed() else settled(clone(as_kernel(self.kernel, RBF())), x)
        if kernel is None:
            check_square(x)
        else:
            check_one_value(kernel, x)
        self.kernel_: Kernel | str = "precomputed" if kernel is None else kernel
        rng, factor = check_random_state(self.random_state), None
        if self.sampling == "uniform":
            drawn = rng.permutation(n)[:p]
            K = x[np.ix_(drawn, drawn)] if kernel is None else kernel(x[drawn])
            # Centres whose rows of K(C, C) depend on those before are left out.
            order, part = rp_cholesky(symmetric_kernel_matrix(K), p, random_state=rng)
            self.component_indices_, self._factor = drawn[order], part[order]
        else:
            whole = symmetric_kernel_matrix(x) if kernel is None else kernel.operator(x)
            self.component_indices_, factor = rp_cholesky(whole, p, random_state=rng)
            self._factor = factor[self.component_indices_]
        if kernel is not None:
            self.components_ = x[self.component_indices_]
        self._n_features_out = p
        return factor

    def _write(self, x: Any, out: Array) -> None:
        r = len(self._factor)
        out[:, r:] = 0.0
        for rows, K in self._kernel_blocks(x):
            out[rows, :r] = triangular_solve(self._factor, K.T, lower=True, overwrite=True).T

    def dual(self, coef: ArrayLike) -> Array:
        """Return L⁻ᵀ c (r, t) for coefficients c (p, t) of the features: φ(x).c = k(x, C) L⁻ᵀ c."""
        c = np.asarray(coef)
        check_coef(c, self._n_features_out, len(self._factor))
        c = c[: len(self._factor)]
        return triangular_solve(self._factor, c, lower=True, transposed=True)

    def _multiply(self, x: Any, coef: Array, out: Array) -> None:
        # k(x, C) (L⁻ᵀ coef): no features at all.
        dual = self.dual(coef)
        for rows, K in self._kernel_blocks(x):
            out[rows] = K @ dual

    def _kernel_blocks(self, x: Any) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """Yield blocks of rows of k(x, C) in float64, C-contiguous and free to be overwritten; none without centres."""
        for rows in row_blocks(x.shape[0], max(BLOCK_VALUES // self._n_features_out, 1)):
            if isinstance(self.kernel_, Kernel):
                some = len(self.component_indices_) > 0
                K = self.kernel_(x[rows], self.components_) if some else np.empty((rows.stop - rows.start, 0))
            else:
                K = x[rows][:, self.component_indices_]
            yield rows, np.require(K, np.float64, ["C"])

    def _precomputed(self) -> bool:
        return isinstance(self.kernel, str) and self.kernel == "precomputed"

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self._precomputed()
        return tags
