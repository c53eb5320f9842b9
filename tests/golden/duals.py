"""Write duals.npz: E[f^(m)(u) f^(m)(v)] of Gaussian pairs (u, v) for activations f and orders m, by quadrature.

Run it as ``python tests/golden/duals.py``; it needs NumPy, SciPy and mpmath and takes some minutes. Smooth functions
are summed over a lattice, by the trapezoidal rule in two independent normal variables: for functions analytic in a
strip it converges exponentially, and the step is so much smaller than the distance to the nearest pole that only
rounding is left (1e-14). Powers of relu are integrated over the angle at which both arguments are positive, to 30
digits. Neither shares anything with the package.
"""

from pathlib import Path

import mpmath as mp
import numpy as np
from scipy.special import erf, expit, ndtr

VARIANCES = (
    (1e-6, 1e-6),
    (1e-2, 1e-2),
    (1, 1),
    (30, 30),
    (1e4, 1e4),
    (1e-6, 1),
    (1e-2, 30),
    (1, 30),
    (1, 1e4),
    (30, 1e4),
)
CORRELATIONS = (-1, -0.999, -0.3, 0, 0.5, 0.99, 1 - 1e-9, 1)
ORDERS = 5
REACH = 9.0  # e^(-81/2) = 3e-18


def logistic(t, m):
    s, r = expit(t), expit(-t)
    both, gap = s * r, r - s
    return (s, both, both * gap, both * (1 - 6 * both), both * gap * (1 - 12 * both))[m]


def bell(t, scale=1.0):
    return np.exp(-0.5 * t * t * scale)


def tanh(t, m):
    return np.tanh(t) if m == 0 else 2.0 ** (m + 1) * logistic(2 * t, m)


def softplus(t, m):
    return np.logaddexp(0, t) if m == 0 else logistic(t, m - 1)


def swish(t, m):
    return t * logistic(t, m) + (m * logistic(t, m - 1) if m else 0)


def gelu(t, m):
    density = bell(t) / np.sqrt(2 * np.pi)
    forms = (
        lambda: t * ndtr(t),
        lambda: ndtr(t) + t * density,
        lambda: (2 - t * t) * density,
        lambda: (t * t - 4) * t * density,
        lambda: (7 * t * t - t**4 - 4) * density,
    )
    return forms[m]()


def error(t, m):
    density = 2 / np.sqrt(np.pi) * bell(t, 2.0)
    forms = (
        lambda: erf(t),
        lambda: density,
        lambda: -2 * t * density,
        lambda: (4 * t * t - 2) * density,
        lambda: (12 - 8 * t * t) * t * density,
    )
    return forms[m]()


# With the half-width of the strip around the real axis where they are analytic and not large.
SMOOTH = {
    "tanh": (tanh, np.pi / 2),
    "sigmoid": (logistic, np.pi),
    "softplus": (softplus, np.pi),
    "swish": (swish, np.pi),
    "gelu": (gelu, 2.0),
    "erf": (error, 1.5),
}


def lattice(width, order):
    """Nodes and weights for a normal variable and a function whose nearest pole, of this order, is this far off."""
    # Off by e^(-2 pi width / step) and, for each further order of the pole, 2 pi / step; the normal density's own strip
    # allows no more than 0.4.
    step = min(2 * np.pi * width / (40 + 6 * order), 0.4)
    z = step * np.arange(-np.ceil(REACH / step), np.ceil(REACH / step) + 1)
    return z, step * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)


def expectation(f, strip, m, q, r, rho):
    a, wa = lattice(strip / np.sqrt(max(q, r)), 2 * m + 2 if abs(rho) == 1 else m)
    fu = f(np.sqrt(q) * a, m) * wa
    if abs(rho) == 1:
        return float((fu * f(rho * np.sqrt(r) * a, m)).sum())
    spread = np.sqrt(r * (1 - rho) * (1 + rho))
    b, wb = lattice(strip / spread, m)
    kept = np.abs(fu) > 1e-25 * np.abs(fu).max()
    a, fu = a[kept], fu[kept]
    total = 0.0
    for at in range(0, len(a), 64):
        v = rho * np.sqrt(r) * a[at : at + 64, None] + spread * b
        total += float(fu[at : at + 64] @ (f(v, m) @ wb))
    return total


def power(n, q, r, rho):
    """E relu(u)^n relu(v)^n / n!²."""
    theta = mp.acos(mp.mpf(rho)) if abs(rho) < 1 else (mp.mpf(0) if rho > 0 else mp.pi)
    angle = (
        mp.quad(lambda t: (mp.cos(t) * mp.cos(t - theta)) ** n, [theta - mp.pi / 2, mp.pi / 2]) if n else mp.pi - theta
    )
    radial = mp.mpf(2) ** n * mp.factorial(n) / (2 * mp.pi)
    return float(mp.sqrt(mp.mpf(q) * mp.mpf(r)) ** n * radial * angle / mp.factorial(n) ** 2)


def main():
    mp.mp.dps = 30
    arrays = {"variances": np.array(VARIANCES, float), "correlations": np.array(CORRELATIONS, float)}
    for name, (f, strip) in SMOOTH.items():
        arrays[name] = np.array(
            [
                [[expectation(f, strip, m, q, r, rho) for rho in CORRELATIONS] for q, r in VARIANCES]
                for m in range(ORDERS)
            ]
        )
        print(name, flush=True)
    for name, n in (("relu2", 2), ("relu3", 3)):
        arrays[name] = np.array(
            [[[power(n - m, q, r, rho) for rho in CORRELATIONS] for q, r in VARIANCES] for m in range(n + 1)]
        )
    np.savez_compressed(Path(__file__).with_suffix(".npz"), **arrays)


if __name__ == "__main__":
    main()
