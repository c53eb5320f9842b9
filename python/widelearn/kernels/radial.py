"""Kernels of the distance between two rows."""

from dataclasses import dataclass
from typing import Any

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

    def spec(self, d: int) -> tuple[Any, ...]:
        """Return what the core reads."""
        return ("rbf", 1.0 / d if self.gamma is None else self._real("gamma"))
