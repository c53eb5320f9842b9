"""Whether interpolation of noise is benign, tempered or catastrophic, by effective ranks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from widelearn.theory.checks import Array, non_negative, positive
from widelearn.theory.engine import risk
from widelearn.theory.spectrum import Spectrum, as_spectrum

# Overfitting is benign where ranks say that it adds the order of this share of the label noise, or less.
BENIGN = 0.1
# It is catastrophic where they say that it adds more than this multiple.
CATASTROPHIC = 10.0


@dataclass(frozen=True)
class BenignOverfitting:
    """Hold what effective ranks say of overfitting at one number of samples.

    Parameters
    ----------
    kind : {"benign", "tempered", "catastrophic", "no interpolation"}
        By effective ranks; the last where n exceeds the rank.
    variance : float
        Predicted variance over noise of the fit.
    split : float
        k*, the least k with r_k >= b n; infinite if there is none. Where n exceeds a finite rank nothing is left to
        interpolate with: then it is the rank.
    r, R : float
        Effective ranks r_k = s_k/σ_{k+1} and R_k = s_k²/Σ_{i > k} σ_i² at the split, s_k = Σ_{i > k} σ_i; infinite
        beyond the last eigenvalue.
    bound : float
        k*/n + n/R, to which the variance is proportional up to constants.
    lower, upper : float
        Bounds of the effective ridge: max_k [(s_k + Λ)/n - σ_{k+1}] <= κ <= min_{k < n} (s_k + Λ)/(n - k).
    effective_ridge : float
        κ itself.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.theory import benign_overfitting
    >>> benign_overfitting(np.arange(1, 10**5) ** -1.5, n=100).kind
    'tempered'
    """

    kind: str
    variance: float
    split: float
    r: float
    R: float
    bound: float
    lower: float
    upper: float
    effective_ridge: float


def benign_overfitting(
    spectrum: Spectrum | ArrayLike, n: float, ridge: float = 0.0, margin: float = 1.0
) -> BenignOverfitting:
    """Classify overfitting at n samples by effective ranks, and predict its variance.

    With eigenvalues σ_1 >= σ_2 >= ..., s_k = Σ_{i > k} σ_i, r_k = s_k/σ_{k+1}, R_k = s_k²/Σ_{i > k} σ_i² and k* the
    least k with r_k >= b n: the tail beyond k* acts as a ridge s_k*/n, and interpolation costs a variance of order
    τ² (k*/n + n/R_k*). It is called benign if k*/n + n/R_k* and n/r_n are at most 1/10, catastrophic if n/r_n is above
    10, else tempered: n/r_n is the variance over τ² of flat tails and of power laws, (a - 1) for k^-a. With a ridge Λ
    + s_k stands in place of s_k. More samples than the rank leave nothing to interpolate with. In the literature the
    words describe limits; these thresholds make them statements about one n.

    Parameters
    ----------
    spectrum : Spectrum or array-like of eigenvalues
        Of the covariance of the features, or of the kernel.
    n : float
        Number of samples.
    ridge : float, default=0.0
        Λ >= 0 of ‖y - f‖² + Λ ‖w‖².
    margin : float, default=1.0
        b.

    Returns
    -------
    BenignOverfitting
        Kind, ranks, bounds of κ, and κ.

    Raises
    ------
    ValueError
        If a number is out of range.

    Notes
    -----
    The bounds of κ hold for every spectrum: D(κ) >= k κ-small modes, and D(κ) <= k + s_k/κ. Within a block of equal
    eigenvalues they and r_k are monotone in k, so only block ends are looked at.

    References
    ----------
    Bartlett, Long, Lugosi & Tsigler, "Benign overfitting in linear regression", PNAS 2020; Tsigler & Bartlett, JMLR
    2023; Mallinar et al., NeurIPS 2022.

    Examples
    --------
    >>> from widelearn.theory import Spectrum, benign_overfitting
    >>> found = benign_overfitting(Spectrum([1.0, 1e-4], [5, 100_000]), n=200)
    >>> found.kind, found.split
    ('benign', 5.0)
    """
    spectrum = as_spectrum(spectrum)
    n = float(positive("n", n))
    lam, b = float(non_negative("ridge", ridge)), float(positive("margin", margin))
    keep = (spectrum.eigenvalues > 0) & (spectrum.multiplicities > 0)
    order = np.argsort(-spectrum.eigenvalues[keep], kind="stable")
    s, m = spectrum.eigenvalues[keep][order], spectrum.multiplicities[keep][order]
    found = risk(spectrum, np.zeros(len(spectrum)), n, lam, 1.0)
    # Before each block, and after the last one.
    k = np.concatenate([[0.0], np.cumsum(m)])
    left = _from_the_end(s * m) + spectrum.tail
    squares = _from_the_end(s**2 * m)
    with np.errstate(divide="ignore"):
        ranks = left[:-1] / s
        wide = np.where(squares > 0, left**2 / np.where(squares > 0, squares, 1.0), np.inf)
    split, r, R = np.inf, 0.0, 0.0
    fits = np.flatnonzero(ranks >= b * n)
    if fits.size:
        split, r, R = float(k[fits[0]]), float(ranks[fits[0]]), float(wide[fits[0]])
    elif spectrum.tail > 0 or n > k[-1]:
        split, r, R = float(k[-1]), np.inf, np.inf
    bound = split / n + (n / R if R > 0 else np.inf)
    # Just before a block starts σ_{k+1} is its eigenvalue, just before it ends too.
    lower = np.concatenate([(left[:-1] + lam) / n - s, (left[1:] + s + lam) / n - s, [(left[-1] + lam) / n]])
    inside = k < n
    upper = float(np.min((left[inside] + lam) / (n - k[inside])))
    crossing = int(np.searchsorted(k, n)) - 1
    if 0 <= crossing < len(s) and n - 1 > k[crossing]:
        # the block that holds the n-th eigenvalue ends beyond n: its last k below n
        last = np.ceil(n) - 1
        upper = min(upper, float((left[crossing] - (last - k[crossing]) * s[crossing] + lam) / (n - last)))
    kind = "no interpolation"
    if spectrum.tail > 0 or n <= k[-1]:
        kind = _kind((k, s, left + lam, squares), n, b)
    least = max(float(lower.max()), 0.0)
    return BenignOverfitting(kind, found.variance, split, r, R, bound, least, upper, found.effective_ridge)


def _kind(parts: tuple[Array, Array, Array, Array], n: float, b: float) -> str:
    """Name overfitting by ranks: of counts k, eigenvalues, Σ_{i > k} σ_i + Λ and Σ_{i > k} σ_i² at ends of blocks."""
    k, s, left, squares = parts
    fits = np.flatnonzero(left[:-1] >= b * n * s)
    share = k[-1] / n
    if fits.size:
        at = int(fits[0])
        share = k[at] / n + n * squares[at] / left[at] ** 2
    beyond = 0.0
    at = int(np.searchsorted(k, n, side="right")) - 1
    if at < len(s):
        beyond = n * s[at] / (left[at] - (n - k[at]) * s[at])
    elif left[-1] == 0:
        beyond = np.inf
    if beyond > CATASTROPHIC:
        return "catastrophic"
    return "benign" if max(share, beyond) <= BENIGN else "tempered"


def _from_the_end(values: Array) -> Array:
    """Return the sums of what follows each place, the first of them of everything."""
    return np.concatenate([np.cumsum(values[::-1])[::-1], [0.0]])
