"""What fixed features cannot do, and networks can."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from widelearn.theory.activations import Activation
from widelearn.theory.checks import Array, finite, non_negative, positive, whole
from widelearn.theory.duals import second_moment
from widelearn.theory.hermite import hermite_coefficients


def fixed_feature_floor(n_features: float, n_targets: float) -> float:
    """Bound the error of any fixed features, averaged over orthonormal targets: at least 1 - p/M.

    The squared norms of the projections of M orthonormal functions on a p-dimensional space add up to at most p. There
    are about d^ℓ/ℓ! orthonormal polynomials of degree ℓ, so fixed features, however chosen, need as many to fit all.

    Parameters
    ----------
    n_features : float
        p; for kernel methods the number of samples.
    n_targets : float
        M.

    Returns
    -------
    float
        Lower bound of (1/M) Σ_i ‖f_i - P f_i‖², each ‖f_i‖ = 1.

    Raises
    ------
    ValueError
        If a number is out of range.

    References
    ----------
    Barron, IEEE Transactions on Information Theory 1993; the proof is the first sentence above.

    Examples
    --------
    >>> from widelearn.theory import fixed_feature_floor
    >>> fixed_feature_floor(n_features=100, n_targets=400)
    0.75
    """
    return max(0.0, 1 - float(non_negative("n_features", n_features)) / float(positive("n_targets", n_targets)))


def single_neuron_floor(activation: Activation, degree: int) -> float:
    """Return what degree-ℓ polynomials leave of one neuron: Σ_{k > ℓ} μ_k(σ)².

    In the limit of large d it bounds from below the risk on σ(⟨u, x⟩), ‖u‖ = 1, of random features with N, and of
    kernel ridge regression with n, below d^(ℓ+1-δ). A network with a single neuron has no such floor.

    Parameters
    ----------
    activation : str, tuple or callable
        As for :func:`hermite_coefficients`.
    degree : int
        ℓ.

    Returns
    -------
    float
        The floor, an absolute risk; compare with E σ(G)² - μ_0².

    Raises
    ------
    ValueError
        If the degree or a name is out of range.

    Notes
    -----
    A limit: at finite d a degree is partly learned before n reaches d^ℓ/ℓ!, as :func:`risk` shows.

    References
    ----------
    Ghorbani et al., Annals of Statistics 2021.

    Examples
    --------
    >>> from widelearn.theory import single_neuron_floor
    >>> [round(single_neuron_floor("relu", degree), 4) for degree in (1, 2, 3, 4)]
    [0.0908, 0.0113, 0.0113, 0.0046]
    """
    row = hermite_coefficients(activation, whole("degree", degree, 0))
    return max(0.0, second_moment(activation) - float(row @ row))


def quadratic_nt_residual(rho: ArrayLike, trace_share: float = 0.0, d: float = np.inf) -> Array | float:
    """Return what the tangent model of N = ρ d neurons leaves of a quadratic: (1 - ρ)_+² (1 - q) + (1 - ρ)_+ q.

    For σ(t) = t²/2 tangent features are ⟨w_j, x⟩ x, and the best fit of ⟨x, B x⟩, x Gaussian, leaves P B P with P the
    projection orthogonal to the weights: in the ratio ‖P B P‖²/‖B‖², B random in direction with q = tr(B)²/(d ‖B‖²).

    Parameters
    ----------
    rho : float or array-like
        N/d >= 0.
    trace_share : float, default=0.0
        q, between 0 (traceless) and 1 (a multiple of the identity).
    d : float, default=inf
        Dimension of the inputs; if finite, the mean over B at that dimension, with m = (1 - ρ)_+ d: (m (m + 1)/2 -
        m/d)/(d (d + 1)/2 - 1) in place of (1 - ρ)_+².

    Returns
    -------
    float or ndarray
        Risk over that of the mean. Random features with N of order d leave at least 1 - q; a network
        of N neurons fits rank N exactly.

    Raises
    ------
    ValueError
        If a number is out of range.

    References
    ----------
    Ghorbani et al., "Limitations of lazy training of two-layers neural networks", NeurIPS 2019.

    Examples
    --------
    >>> from widelearn.theory import quadratic_nt_residual
    >>> quadratic_nt_residual(0.5), quadratic_nt_residual(0.5, trace_share=1.0)
    (0.25, 0.5)
    """
    q = float(non_negative("trace_share", trace_share))
    if q > 1:
        raise ValueError(f"trace_share must be at most 1, got {q:g}.")
    left = np.maximum(1 - non_negative("rho", rho), 0.0)
    size = float(positive("d", d, infinite=True))
    square = left**2
    if np.isfinite(size) and size > 1:
        # traceless symmetric matrices have d (d + 1)/2 - 1 dimensions; P B P keeps m (m + 1)/2, less the trace's m/d
        m = left * size
        square = (m * (m + 1) / 2 - left) / (size * (size + 1) / 2 - 1)
    found = square * (1 - q) + left * q
    return found if np.ndim(rho) else float(found)


def quadratic_network_residual(B: ArrayLike, width: int) -> float:
    """Return what the best network of N quadratic neurons leaves of ⟨x, B x⟩: Σ_{i > N} λ_i²/‖B‖².

    Networks Σ_j a_j ⟨w_j, x⟩² + c are the quadratics of rank N, so the best keeps the N eigenvalues largest in absolute
    value, |λ_1| >= |λ_2| >= ... (x Gaussian, constants free).

    Parameters
    ----------
    B : array-like of shape (d, d)
        Symmetric.
    width : int
        N.

    Returns
    -------
    float
        Ratio of squared Frobenius norms.

    Raises
    ------
    ValueError
        If B is not symmetric.

    References
    ----------
    Ghorbani et al., NeurIPS 2019 (B positive semidefinite). The best rank-N approximation of a symmetric matrix.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.theory import quadratic_network_residual
    >>> quadratic_network_residual(np.diag([2.0, 1.0, 1.0]), width=2)
    0.16666666666666666
    """
    matrix = finite("B", B)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not np.allclose(matrix, matrix.T):
        raise ValueError(f"B must be a symmetric matrix, got shape {matrix.shape}.")
    values = np.sort(np.abs(np.linalg.eigvalsh(matrix)))[::-1]
    total = float(values @ values)
    rest = values[whole("width", width, 0) :]
    return float(rest @ rest) / total if total else 0.0
