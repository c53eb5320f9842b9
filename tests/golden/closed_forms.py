"""Write closed_forms.npz: kernel values to 60 digits and more for pairs of rows that are hard on floating point.

Run it as ``python tests/golden/closed_forms.py``; it needs mpmath alone and takes a few minutes. Everything is computed
from textbook formulas at a precision that cancellation cannot touch, sharing nothing with the package.
"""

from pathlib import Path

import mpmath as mp
import numpy as np

EPSILONS = (1e-3, 1e-6, 1e-9, 1e-12)
ACTIVATIONS = (
    ("relu", 0.0),
    ("leaky_relu", 0.2),
    ("step", 0.0),
    ("erf", 0.0),
    ("cos", 0.0),
    ("sin", 0.0),
    ("exp", 0.0),
    ("identity", 0.0),
    ("quadratic", 0.0),
    ("cubic", 0.0),
    ("hermite3", 0.0),
    ("hermite6", 0.0),
)


def specs():
    """The kernels, spelled as the core reads them."""
    yield from [("rbf", 0.3), ("laplace", 0.4, 1.0), ("laplace", 0.4, 0.7), ("manhattan", 0.3)]
    yield from [("matern", 1.3, nu) for nu in (0.5, 1.5, 2.5)]
    yield from [("arccos", order) for order in (0, 1, 2)]
    yield from [("linear",), ("polynomial", 2, 0.4, 1.0)]
    for activation in ACTIVATIONS:
        grows = activation[0] in ("exp", "quadratic", "cubic", "hermite3", "hermite6")
        for depth, variance, bias in ((1, 1.0, 0.0), (2 if grows else 3, 1.7, 0.3)):
            yield ("nngp", depth, activation, variance, bias)
            if activation[0] != "step":
                yield ("ntk", depth, activation, variance, bias)


def pairs(d, rng):
    """Random, near-equal, near-opposite, equal, opposite, parallel and orthogonal pairs, and a zero row."""
    x = rng.standard_normal(d)
    yield rng.standard_normal(d), rng.standard_normal(d)
    yield rng.standard_normal(d), rng.standard_normal(d)
    for e in EPSILONS:
        step = e * np.linalg.norm(x) * rng.standard_normal(d) / np.sqrt(d)
        yield x, x + step
        yield x, step - x
    yield from [(x, x), (x, -x), (x, 1.7 * x), (x, -0.3 * x), (x, np.zeros(d))]
    if d > 1:
        y = rng.standard_normal(d)
        yield x, y - (y @ x) / (x @ x) * x
        yield np.eye(d)[0], np.eye(d)[1]


def sets():
    """Pairs of rows by dtype, dimension and size."""
    rng = np.random.default_rng(7)
    for dtype, dims, sizes in (
        (np.float64, (1, 2, 20), (1e-150, 1e-3, 1e3, 1e150)),
        (np.float32, (3, 20), (1e-15, 1e15)),
    ):
        for d in dims:
            yield tuple(np.array(side, dtype) for side in zip(*pairs(d, rng), strict=True))
        for size in sizes:
            x, y = (np.array(side) for side in zip(*pairs(2, rng), strict=True))
            yield (x * size).astype(dtype), (y * size).astype(dtype)
        x, y = (np.array(side) for side in zip(*pairs(2, rng), strict=True))
        yield (x * max(sizes)).astype(dtype), (y * min(sizes)).astype(dtype)


def exp(t):
    """The exponential, 0 below any float and an OverflowError beyond all of them."""
    if t > 1e6:
        raise OverflowError
    return mp.exp(t) if t > -1e6 else mp.mpf(0)


