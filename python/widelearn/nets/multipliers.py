"""Random multipliers of a net's movement, tied to the signs of its outputs, that leave the Taylor term of one order."""

from math import comb, factorial, sqrt
from numbers import Integral, Real
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from widelearn.runtime import Array, check_memory, in_range

MAX_ORDER = 4
# The largest number of neurons that is read.
MOST = 1 << 53


class CouplingBounds(NamedTuple):
    """Give bounds of how far a net with random multipliers is from its Taylor term.

    Parameters
    ----------
    bias : float
        Bound of abs(E f(x) - f^(k)(x)).
    spread : float
        Bound of the standard deviation of f(x).

    Examples
    --------
    >>> from widelearn.nets import CouplingBounds
    >>> CouplingBounds(0.01, 0.1).spread
    0.1
    """

    bias: float
    spread: float


class Multipliers:
    """Hold the laws of random multipliers that leave of a two-layer net the term of order k of its expansion.

    Neuron r has the weights w0_r + z_r w_r and the output a_r; its twin has w0_r + z'_r w_r and -a_r. So the net is
    f(x) = (1/g) Σ_r a_r [σ(<w0_r + z_r w_r, x>) - σ(<w0_r + z'_r w_r, x>)]. The multipliers are independent and take
    values j - k/2 with probabilities C(k, j) / 2^(k-1), z those of even k - j and z' those of odd k - j. Their moments
    of orders below k agree, and those of order k differ by g = k! / 2^(k-1): E f is a central difference. With the sum
    T of k independent uniform numbers on [-1/2, 1/2],

        E f(x) = Σ_r a_r <w_r, x>^k E σ^(k)(<w0_r + T w_r, x>) / k! = f^(k)(x) + terms of orders k + 2, k + 4, ...

    For k = 2 they are random signs beside a net that has not moved: z = ±1, z' = 0.

    Parameters
    ----------
    order : int
        The order k of the term that is left, 1 to 4. For 1 nothing is random.

    Attributes
    ----------
    order : int
        k.
    values : ndarray of shape (k + 1,)
        Values of the multipliers, j - k/2.
    weights : ndarray of shape (k + 1,)
        Probabilities, those of z' with a minus.
    gap : float
        g = k! / 2^(k-1).

    Raises
    ------
    ValueError
        If the order is no whole number from 1 to 4.

    Notes
    -----
    No real multiplier has E s^j = 0 for all j < k and E s^k = 1 if k is above 2, because E s² = 0 makes it 0: the law
    has to know the sign of the output. Source: Bai and Lee (2020), "Beyond linearization", section 2, for k = 2; the
    laws for other orders are derived from finite differences.

    Examples
    --------
    >>> from widelearn.nets import Multipliers
    >>> law = Multipliers(3)
    >>> law.values, law.weights, law.gap
    (array([-1.5, -0.5,  0.5,  1.5]), array([-0.25,  0.75, -0.75,  0.25]), 1.5)
    >>> [float(law.weights @ law.values**j) for j in range(4)]
    [0.0, 0.0, 0.0, 1.5]
    """

    def __init__(self, order: int) -> None:
        if not isinstance(order, Integral) or not 1 <= order <= MAX_ORDER:
            raise ValueError(f"order must be one of 1 to {MAX_ORDER}, got {order!r}.")
        k = int(order)
        self.order: int = k
        self.values: NDArray[np.float64] = np.arange(k + 1) - k / 2
        self.weights: NDArray[np.float64] = np.array([(-1.0) ** (k - j) * comb(k, j) for j in range(k + 1)]) / 2 ** (
            k - 1
        )
        self.gap: float = factorial(k) / 2 ** (k - 1)

    def draw(self, width: int, random_state: Any) -> Array:
        """Return multipliers z and z' of so many neurons, (width, 2), from a seed, RandomState or Generator."""
        width = neurons(width)
        rng = random_state if isinstance(random_state, np.random.Generator) else check_random_state(random_state)
        check_memory(4 * 8 * width, f"Drawing multipliers of {width} neurons", "Take fewer neurons.")
        sides = (np.maximum(self.weights, 0), np.maximum(-self.weights, 0))
        return np.column_stack([rng.choice(self.values, width, p=side) for side in sides])

    @in_range
    def coupling_bounds(self, norm: float, width: int, size: float, *, slope: float, bend: float) -> CouplingBounds:
        """Bound how far the net is from its term, at rows of length `size` at most and outputs a_r = ±1/sqrt(width).

        `norm` is ‖W‖_{2,2k} = (Σ_r ‖w_r‖^(2k))^(1/(2k)); `slope` and `bend` are bounds of abs(σ') and abs(σ^(k+2))
        where the pre-activations lie. With s = Var z + Var z' (k/2, 0 for k = 1) and E T² = k/12,

            sd f <= slope size norm sqrt(s) / (g m^(1/(2k))),
            abs(E f - f^(k)) <= bend (size norm)^(k+2) k / (24 k! m^(1/k)), with m^(1/2) for k = 1,

        because power means are ordered: (1/m) Σ ‖w_r‖^p <= ((1/m) ‖W‖^(2k))^(p/(2k)) for p <= 2k. Both follow from the
        formula of E f and from the slope alone, without constants that were measured.
        """
        width = neurons(width)
        check_sizes(norm=norm, size=size, slope=slope, bend=bend)
        k, reach = self.order, size * norm
        spread = slope * reach * sqrt(k / 2 if k > 1 else 0.0) / (self.gap * width ** (1 / (2 * k)))
        bias = bend * reach ** (k + 2) * k / (24 * factorial(k) * width ** min(1 / k, 1 / 2))
        return CouplingBounds(bias, spread)


def neurons(width: Any) -> int:
    """Return a number of neurons, checked."""
    if not isinstance(width, Integral) or isinstance(width, bool) or not 1 <= int(width) <= MOST:
        raise ValueError(f"width must be a whole number from 1 to 2^53, got {width!r}.")
    return int(width)


def check_sizes(**sizes: Any) -> None:
    """Refuse what is no finite number of at least 0."""
    for name, value in sizes.items():
        if not isinstance(value, Real) or not 0 <= cast(float, value) < np.inf:
            raise ValueError(f"{name} must be a finite number of at least 0, got {value!r}.")
