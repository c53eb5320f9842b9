"""Simplified gradients of parities in closed form, for neurons whose weights differ in their signs alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from widelearn.theory.checks import Array, numbers
from widelearn.theory.population_gradients import PopulationGradient, neurons_of

# Bits that are counted with: tables grow with their square.
MOST_BITS, MOST_GROUPS = 4096, 15
# Relative differences of weights, and distances of a threshold from a whole number, that count as rounding.
ROUNDING = 1e-9
# One bit's law over the sums -1, 0 and 1 of a fair bit, and that law times the bit.
EVEN, ODD = np.array([0.5, 0.0, 0.5]), np.array([-0.5, 0.0, 0.5])


def parity_gradient(
    W: ArrayLike, b: ArrayLike, support: ArrayLike, *, group_rate: float = 0.0, background: float = 0.5
) -> PopulationGradient:
    """Return the simplified gradients of a parity or of groups of them, exactly, for weights of one size in a neuron.

    y = sign Σ_j Π_{i in A_j} x_i over r groups of k bits, r odd. With probability `group_rate` each for j = 1..r and
    either sign the bits of A_j are all that sign and those of the other groups 0, else all of them are uniform in {-1,
    1}; the bits outside are 1, -1 and 0 with probabilities `background`, `background` and 1 - 2 `background`. These
    are the laws of :func:`widelearn.datasets.parity`: "uniform" is r = 1 and the defaults, "structured" r = 1 and
    `group_rate` = mix/2.

    Parameters
    ----------
    W : array-like of shape (m, d)
        First layer; the weights of a neuron are of one absolute value, not 0.
    b : array-like of shape (m,) or float
        Thresholds. One within 1e-9 of a value of <w, x>, relative to a weight, is that value: it is not passed there.
    support : array-like of shape (k,) or (r, k)
        The bits A_j.
    group_rate : float, default=0.0
        p_A, at most 1/(2 r).
    background : float, default=0.5
        p_o, at most 1/2.

    Returns
    -------
    PopulationGradient
        G, and the activity and the energy of every neuron.

    Raises
    ------
    ValueError
        If shapes do not fit, weights of a neuron differ in size, or a number is out of range.

    Notes
    -----
    Products of bits turn the law of a sum of independent bits into a signed measure, a convolution of one of each bit:
    d² operations for each of about r + 4 of them, then lookups. For r = 1 and uniform bits G_j is the Fourier
    coefficient of A - {j} or A + {j} of the threshold function, for w = (1, ..., 1) and b = 0 half of the majority's.

    References
    ----------
    Shi, Wei & Liang, "Provable guarantees for neural networks via gradient feature learning", NeurIPS 2023 (the
    grouped law). Barak et al., "Hidden progress in deep learning", NeurIPS 2022 (the gap of the majority's
    coefficients that finds A). Derived as said in the notes.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.theory import parity_gradient
    >>> found = parity_gradient(np.ones((1, 7)), 0.0, [0, 1])
    >>> found.G.round(4)  # the majority's coefficients of degrees 1 and 3, halved
    array([[ 0.1562,  0.1562, -0.0312, -0.0312, -0.0312, -0.0312, -0.0312]])
    """
    rows, thresholds = neurons_of(W, b)
    d = rows.shape[1]
    if d > MOST_BITS:
        raise ValueError(f"W has {d} columns: at most {MOST_BITS} are counted with.")
    if np.any(np.abs(rows) < 1 - ROUNDING):
        raise ValueError("The weights of a neuron must be of one size, not 0: only their signs may differ.")
    groups, rest = _places(support, d)
    rate, lazy = _share("group_rate", group_rate, 0.5 / len(groups)), _share("background", background, 0.5)
    law = _Sums(groups.size, len(rest), lazy)
    return _Neurons(np.sign(rows), thresholds, groups, rest).gradient(law, rate)


class _Sums:
    """Tails of signed measures over the sum of hidden bits and of those outside, read by threshold."""

    def __init__(self, hidden: int, outside: int, background: float) -> None:
        self.hidden, self.outside = hidden, outside
        self.bit = np.array([background, 1 - 2 * background, background])
        self.odd, self.square = self.bit * [-1, 0, 1], self.bit * [1, 0, 1]
        self.tails: dict[tuple[int, bool, str], Array] = {}

    def tail(self, above: Array, degree: int, hidden: bool, outside: str = "") -> Array:
        """Return E[z_1...z_degree f 1{sum > above}], f = 1, or a bit outside ("odd"), or its square ("square")."""
        key = (degree, hidden, outside)
        if key not in self.tails:
            self.tails[key] = self._tail(*key)
        table = self.tails[key]
        reach = (len(table) - 2) // 2
        # entry i is the measure of sums of i - reach and more, the last one 0
        near = np.rint(above)
        least = np.where(np.abs(above - near) < ROUNDING, near, np.floor(above)) + 1
        return table[(np.clip(least, -reach, reach + 1) + reach).astype(int)]

    def _tail(self, degree: int, hidden: bool, outside: str) -> Array:
        bits = [ODD] * degree + [EVEN] * (self.hidden - degree) if hidden else []
        bits += [self.bit] * (self.outside - bool(outside)) + ([getattr(self, outside)] if outside else [])
        law = np.ones(1)
        for bit in bits:
            law = np.convolve(law, bit)
        return np.append(np.cumsum(law[::-1])[::-1], 0.0)


class _Neurons:
    """Neurons of signs, and what they are to hidden groups of bits."""

    def __init__(self, signs: Array, thresholds: Array, groups: NDArray[np.intp], rest: NDArray[np.intp]) -> None:
        self.signs, self.thresholds, self.groups, self.rest = signs, thresholds, groups, rest
        self.sums = signs[:, groups].sum(axis=2)
        self.products = signs[:, groups].prod(axis=2)

    def gradient(self, law: _Sums, rate: float) -> PopulationGradient:
        """Add the uniform component and those that show a group."""
        G, (r, k) = np.zeros_like(self.signs), self.groups.shape
        theta, count = self.thresholds, len(self.rest)
        weight = 1 - 2 * r * rate
        inside = law.tail(theta, 0, True)
        activity, energy = weight * inside, weight * r * k * inside
        if count:
            energy = energy + weight * count * law.tail(theta, 0, True, "square")
        for g in range(r):
            G[:, self.groups[g]] += weight * self._uniform(law, g)[:, None]
        outside = weight * self._uniform(law, None) if count else np.zeros(len(theta))
        for g in range(r) if rate else ():
            for sign in (1.0, -1.0):
                above = theta - sign * self.sums[:, g]
                shown = law.tail(above, 0, False)
                activity, energy = activity + rate * shown, energy + rate * k * shown
                G[:, self.groups[g]] += rate * (sign ** (k + 1) * shown)[:, None] * self.signs[:, self.groups[g]]
                if count:
                    energy = energy + rate * count * law.tail(above, 0, False, "square")
                    outside = outside + rate * sign**k * law.tail(above, 0, False, "odd")
        G[:, self.rest] = outside[:, None]
        # The bits are those of the neuron's signs so far.
        return PopulationGradient(G * self.signs, activity, energy)

    def _uniform(self, law: _Sums, group: int | None) -> Array:
        """Return E[y z 1{sum > threshold}] over uniform bits, z a bit of a group, or one outside."""
        r, k = self.groups.shape
        others = np.delete(self.products, [] if group is None else group, axis=1)
        symmetric = _symmetric(others)
        total = np.zeros(len(self.signs))
        for s, coefficient in enumerate(majority_coefficients(r)):
            if s % 2 == 0:
                continue
            if group is None:
                total += coefficient * symmetric[s] * law.tail(self.thresholds, k * s, True, "odd")
                continue
            own = self.products[:, group]
            total += coefficient * symmetric[s - 1] * own * law.tail(self.thresholds, k * s - 1, True)
            if s < r:
                total += coefficient * symmetric[s] * law.tail(self.thresholds, k * s + 1, True)
        return total


def majority_coefficients(r: int) -> Array:
    """Return the Fourier coefficients of the majority of r bits, r odd, by degree."""
    found = np.zeros(r + 1)
    for s in range(1, r + 1, 2):
        law = np.ones(1)
        for bit in [ODD] * s + [EVEN] * (r - s):
            law = np.convolve(law, bit)
        found[s] = 2 * law[r + 1 :].sum()
    return found


def _symmetric(values: Array) -> Array:
    """Return the elementary symmetric polynomials of every row, by degree."""
    found = np.zeros((values.shape[1] + 1, len(values)))
    found[0] = 1.0
    for j in range(values.shape[1]):
        found[1:] = found[1:] + found[:-1] * values[:, j]
    return found


def _share(name: str, value: Any, most: float) -> float:
    """Return a probability up to a largest one."""
    found = numbers(name, value)
    if found.ndim or not 0 <= found <= most + 1e-12:
        raise ValueError(f"{name} must be a number from 0 to {most:g}, got {value!r}.")
    return min(float(found), most)


def _places(support: ArrayLike, d: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the groups of bits, one a row, and the bits outside."""
    found = np.asarray(support)
    groups = found[None] if found.ndim == 1 else found
    if groups.ndim != 2 or not groups.size or groups.dtype.kind not in "iu" or np.unique(groups).size != groups.size:
        raise ValueError(f"support must be different whole numbers, of shape (k,) or (r, k), got shape {found.shape}.")
    if groups.min() < 0 or groups.max() >= d:
        raise ValueError(f"support must lie in 0 to d - 1 = {d - 1}, got {groups.min()} to {groups.max()}.")
    if len(groups) % 2 == 0 or len(groups) > MOST_GROUPS:
        raise ValueError(f"The number of groups must be odd and at most {MOST_GROUPS}, got {len(groups)}.")
    groups = groups.astype(np.intp)
    return groups, np.setdiff1d(np.arange(d), groups)
