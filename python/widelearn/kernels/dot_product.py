"""Kernels of the inner product: linear, polynomial and power series."""

from dataclasses import dataclass
from numbers import Real

from widelearn.kernels import specs
from widelearn.kernels.base import Kernel


@dataclass(eq=False, repr=False)
class Linear(Kernel):
    """Take the inner product of two rows: k(x, x') = x.x'.

    Notes
    -----
    Costs 2 d flops an entry. Kernel ridge with it is ridge regression solved in its dual.

    Examples
    --------
    >>> from widelearn.kernels import Linear
    >>> Linear()([[1.0, 2.0], [3.0, 4.0]])
    array([[ 5., 11.],
           [11., 25.]])
    """

    name = "linear"

    def spec(self, d: int) -> specs.Linear:
        """Return what the core reads."""
        return specs.Linear()


@dataclass(eq=False, repr=False)
class Polynomial(Kernel):
    """Take a power of a shifted inner product: k(x, x') = (gamma x.x' + coef0)^degree.

    Parameters
    ----------
    degree : int, default=3
        Non-negative.
    gamma : float, default=None
        Scale of the inner product; None means 1/d.
    coef0 : float, default=1.0
        The shift. Positive definiteness needs gamma >= 0 and coef0 >= 0.

    Notes
    -----
    Costs 2 d flops and one integer power an entry.

    References
    ----------
    Schölkopf & Smola, "Learning with Kernels", MIT Press, 2002, section 2.2.

    Examples
    --------
    >>> from widelearn.kernels import Polynomial
    >>> float(Polynomial(degree=2, gamma=1.0)([1.0, 1.0], [2.0, 3.0]))
    36.0
    """

    degree: int = 3
    gamma: float | None = None
    coef0: float = 1.0
    name = "polynomial"

    def spec(self, d: int) -> specs.Polynomial:
        """Return what the core reads."""
        gamma = self._scale("gamma", d)
        return specs.Polynomial(self._integer("degree"), gamma, self._real("coef0"))


@dataclass(eq=False, repr=False)
class DotProduct(Kernel):
    """Take a polynomial in the inner product: k(x, x') = Σ_k c_k (x.x'/d)^k.

    Parameters
    ----------
    coefficients : tuple of float
        c_0, c_1, ...: not empty, finite. Positive definiteness in every dimension needs them all >= 0.

    Raises
    ------
    ValueError
        If there are none, or one is not finite.

    Notes
    -----
    Costs 2 d flops and 2 more for each coefficient an entry.

    References
    ----------
    Schoenberg, "Positive definite functions on spheres", Duke Mathematical Journal 9, 1942.

    Examples
    --------
    >>> from widelearn.kernels import DotProduct
    >>> float(DotProduct((1.0, 0.0, 0.5))([1.0, 1.0], [2.0, 4.0]))
    5.5
    """

    coefficients: tuple[float, ...]

    def spec(self, d: int) -> specs.DotProduct:
        """Return what the core reads."""
        given = self.coefficients
        numbers = isinstance(given, tuple | list) and all(isinstance(c, Real) for c in given)
        if not numbers or any(isinstance(c, bool) for c in given):
            raise TypeError(f"DotProduct: coefficients must be a tuple of numbers, got {given!r}.")
        return specs.DotProduct([self._number("coefficients", c) for c in given])
