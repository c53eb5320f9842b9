"""Which directions and degrees of a target a kernel learns, and from how many rows on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array

from widelearn.estimators.labels import Labels
from widelearn.forecast.problems import FEWEST, checked, spread
from widelearn.forecast.projections import ROUNDING, shares_of
from widelearn.forecast.samples import Doubles
from widelearn.kernels import NNGP, NTK, ArcCosine, as_kernel
from widelearn.theory import Spectrum, hermite_spectrum, samples_to_learn
from widelearn.theory.checks import non_negative
from widelearn.theory.hermite_modes import HermiteSpectrum

# Modes whose eigenvalues are so near are one block.
ALIKE = 1e-9
# Means whose square is more than this share of the variance are no centred columns.
CENTRED = 0.01
# Kernels that tell rows by their differences alone.
SHIFTED = ("RBF", "Laplace", "Matern")


@dataclass(frozen=True)
class LearningOrder:
    """Hold the modes of a kernel on some rows, the first learned first, as :func:`learning_order` gives them.

    Parameters
    ----------
    modes : tuple of tuple of int
        The directions of each mode, repeated by degree: (0, 0, 2) is he_2(z_0) he_1(z_2), () the constant.
    eigenvalues : ndarray of shape (k,)
        By the Hermite ansatz, in the units of the kernel.
    multiplicities : ndarray of shape (k,)
        How many of these modes have the same eigenvalue.
    n : ndarray of shape (k,)
        Rows from which on half of the mode is learned.
    shares : ndarray of shape (k,) or None
        The share of the target's variance that is in each mode, without what noise adds on average: perhaps below 0.
        NaN for modes that the rows are too few to tell.
    unexplained : float
        The share of the target's variance in none of the modes that were told; NaN without a target.
    directions : ndarray of shape (r, d)
        The principal directions of the rows as unit vectors, in the order in which modes count them.
    variances : ndarray of shape (r,)
        The rows' variances along them.
    tail : float
        The kernel's trace beyond the modes, which acts as penalty.
    n_sample : int
        Rows that were looked at.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import forecast
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((400, 2)) * [2.0, 1.0]
    >>> found = forecast.learning_order("rbf", X, X[:, 0] * X[:, 1])
    >>> found.modes[int(np.nanargmax(found.shares))]
    (0, 1)
    """

    modes: tuple[tuple[int, ...], ...]
    eigenvalues: Doubles
    multiplicities: NDArray[np.intp]
    n: Doubles
    shares: Doubles | None
    unexplained: float
    directions: Doubles
    variances: Doubles
    tail: float
    n_sample: int

    @property
    def degrees(self) -> NDArray[np.intp]:
        """Return the degree of each mode, (k,)."""
        return np.array([len(mode) for mode in self.modes], dtype=np.intp)

    def table(self, most: int = 20) -> str:
        """Return the first modes as lines of text: the largest parts of the target where there is one.

        Parameters
        ----------
        most : int, default=20
            How many modes, in the order in which they are learned.

        Returns
        -------
        str
            A header and a line for each mode; what is in no mode stands below.
        """
        places = np.arange(len(self.modes))
        if self.shares is not None:
            places = np.sort(np.argsort(-np.nan_to_num(self.shares, nan=-np.inf), kind="stable")[:most])
        lines = [f"{'mode':<24}{'degree':>7}{'eigenvalue':>12}{'alike':>7}{'rows':>10}{'share':>9}"]
        for i in places[:most]:
            share = "" if self.shares is None or np.isnan(self.shares[i]) else f"{self.shares[i]:.1%}"
            name, value, rows = mode_name(self.modes[i]), self.eigenvalues[i], f"{self.n[i]:,.0f}"
            lines.append(
                f"{name:<24}{len(self.modes[i]):>7}{value:>12.3g}{self.multiplicities[i]:>7}{rows:>10}{share:>9}"
            )
        if self.shares is not None:
            lines.append(f"{'in no mode told, or noise':<60}{self.unexplained:>9.1%}")
        return "\n".join(lines)

    def plot(self, ax: Any = None) -> Any:
        """Draw, a line a degree, what is learned by how many rows, on Matplotlib axes, and return them.

        With a target: the share of its variance; without one: the number of modes.
        """
        from widelearn import plots

        return plots.learned_modes(self, ax)


def mode_name(mode: tuple[int, ...]) -> str:
    """Write a mode: z0^2 z2 for (0, 0, 2)."""
    if not mode:
        return "constant"
    each = [(i, mode.count(i)) for i in sorted(set(mode))]
    return " ".join(f"z{i}" if k == 1 else f"z{i}^{k}" for i, k in each)


def learning_order(
    kernel: Any, X: ArrayLike, y: ArrayLike | None = None, *, alpha: float = 1.0, n_modes: int = 1000
) -> LearningOrder:
    """Tell which directions and degrees kernel ridge regression learns by how many rows.

    Modes are products of Hermite polynomials he_k(z) / √(k!) of the rows' whitened principal components z, with the
    eigenvalues λ of :func:`~widelearn.theory.hermite_spectrum`. At n rows a share λ / (λ + κ) of a mode is learned,
    alpha / n = κ (1 - D(κ) / n), D(κ) = Σ λ / (λ + κ): one half from n = D(λ) + alpha / λ on.

    Parameters
    ----------
    kernel : Kernel, str or callable
        One of inner products and lengths: RBF, Laplace, polynomials, networks; or a function h(t), t = x.x' / r², with
        r² the mean squared length of the rows.
    X : array-like of shape (m, d)
        At least 100 rows. Their columns are centred for kernels of differences; for others they must be.
    y : array-like of shape (m,) or (m, t), or None
        Targets, or labels of classes, whose variance is told mode by mode, averaged over targets (±1 codes of classes).
    alpha : float, default=1.0
        The penalty of ‖y - f‖² + alpha ‖w‖², as of :class:`~widelearn.KernelRidge`.
    n_modes : int, default=1000
        How many modes are listed. A target is projected on the first m / 4 at most.

    Returns
    -------
    LearningOrder
        Arrays, an entry for each mode, the largest eigenvalue first; `table()` and `plot()`.

    Raises
    ------
    ValueError
        If there are fewer than 100 rows, rows do not vary, columns are not centred where the kernel sees it, y is
        constant, the kernel is not known as one of inner products, or its scale asks for rows of mean squared length d.

    Notes
    -----
    An ansatz, exact for Gaussian rows of many directions and wide kernels alone. On Gaussian rows in 20 to 60
    directions half of a mode was learned within a factor 1.4 of n; on letter and MNIST-5k, by RBF and NTK, within 1.5
    for 19 of 33 modes, and the worst was off 8 times, a product of directions that depend on each other (measured). So
    read the order first. Rows fewer than a few times the columns have directions of chance. An intercept learns the
    constant from the first row on. Shares are of modes that are orthogonalised on the rows, the largest eigenvalue
    first. d³ + m d² + m p² flops for p modes, and p² for n.

    References
    ----------
    Karkada, Turnbull, Liu & Simon, "Predicting kernel regression learning curves from only raw data statistics", ICLR
    2026. Simon et al., "The eigenlearning framework", TMLR 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import forecast
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((400, 3))
    >>> found = forecast.learning_order("rbf", X, X[:, 0] + X[:, 1] * X[:, 2], alpha=0.1)
    >>> round(float(found.shares[found.degrees == 1].sum()), 1)
    0.5
    >>> bool(found.n[1] < found.n[-1])
    True
    """
    penalty = float(non_negative("alpha", alpha))
    X, Y = _rows(X, y)
    moved = X - X.mean(axis=0)
    variances, axes = np.linalg.eigh(moved.T @ moved / len(X))
    kept = np.flatnonzero(variances > ROUNDING * variances[-1])[::-1]
    if not len(kept) or not variances[-1] > 0.0:
        raise ValueError("The rows of X do not vary: there is no direction to learn. Give columns that vary.")
    directions = axes[:, kept].T
    spread_out = np.zeros(X.shape[1])
    spread_out[: len(kept)] = variances = variances[kept]
    spectrum, scale = _spectrum(kernel, X, spread_out, n_modes)
    eigenvalues = spectrum.eigenvalues * scale
    tail = spectrum.tail * scale
    n = samples_to_learn(Spectrum(eigenvalues, tail=tail), penalty)
    shares, unexplained = None, np.nan
    if Y is not None:
        shares, unexplained = shares_of(spectrum, moved @ directions.T / np.sqrt(variances), Y)
    counts = _alike(eigenvalues)
    return LearningOrder(
        spectrum.modes, eigenvalues, counts, n, shares, unexplained, directions, variances, tail, len(X)
    )


def _rows(X: ArrayLike, y: ArrayLike | None) -> tuple[Doubles, Doubles | None]:
    """Return rows and targets as numbers of unit spread."""
    if y is None:
        rows: Doubles = check_array(X, dtype=np.float64)
        if len(rows) < FEWEST:
            raise ValueError(f"{len(rows)} rows are too few: {FEWEST} or more are needed. Give more rows.")
        return rows, None
    classify = np.asarray(y).dtype.kind in "OUSb"
    rows, targets = checked(X, y, classify)
    if classify:
        return rows, Labels.from_targets(targets).encode(targets)
    return rows, np.asarray(targets, dtype=np.float64).reshape(len(rows), -1) / spread(targets)


def _spectrum(kernel: Any, X: Doubles, variances: Doubles, n_modes: int) -> tuple[HermiteSpectrum, float]:
    """Return the Hermite spectrum of a kernel on rows of these variances (d,), and by what to multiply its eigenvalues.

    Networks of relu without biases are homogeneous: rows of any length have, but for a factor, the modes of rows of
    mean squared length d.
    """
    known = as_kernel(kernel) if isinstance(kernel, str) or hasattr(kernel, "get_params") else None
    if known is None:
        return hermite_spectrum(kernel, variances, n_modes), 1.0
    length = float(variances.sum())
    off = float(np.square(X.mean(axis=0)).sum()) / length
    if type(known).__name__ not in SHIFTED and off > CENTRED:
        raise ValueError(
            f"The squared mean of the rows is {off:.2g} of their variance, at most {CENTRED:g}: this kernel sees where"
            " rows lie. Centre the columns."
        )
    if not _is_homogeneous(known, X):
        return hermite_spectrum(_checked_width(known), variances, n_modes), 1.0
    found = hermite_spectrum(known, variances * (len(variances) / length), n_modes)
    row = np.full((1, len(variances)), np.sqrt(length / len(variances)))
    return found, float(known.diag(row)[0]) / found.trace


def _checked_width(kernel: Any) -> Any:
    """Return a kernel whose gamma, if it has one, is one number or None."""
    gamma = getattr(kernel, "gamma", None)
    if gamma is not None and (isinstance(gamma, str) or np.ndim(gamma)):
        raise ValueError(f"gamma must be one number here, got {gamma!r}: multiply the columns instead.")
    return kernel


def _is_homogeneous(kernel: Any, X: Doubles) -> bool:
    """Whether a network's kernel of rows twice as long is four times as large."""
    if not isinstance(kernel, NTK | NNGP | ArcCosine):
        return False
    few = X[:3]
    return bool(np.allclose(kernel(2.0 * few), 4.0 * kernel(few), rtol=1e-9))


def _alike(eigenvalues: Doubles) -> NDArray[np.intp]:
    """Return for each of sorted eigenvalues how many are the same."""
    new = np.append(True, np.diff(eigenvalues) < -ALIKE * eigenvalues[:-1])
    block = np.cumsum(new) - 1
    return np.bincount(block)[block].astype(np.intp)