def hermite(n, q, r, k):
    """E h_n(x) h_n(y) for variances q, r and covariance k."""
    if n < 0:
        return mp.mpf(0)
    total = mp.mpf(0)
    for i in range(n // 2 + 1):
        j = n - 2 * i
        a = mp.factorial(n) / (mp.factorial(i) * mp.factorial(j) * mp.mpf(2) ** i)
        total += a * a * mp.factorial(j) / mp.factorial(n) * ((q - 1) * (r - 1)) ** i * k**j
    return total


def relu(q, r, k, slope):
    if q == 0 or r == 0:
        return mp.mpf(0), mp.mpf(0)
    p = mp.sqrt(q * r)
    u = max(min(k / p, mp.mpf(1)), mp.mpf(-1))
    theta, less = mp.acos(u), (1 - mp.mpf(slope)) ** 2 / (2 * mp.pi)
    value = p * (less * (mp.sin(theta) + (mp.pi - theta) * u) + mp.mpf(slope) * u)
    return value, less * (mp.pi - theta) + mp.mpf(slope)


def moments(activation, q, r, k):
    """E f f' and E of the product of derivatives."""
    name, slope = activation
    if name in ("relu", "leaky_relu"):
        return relu(q, r, k, slope)
    if name == "step":
        return relu(q, r, k, 0)[1], mp.mpf(0)
    if name == "erf":
        a = (1 + 2 * q) * (1 + 2 * r)
        return 2 / mp.pi * mp.asin(2 * k / mp.sqrt(a)), 4 / mp.pi / mp.sqrt(a - 4 * k * k)
    if name in ("cos", "sin"):
        near, far = exp(k - (q + r) / 2) / 2, exp(-k - (q + r) / 2) / 2
        even, odd = near + far, near - far
        return (even, odd) if name == "cos" else (odd, even)
    if name == "exp":
        value = exp((q + r) / 2 + k)
        return value, value
    if name == "identity":
        return k, mp.mpf(1)
    if name == "quadratic":
        return (q * r + 2 * k * k) / 4, k
    if name == "cubic":
        return (9 * q * r * k + 6 * k**3) / 36, (q * r + 2 * k * k) / 4
    n = int(name.removeprefix("hermite"))
    return hermite(n, q, r, k), n * hermite(n - 1, q, r, k)


def network(spec, q, r, k, d):
    kind, depth, activation, variance, bias = spec
    w, b = mp.mpf(variance), mp.mpf(bias)
    q, r, k = (w * v / d + b for v in (q, r, k))
    theta = k
    for _ in range(depth):
        value, slope = moments(activation, q, r, k)
        q, r = (w * moments(activation, v, v, v)[0] + b for v in (q, r))
        k = w * value + b
        theta = k + w * theta * slope
    return theta if kind == "ntk" else k


def kernel(spec, x, y):
    x, y = ([mp.mpf(float(v)) for v in row] for row in (x, y))
    q, r, k = (mp.fdot(a, b) for a, b in ((x, x), (y, y), (x, y)))
    distance = mp.sqrt(mp.fsum((a - b) ** 2 for a, b in zip(x, y, strict=True)))
    name = spec[0]
    if name == "rbf":
        return exp(-mp.mpf(spec[1]) * distance**2)
    if name == "laplace":
        return exp(-mp.mpf(spec[1]) * distance ** mp.mpf(spec[2]))
    if name == "manhattan":
        return exp(-mp.mpf(spec[1]) * mp.fsum(abs(a - b) for a, b in zip(x, y, strict=True)))
    if name == "matern":
        t = mp.sqrt(2 * mp.mpf(spec[2])) * distance / mp.mpf(spec[1])
        return {0.5: 1, 1.5: 1 + t, 2.5: 1 + t + t * t / 3}[spec[2]] * exp(-t)
    if name == "linear":
        return k
    if name == "polynomial":
        return (mp.mpf(spec[2]) * k + mp.mpf(spec[3])) ** spec[1]
    if name == "arccos":
        if q == 0 or r == 0:
            return mp.mpf(0)
        p = mp.sqrt(q * r)
        u = max(min(k / p, mp.mpf(1)), mp.mpf(-1))
        theta = mp.acos(u)
        rest = mp.pi - theta
        j = (rest, mp.sin(theta) + rest * u, 3 * mp.sin(theta) * u + rest * (1 + 2 * u * u))[spec[1]]
        return p ** spec[1] * j / mp.pi
    return network(spec, q, r, k, len(x))


def values(spec, x, y, smallest, largest):
    """k(x, y) and sqrt(k(x, x) k(y, y)); NaN where a diagonal value is no normal number of the dtype."""
    try:
        kx, ky = kernel(spec, x, x), kernel(spec, y, y)
        if not all(smallest <= v <= largest for v in (kx, ky)):
            return np.nan, np.nan
        return float(kernel(spec, x, y)), float(mp.sqrt(kx * ky))
    except OverflowError:
        return np.nan, np.nan


def main():
    everything = list(specs())
    arrays = {"specs": np.array([repr(spec) for spec in everything])}
    for number, (x, y) in enumerate(sets()):
        limits = np.finfo(x.dtype)
        # Sums of squares of sizes 1e150 and 1e-150 must still be exact.
        extreme = np.abs(np.log10(np.abs(x[x != 0]))).max() > 10 or np.abs(np.log10(np.abs(y[y != 0]))).max() > 10
        mp.mp.dps = 700 if extreme and x.dtype == np.float64 else 90
        span = (float(limits.tiny), float(limits.max))
        rows = [[values(spec, a, b, *span) for a, b in zip(x, y, strict=True)] for spec in everything]
        arrays |= {f"x{number}": x, f"y{number}": y}
        arrays |= {f"k{number}": np.array(rows)[..., 0], f"size{number}": np.array(rows)[..., 1]}
        print(number, x.dtype, x.shape, flush=True)
    np.savez_compressed(Path(__file__).with_suffix(".npz"), **arrays)


if __name__ == "__main__":
    main()
