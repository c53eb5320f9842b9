"""Kernels of the distance between two rows."""

from dataclasses import dataclass
from functools import partial

from widelearn.kernels import specs
from widelearn.kernels.base import Kernel


@dataclass(eq=False, repr=False)
class RBF(Kernel):
    """Take the Gaussian of the distance: k(x, x') = exp(-gamma ‖x - x'‖²).

    Parameters
    ----------
    gamma : float, default=None
        Positive inverse squared width, 1 / (2 length_scale²); None means 1/d.

    Notes
    -----
    Costs 2 d flops and one exponential an entry; near-equal rows are computed from their difference.

    References
    ----------
    Rahimi & Recht, "Random features for large-scale kernel machines", NeurIPS 2007, figure 1 (its spectral measure,
    which :class:`~widelearn.FourierFeatures` samples).

    Examples
    --------
    >>> from widelearn.kernels import RBF
    >>> round(float(RBF(gamma=1.0)([0.0], [1.0])), 4)
    0.3679
    """

    gamma: float | None = None
    name = "rbf"

    def spec(self, d: int) -> specs.Rbf:
        """Return what the core reads."""
        return specs.Rbf(self._scale("gamma", d))


@dataclass(eq=False, repr=False)
class Laplace(Kernel):
    """Take the exponential of the distance: k(x, x') = exp(-gamma ‖x - x'‖^power).

    Parameters
    ----------
    gamma : float, default=None
        Positive inverse length to the power `power`; None means 1/d.
    norm : {2, 1}, default=2
        2 is the Euclidean distance, which the string "laplace" stands for; 1 the sum of absolute differences, the
        string "laplacian", as scikit-learn has it.
    power : float, default=1.0
        Exponent of the distance, 0 < power <= 2 for norm 2 (beyond it there is no kernel) and 1 for norm 1; 2 is
        :class:`RBF`.

    Notes
    -----
    Costs 2 d flops, a square root and an exponential an entry (a logarithm and an exponential more if `power` is
    neither 1 nor 2); for norm 1, 3 d flops and an exponential. Near-equal rows are computed from their difference, so
    the cusp at coinciding rows is exact.

    References
    ----------
    Rahimi & Recht, "Random features for large-scale kernel machines", NeurIPS 2007, figure 1 (norm 1). Geifman et al.,
    "On the similarity between the Laplace and neural tangent kernels", NeurIPS 2020, section 3 (norm 2).

    Examples
    --------
    >>> from widelearn.kernels import Laplace
    >>> round(float(Laplace(gamma=1.0)([0.0, 0.0], [3.0, 4.0])), 6)
    0.006738
    >>> round(float(Laplace(gamma=0.1, norm=1)([0.0, 0.0], [3.0, 4.0])), 6)
    0.496585
    """

    gamma: float | None = None
    norm: int = 2
    power: float = 1.0
    name = "laplace"

    def spec(self, d: int) -> specs.Laplace | specs.Manhattan:
        """Return what the core reads."""
        gamma = self._scale("gamma", d)
        norm, power = self._integer("norm"), self._real("power")
        if norm == 2:
            return specs.Laplace(gamma, power)
        if norm == 1 and power == 1:
            return specs.Manhattan(gamma)
        raise ValueError(f"norm must be 2, or 1 with power 1; got norm={norm} and power={power}.")


@dataclass(eq=False, repr=False)
class Matern(Kernel):
    """Take a Matern function of the distance: a polynomial times exp(-t), t = sqrt(2 nu) ‖x - x'‖ / length_scale.

    k = e^-t for nu 0.5, (1 + t) e^-t for 1.5 and (1 + t + t²/3) e^-t for 2.5.

    Parameters
    ----------
    length_scale : float, default=1.0
        Positive.
    nu : {0.5, 1.5, 2.5}, default=1.5
        Smoothness.

    Notes
    -----
    Costs 2 d flops, a square root and an exponential an entry; near-equal rows are computed from their difference.

    References
    ----------
    Rasmussen & Williams, "Gaussian Processes for Machine Learning", MIT Press 2006, section 4.2.1, equations 4.14-4.17.

    Examples
    --------
    >>> from widelearn.kernels import Matern
    >>> round(float(Matern(length_scale=2.0, nu=0.5)([0.0], [2.0])), 6)
    0.367879
    """

    length_scale: float = 1.0
    nu: float = 1.5

    def spec(self, d: int) -> specs.Matern:
        """Return what the core reads."""
        return specs.Matern(self._real("length_scale"), self._real("nu"))


Kernel.names["laplacian"] = partial(Laplace, norm=1)
