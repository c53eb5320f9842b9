"""What theory says of first gradients where studies meet them: shares in cones about clusters, angles they share."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from scipy.stats import norm

from widelearn.theory import sampling_angle

Array = NDArray[np.float64]

# Gradients shorter than this count for no cone; of length 1 are those of neurons that see one cluster alone.
SHORT = 0.4
# Values that a law is kept by; steps of the integral over the pair that is looked for, and how far they go.
NODES, STEPS, FAR = 500, 8000, 8.0


@cache
def cone_share(beta: float, scale: float, gamma: float, pairs: int, same: bool = True) -> float:
    """Return P(|cos(G, μ_1)| > 1 - γ, ‖G‖ >= SHORT) over starts, for clusters N(±μ_j, scale² I) with ‖μ_j‖ = √d.

    Labels are the `same` within a pair, of any sign, or opposite. For z_j = <w, μ_j>/√d, a standard normal, and a
    threshold of β√d, G = Σ_j ±h(z_j) μ_j/(2 pairs) with h(z) = Φ((z - β)/s) ∓ Φ((-z - β)/s), where its part along w,
    of relative size scale/√d, is left out and ‖w‖ put at √d. Lengths are in units of √d/(2 pairs).
    """

    def square(z: NDArray[np.floating[Any]]) -> Array:
        """Return h(z)²."""
        back = ndtr((-z - beta) / scale)
        return np.asarray((ndtr((z - beta) / scale) - (back if same else -back)) ** 2)

    halves = (np.arange(NODES) + 0.5) / (2 * NODES)
    one = square(ndtri(0.5 + halves))
    others = np.zeros(1)
    for _ in range(pairs - 1):
        total = np.sort(np.add.outer(others, one).ravel())
        others = total[len(total) // (2 * NODES) :: len(total) // NODES]
    z = (np.arange(STEPS) + 0.5) * (FAR / STEPS)
    own = square(z)
    # Of the others' squares: those that the cone leaves room for, but for those that leave G short.
    most, least = ((1 - gamma) ** -2 - 1) * own, SHORT**2 - own
    inside = (np.searchsorted(others, most, "right") - np.searchsorted(others, least)) / len(others)
    return float(np.sum(2 * norm.pdf(z) * np.maximum(inside, 0.0)) * (FAR / STEPS))


def pooled_angle(d: int, k: int, m: int, active: float, n: float) -> float:
    """Return the angle in degrees of the mean gradient of m neurons to that of n = ∞ rows, for a structured parity.

    Bits are shown in half of the rows, and k is odd. The share of neurons that a row of signs passes has mean q =
    `active` and variance q (1 - q)/m, whatever the row, where neurons' signs are fair and their thresholds one. So the
    mean gradient is q E[y x] in the mean, and E[y x] has length √k/2.
    """
    return float(sampling_angle(active * np.sqrt(k) / 2, d * (active**2 + active * (1 - active) / m), n))
