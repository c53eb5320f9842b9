"""Fourier features: random waves whose inner products approximate a shift-invariant kernel."""

from typing import Any, ClassVar

import numpy as np

from widelearn.features.base import ProjectionMap
from widelearn.kernels import RBF, Kernel, Laplace, Matern, as_kernel, specs


class FourierFeatures(ProjectionMap):
    """Map rows to random waves whose inner products approximate a shift-invariant kernel.

    With h = n_components // 2 frequencies w_j from the kernel's spectral measure, the features are
    sqrt(2 / n_components) sin(w_j.x) and sqrt(2 / n_components) cos(w_j.x), j = 1, ..., h, so that
    E φ(x).φ(x') = k(x, x'). An odd n_components ends with one column sqrt(2 / n_components) cos(w.x + b), b uniform on
    [0, 2π).

    Parameters
    ----------
    kernel : RBF, Laplace, Matern, {"rbf", "laplace", "laplacian"} or None, default=None
        The kernel; None means ``RBF()``. Frequencies of RBF are N(0, 2 gamma I); of Laplace with norm 2 and a power
        below 2 they are such vectors times a stable variable's root, of norm 1 independent Cauchy coordinates; of
        Matern they are Student's t with 2 nu degrees of freedom over the length scale.
    n_components : int, default=1024
        Number of features (columns), p.
    weights : {"gaussian", "sphere", "orthogonal", "hadamard"}, default="gaussian"
        Law of the directions of the frequencies, whose lengths are the kernel's: independent and uniform ("gaussian",
        "sphere"), orthogonal in blocks of d, or ("hadamard") nearly uniform and orthogonal in blocks of m. There m >=
        64 is the power of two that holds d, and the cost is n p log m. Laplace with norm 1 takes "gaussian" alone.
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
        If the kernel has no spectral measure here, or one that fixes the directions; the message names what has.
    MemoryError
        If the feature matrix does not fit; :class:`~widelearn.FeatureRidge` sums over it without storing it.

    See Also
    --------
    RandomFeatures : The hidden layer of a random network.
    widelearn.kernels.RBF : The kernel in the limit of many features.

    Notes
    -----
    Transforming n rows costs n p d flops (3 n p log2 m additions for "hadamard", p flops a stored value for a sparse
    matrix) and n p sines and cosines. The inner products of waves of the same
    frequency, cos(w.(x - x')), depend on x - x' alone, so the diagonal is 1 for an even number of features. float32
    rows give float32 features; the bits are the same for every number of threads.

    References
    ----------
    Rahimi & Recht, "Random features for large-scale kernel machines", NeurIPS 2007, section 3. Sutherland &
    Schneider, "On the error of random Fourier features", UAI 2015, equation 2 (pairs of sines and cosines have the
    smaller variance). Yu et al., "Orthogonal random features", NeurIPS 2016, sections 3 and 4. Kanter, "Stable
    densities under change of scale and total variation inequalities", Annals of Probability 3, 1975, section 4
    (powers).

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
        **ProjectionMap._parameter_constraints,
        "kernel": [Kernel, str, None],
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

    def _formula(self) -> specs.Waves:
        kernel = as_kernel(self.kernel, RBF())
        if not isinstance(kernel, RBF | Laplace | Matern):
            raise ValueError(
                f"{kernel!r} has no spectral measure here: Fourier features are for RBF, Laplace and Matern kernels."
                " NystromFeatures takes any kernel."
            )
        if kernel.by_column or kernel.from_rows:
            raise ValueError(
                f"Fourier features do not look at rows, and have one length for all columns; got {kernel!r}. Give one"
                " number, such as 1 / (X.shape[1] * X.var()), and scale the columns of X before; NystromFeatures takes"
                " any kernel."
            )
        spec = kernel.spec(self.n_features_in_)
        if isinstance(spec, specs.Manhattan) and self.weights != "gaussian":
            raise ValueError(
                f"weights={self.weights!r}, but frequencies of {kernel!r} have independent coordinates: take"
                " weights='gaussian', or norm=2."
            )
        return specs.Waves(spec)

    def _n_directions(self) -> int:
        return -(-self._n_features_out // 2)
