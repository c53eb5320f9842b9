"""Hermite coefficients of activations and of their derivatives."""

from __future__ import annotations

import numpy as np

from widelearn.theory.activations import Activation, coefficients, parse
from widelearn.theory.checks import Array, whole

# sqrt(150!) is about 1e131.
MOST_DERIVATIVES = 150


def hermite_coefficients(activation: Activation, degree: int, derivative: int = 0, scale: float = 1.0) -> Array:
    """Expand an activation in Hermite polynomials: μ_k = E[σ(G) h_k(G)], G standard normal.

    h_k is orthonormal under the standard normal law: h_0 = 1, h_1 = t, h_2 = (t² - 1)/√2. Derivatives follow from
    Stein's lemma, μ_k(σ^(j)) = sqrt((k + j)! / k!) μ_{k+j}(σ), so that of relu is the step function, and that of the
    step function the point mass at 0.

    Parameters
    ----------
    activation : str, ("leaky_relu", slope), callable or tuple of callables
        "relu", "leaky_relu" (slope 0.01), "step", "erf" (erf(t)), "tanh", "sigmoid", "gelu" (exact), "softplus",
        "swish", "cos", "sin", "exp", "identity", "quadratic" (t²/2), "cubic" (t³/6), "relu2" (relu²/2), "relu3"
        (relu³/6), "hermite3" (any degree), or NumPy functions (σ, σ', ...).
    degree : int
        The highest k, at most 10,000 for functions.
    derivative : int, default=0
        The order j of the derivative that is expanded, with respect to the argument of σ, at most 150.
    scale : float, default=1.0
        Expand t -> σ^(j)(scale t) instead.

    Returns
    -------
    ndarray of shape (degree + 1,)
        μ_0, ..., μ_degree.

    Raises
    ------
    ValueError
        If a name is unknown, or a degree or the scale is out of range.

    Notes
    -----
    The absolute error is about 1e-15 times sqrt(E σ²). Most names have closed forms; tanh, sigmoid, softplus and swish
    take the trapezoidal rule, whose error is exponentially small. Functions take an adaptive Gauss-Legendre rule on
    |t| <= 14, which finds kinks and jumps.

    References
    ----------
    Misiakiewicz & Montanari, "Six lectures on linearized neural networks", J. Stat. Mech. 2024, chapters 3-5 (use).

    Examples
    --------
    >>> from widelearn.theory import hermite_coefficients
    >>> hermite_coefficients("relu", 4).round(4) + 0.0
    array([ 0.3989,  0.5   ,  0.2821,  0.    , -0.0814])
    >>> hermite_coefficients("relu", 2, derivative=1).round(4) + 0.0
    array([0.5   , 0.3989, 0.    ])
    """
    degree, derivative = whole("degree", degree, 0), whole("derivative", derivative, 0, MOST_DERIVATIVES)
    if not (np.isfinite(scale) and scale > 0):
        raise ValueError(f"scale must be positive and finite, got {scale!r}.")
    name, parameter = parse(activation)
    if name == "functions" and derivative:
        known = min(derivative, len(parameter) - 1)
        if known:
            return hermite_coefficients(parameter[known:], degree, derivative - known, scale)
    row = coefficients(activation, degree + derivative, scale)
    with np.errstate(all="ignore"):
        for _ in range(derivative):
            row = row[1:] * np.sqrt(np.arange(1, len(row))) / scale
    if derivative and not np.isfinite(row).all():
        raise ValueError(f"Coefficients of the derivative of order {derivative} leave float64. Take a lower order.")
    return row
