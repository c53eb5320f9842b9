"""Print the table of rust/core/src/kernels/logistic.rs: the logistic function as a mixture of normal ones.

Run it as ``python tests/golden/logistic.py``; it needs mpmath alone. 1 / (1 + e^-t) = E[Phi(t / sqrt(s))] where
sqrt(s) / 2 follows Kolmogorov's law, as the Laplace transform of s, E[e^(-a s)] = z / sinh(z) with z = pi sqrt(2 a), is
the logistic law's characteristic function (Stefanski, "A normal scale mixture representation of the logistic
distribution", Statistics & Probability Letters 11, 1991). The rule is Gauss's in log s: duals are smooth functions of
that, and the law's tails in it are short.
"""

import mpmath as mp

POINTS = 12
STEP = mp.mpf(1) / 16


def density(s):
    """Of s = 4 k², k with Kolmogorov's law, by whichever of its two series converges fast."""
    k = mp.sqrt(s) / 2
    if k > 0.6:
        value = 8 * k * mp.fsum((-1) ** (j - 1) * j * j * mp.exp(-2 * (j * k) ** 2) for j in range(1, 40))
    else:
        rates = [((2 * j - 1) * mp.pi) ** 2 / 8 for j in range(1, 25)]
        value = mp.sqrt(2 * mp.pi) * mp.fsum(mp.exp(-a / k**2) * (2 * a / k**4 - 1 / k**2) for a in rates)
    return value / (4 * mp.sqrt(s))


def trapezoid():
    """The law in log s on a fine grid, where the trapezoidal rule converges exponentially: 50 digits."""
    logs = [i * STEP for i in range(-110, 110)]
    weights = [density(mp.exp(y)) * mp.exp(y) * STEP for y in logs]
    return zip(*[(y, w) for y, w in zip(logs, weights, strict=True) if w > mp.mpf(10) ** -50], strict=True)


def gauss(x, w, n):
    """The n-point Gauss rule of a discrete measure: Stieltjes' recurrence, then the tridiagonal eigenproblem."""
    below, this, tridiagonal, last = [mp.mpf(0)] * len(x), [mp.mpf(1)] * len(x), mp.zeros(n), None
    for i in range(n):
        norm = mp.fsum(b * p * p for b, p in zip(w, this, strict=True))
        a = mp.fsum(b * v * p * p for b, v, p in zip(w, x, this, strict=True)) / norm
        ratio = norm / last if last else mp.mpf(0)
        tridiagonal[i, i] = a
        if i:
            tridiagonal[i, i - 1] = tridiagonal[i - 1, i] = mp.sqrt(ratio)
        following = [(v - a) * p - ratio * q for v, p, q in zip(x, this, below, strict=True)]
        below, this, last = this, following, norm
    nodes, vectors = mp.eigsy(tridiagonal)
    return [nodes[i] for i in range(n)], [vectors[0, i] ** 2 for i in range(n)]


def main():
    mp.mp.dps = 60
    nodes, weights = gauss(*trapezoid(), POINTS)
    for y, w in zip(nodes, weights, strict=True):
        print(f"    ({float(mp.exp(y))!r}, {float(w)!r}),")


if __name__ == "__main__":
    main()
