"""Which movements express a polynomial, and how many rows its size then asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import comb
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from widelearn.nets import Expansion
from widelearn.runtime import NoDerivativeError, in_range
from widelearn.theory import hermite_coefficients

Array = NDArray[np.float64]

# Coefficients below are zero but for rounding.
ZERO = 1e-12
DEGREES = 60
# Tolerances whose squares are numbers.
LEAST = 1e-100


@dataclass(frozen=True, eq=False)
class PolynomialTarget:
    """Hold a target Σ_j α_j <β_j, x>^p_j, the sum of k powers of projections.

    Parameters
    ----------
    coefficients : array-like of shape (k,)
        α_j.
    directions : array-like of shape (k, d)
        β_j; a product of two columns x_1 x_2 is ½ <(e_1 + e_2)/√2, x>² - ½ <(e_1 - e_2)/√2, x>².
    degrees : sequence of int
        p_j, 2 or more.

    Raises
    ------
    ValueError
        If shapes do not fit, a number is not finite, or a degree is below 2.

    Examples
    --------
    >>> from widelearn.diagnostics import PolynomialTarget
    >>> PolynomialTarget([2.0], [[1.0, 0.0]], [2])([[3.0, 5.0]])
    array([18.])
    """

    coefficients: Any
    directions: Any
    degrees: Any

    @in_range
    def __post_init__(self) -> None:
        """Keep arrays, checked."""
        alpha, beta = (np.asarray(part, dtype=float) for part in (self.coefficients, self.directions))
        degrees = tuple(self.degrees)
        if beta.ndim != 2 or alpha.shape != (len(beta),) or len(degrees) != len(beta) or not len(beta):
            raise ValueError(
                f"A target of k terms has k coefficients, directions (k, d) and k degrees, got shapes {alpha.shape},"
                f" {beta.shape} and {len(degrees)} degrees."
            )
        if not (np.isfinite(alpha).all() and np.isfinite(beta).all() and np.linalg.norm(beta, axis=1).min() > 0):
            raise ValueError("coefficients and directions must be finite, and no direction 0.")
        object.__setattr__(self, "coefficients", alpha)
        object.__setattr__(self, "directions", beta)
        object.__setattr__(self, "degrees", tuple(_degree(p) for p in degrees))

    @in_range
    def __call__(self, X: ArrayLike) -> Array:
        """Return the target (n,) of rows (n, d)."""
        projections = np.asarray(X, dtype=float) @ self.directions.T
        return np.asarray(projections ** np.array(self.degrees) @ self.coefficients)


class ExplicitSolution(NamedTuple):
    """Hold a movement that expresses a polynomial, and the norm that infinite width predicts.

    Parameters
    ----------
    W : ndarray of shape (m, d)
        The movement W*.
    norm : float
        ‖W*‖_{2,4}.
    limit : float
        Its value for infinite width.

    Examples
    --------
    >>> from widelearn.diagnostics import ExplicitSolution
    >>> ExplicitSolution(None, 3.1, 3.0).limit
    3.0
    """

    W: Array
    norm: float
    limit: float


class SampleComplexity(NamedTuple):
    """Hold numbers of rows by which models reach an accuracy, as bounds.

    Parameters
    ----------
    tangent, quadratic : float
        Rows that suffice, by Rademacher bounds, for the tangent and the quadratic model; infinite where σ has no
        coefficient that the target needs, or where σ' or σ'' is no function, as relu''.
    fixed_features : float
        Rows below which every kernel fails on some target that is this one turned.
    gain : float
        tangent/quadratic.

    Examples
    --------
    >>> from widelearn.diagnostics import SampleComplexity
    >>> SampleComplexity(400.0, 100.0, 300.0, 4.0).gain
    4.0
    """

    tangent: float
    quadratic: float
    fixed_features: float
    gain: float


@in_range
def explicit_solution(expansion: Expansion, target: PolynomialTarget) -> ExplicitSolution:
    """Return a movement for which the quadratic term expresses a polynomial on rows of norm √d, by formula.

    For a term α <β, x>^p, ‖β‖ = 1, starts w0 ~ N(0, I/d) and outputs a_r = ±|a|, with c_j the Hermite coefficients of
    σ'' and c(w0) = α d^(p/2 - 1) h_{p-2}(√d <β, w0>)/c_{p-2}, it takes w*_r = 2 (sign(a_r) c(w0_r))_+^½ β/(m |a|)^½.
    Several terms have neurons of their own, a k-th of them each. f^Q then tends to the target like 1/√m.

    Parameters
    ----------
    expansion : nets.Expansion
        A net with one output, of which half of the a_r should be negative; its `a` has the scale of the net.
    target : PolynomialTarget
        The polynomial.

    Returns
    -------
    ExplicitSolution
        The movement, its norm, and the norm's limit: ‖W*‖⁴_{2,4} -> 8 k Σ_j α_j² d^(p_j - 2)/(c_j² m |a|²).

    Raises
    ------
    ValueError
        If shapes do not fit, or σ'' has no Hermite coefficient of degree p - 2.
    TypeError
        If the net or the target is of another kind.

    Notes
    -----
    k m d operations. On rows of other norms c(w0) is not exact.

    References
    ----------
    Bai & Lee, "Beyond linearization: on quadratic and higher-order approximation of wide neural networks", ICLR 2020,
    section 5 (expressivity). Constants are derived: E_w0 h_j(√d <β, w0>) σ''(<w0, x>) = c_j (<β, x>/√d)^j.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.diagnostics import PolynomialTarget, explicit_solution
    >>> from widelearn.nets import Expansion
    >>> rng = np.random.default_rng(0)
    >>> m, d = 20000, 4
    >>> a = np.repeat([[1.0], [-1.0]], m // 2, axis=0) / np.sqrt(m)
    >>> net = Expansion(rng.standard_normal((m, d)) / np.sqrt(d), a, "relu3", (2,))
    >>> target = PolynomialTarget([1.0], [[1.0, 0.0, 0.0, 0.0]], [2])
    >>> X = rng.choice([-1.0, 1.0], (50, d))
    >>> found = net.outputs(X, explicit_solution(net, target).W)[:, 0]
    >>> bool(np.abs(found - target(X)).max() < 0.1)
    True
    """
    if not isinstance(expansion, Expansion) or not isinstance(target, PolynomialTarget):
        raise TypeError(
            "An explicit solution is of a nets.Expansion and a PolynomialTarget, got"
            f" {type(expansion).__name__} and {type(target).__name__}."
        )
    W0, a = np.asarray(expansion.W0, dtype=float), np.asarray(expansion.a, dtype=float)
    (m, d), k = W0.shape, len(target.degrees)
    if a.shape[1] != 1 or target.directions.shape[1] != d or not np.all(a != 0):
        raise ValueError(
            f"A polynomial of {target.directions.shape[1]} columns needs a net of one output without zeros in a, and of"
            f" as many columns: got a of shape {a.shape} and {d} columns."
        )
    if m < 2 * k:
        raise ValueError(f"{k} terms need {2 * k} neurons or more, got {m}.")
    lengths = np.linalg.norm(target.directions, axis=1)
    W, limit = np.zeros((m, d)), 0.0
    # Twins, half a net apart, serve one term.
    group = np.arange(m) % max(m // 2, 1) % k
    for j, p in enumerate(target.degrees):
        own, beta = group == j, target.directions[j] / lengths[j]
        alpha = float(target.coefficients[j] * lengths[j] ** p) * d ** (p / 2 - 1)
        c = _coefficient(expansion.activation, 2, p - 2)
        wanted = alpha * _hermite(np.sqrt(d) * (W0[own] @ beta), p - 2) / c
        heights = np.maximum(np.sign(a[own, 0]) * wanted, 0.0) * 4 / (np.abs(a[own, 0]) * np.count_nonzero(own))
        W[own] = np.sqrt(heights)[:, None] * beta
        limit += 8 * alpha**2 / (c**2 * np.count_nonzero(own) * float(np.mean(a[own] ** 2)))
    lengths = np.einsum("ij,ij->i", W, W)
    return ExplicitSolution(W, float(np.sum(lengths**2)) ** 0.25, limit**0.25)


@in_range
def sample_complexity(
    target: PolynomialTarget | int | Sequence[tuple[float, int]],
    d: int,
    *,
    tolerance: float = 0.1,
    activation: Any = "relu3",
    ratio: float | None = None,
) -> SampleComplexity:
    """Count the rows that a polynomial target asks of the tangent model and of the quadratic one.

    On rows of norm √d, by twice the Rademacher complexity of the classes that the explicit solutions lie in, for A_j =
    α_j d^(p_j/2) and c', c'' the Hermite coefficients of σ' and σ'':

        tangent    (2/ε)² E σ'² k Σ_j A_j²/(c'_{p_j - 1})²,
        quadratic  (1/ε)² C² 2 (1 + log d) M_op² 8 k Σ_j A_j²/(c''_{p_j - 2})²,   C² = max(E σ''², E σ''² z²).

    Parameters
    ----------
    target : PolynomialTarget, int or sequence of (float, int)
        The polynomial; or the degree p of <β, x>^p/√(E z^(2p)), ‖β‖ = 1, which has a mean square of about 1; or
        coefficients α_j and degrees p_j of terms with ‖β_j‖ = 1.
    d : int
        Number of columns.
    tolerance : float, default=0.1
        ε: the largest excess of a loss with slope 1.
    activation : str or tuple, default="relu3"
        σ, as for :func:`widelearn.theory.hermite_coefficients`.
    ratio : float, optional
        M_op of the rows; None is 1/√d, that of isotropic ones.

    Returns
    -------
    SampleComplexity
        Rows that suffice, rows that kernels need, and the gain, about d/log d for isotropic rows.

    Raises
    ------
    ValueError
        If a number is out of range, or the target has other columns than d.

    Notes
    -----
    Upper bounds, whose constants are derived for Gaussian pre-activations of variance 1 and many rows; measured numbers
    of rows are smaller by large factors. The order in d is what they tell. No kernel of n rows fits all targets of the
    highest degree p turned about to a mean squared error below 1 - n/N, N = (2p + d - 2)/p C(p + d - 3, p - 1).

    References
    ----------
    Bai & Lee, "Beyond linearization: on quadratic and higher-order approximation of wide neural networks", ICLR 2020,
    sections 4 and 5.

    Examples
    --------
    >>> from widelearn.diagnostics import sample_complexity
    >>> gains = [sample_complexity(2, d).gain for d in (100, 1000)]
    >>> 5 < gains[1] / gains[0] < 10
    True
    """
    terms = _terms(target, d)
    size = 1 / np.sqrt(d) if ratio is None else float(ratio)
    if not (LEAST <= tolerance <= 1 / LEAST and 0 < size <= 1):
        raise ValueError(
            f"tolerance must be from {LEAST:g} to {1 / LEAST:g} and ratio in (0, 1], got {tolerance!r} and {size!r}."
        )
    first, second = (hermite_coefficients(activation, DEGREES, derivative=k) for k in (1, 2))
    functions = [_is_function(activation, k) for k in (1, 2)]
    spread = max(float(second @ second), float(np.sum(_times(second) ** 2)))
    linear = lifted = 0.0
    for alpha, p in terms:
        square = alpha**2 * float(d) ** p
        linear += square * (_over(first, p - 1) if functions[0] else np.inf)
        lifted += 8 * square * (_over(second, p - 2) if functions[1] else np.inf)
    k, degree = len(terms), max(p for _, p in terms)
    tangent = 4 / tolerance**2 * float(first @ first) * k * linear
    quadratic = spread * 2 * (1 + np.log(d)) * size**2 * k * lifted / tolerance**2
    harmonics = (2 * degree + d - 2) * comb(degree + d - 3, degree - 1) / degree
    gain = tangent / quadratic if np.isfinite(quadratic) and quadratic > 0 else 0.0
    return SampleComplexity(float(tangent), float(quadratic), float((1 - min(tolerance, 1.0)) * harmonics), float(gain))


def _degree(p: Any) -> int:
    if not isinstance(p, Integral) or not 2 <= int(p) <= DEGREES:
        raise ValueError(f"A degree must be a whole number from 2 to {DEGREES}, got {p!r}.")
    return int(p)


def _terms(target: Any, d: int) -> list[tuple[float, int]]:
    """Return coefficients of unit directions, and degrees."""
    if not isinstance(d, Integral) or d < 3:
        raise ValueError(f"d must be a whole number, 3 or more, got {d!r}.")
    if isinstance(target, PolynomialTarget):
        if target.directions.shape[1] != d:
            raise ValueError(f"The target has {target.directions.shape[1]} columns, but d = {d}.")
        lengths = np.linalg.norm(target.directions, axis=1)
        sizes = target.coefficients * lengths ** np.array(target.degrees)
        return [(float(alpha), p) for alpha, p in zip(sizes, target.degrees, strict=True)]
    if isinstance(target, Integral):
        p = _degree(target)
        # E z^(2p) = (2p - 1)!!
        return [(float(np.exp(-0.5 * np.sum(np.log(np.arange(1, 2 * p, 2))))), p)]
    terms = [(float(alpha), _degree(p)) for alpha, p in target]
    if not terms or not np.isfinite([alpha for alpha, _ in terms]).all():
        raise ValueError(f"A target needs terms with finite coefficients, got {target!r}.")
    return terms


@cache
def _coefficient(activation: Any, derivative: int, degree: int) -> float:
    row = hermite_coefficients(activation, DEGREES, derivative=derivative)
    if abs(row[degree]) <= ZERO * float(np.linalg.norm(row)):
        raise ValueError(
            f"σ'' of {activation!r} has no Hermite coefficient of degree {degree}: its quadratic term expresses no"
            f" power {degree + 2}. Take 'softplus' or 'relu3' for even powers, 'cubic' or 'relu3' for 3."
        )
    return float(row[degree])


def _is_function(activation: Any, derivative: int) -> bool:
    """Whether a derivative is a function: the coefficients of a point mass, such as relu'', have no sum of squares."""
    one = np.ones((1, 1))
    try:
        Expansion(one, one, activation, (derivative,))
    except NoDerivativeError:
        return False
    except TypeError:
        # Functions that the user gives come with their derivatives.
        return True
    return True


def _over(row: Array, degree: int) -> float:
    """Return 1/c² for the coefficient of a degree, infinite where it is 0."""
    c = float(row[degree])
    return 1 / c**2 if abs(c) > ZERO * float(np.linalg.norm(row)) else np.inf


def _times(row: Array) -> Array:
    """Return the coefficients of z g(z) from those of g, up to the last two."""
    k = np.arange(1, len(row))
    found = np.zeros(len(row))
    found[1:] += np.sqrt(k) * row[:-1]
    found[:-1] += np.sqrt(k) * row[1:]
    return found[:-1]


def _hermite(t: Array, degree: int) -> Array:
    """Return the orthonormal Hermite polynomial of a degree."""
    before, now = np.zeros_like(t), np.ones_like(t)
    for k in range(degree):
        before, now = now, (t * now - np.sqrt(k) * before) / np.sqrt(k + 1)
    return now
