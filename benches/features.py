"""Feature maps beside scikit-learn's and NumPy's, fast transforms beside products, drawing, finite-width kernels."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.kernel_approximation import RBFSampler

import widelearn as wl
from benches.job import Job, gaussian, timed
from widelearn import _core

Array = NDArray[np.floating]
TOLERANCE = {"float64": 1e-12, "float32": 2e-5}


def jobs(quick: bool) -> Iterator[Job]:
    """Every job about features and kernels of finite width."""
    n, p = (500, 64) if quick else (50_000, 2048)
    for dtype, least in (("float64", 6.0), ("float32", 2.0)):
        yield fourier(gaussian(n, 64, dtype), p, least)
    for dtype in ("float64", "float32"):
        yield layer(gaussian(n, 64, dtype), p)
    yield hadamard(*((100, 128, 256) if quick else (5000, 1024, 16_384)))
    yield normals(10**5 if quick else 10**8)
    yield finite(*((200, 10, 100) if quick else (4000, 100, 2000)))


def relative(a: Array, b: Array) -> float:
    return float(np.abs(a - b).max() / np.abs(b).max())


def job(name: str, shape: str, dtype: str, least: float, sides: dict[str, Callable[[], Any]], **more: Any) -> Job:
    timings = {side: timed(run) for side, run in sides.items()}
    return Job(name=name, shape=shape, dtype=dtype, least=least, sides=timings, **more)


def fourier(x: Array, p: int, least: float) -> Job:
    (n, d), gamma = x.shape, 0.01
    ours = wl.FourierFeatures(wl.kernels.RBF(gamma), p, random_state=0).fit(x)
    theirs = RBFSampler(gamma=gamma, n_components=p, random_state=0).fit(x)
    # Both draw their own: ours is compared with the formula at its own frequencies.
    angles = x[:200].astype(float) @ ours.directions().T
    wanted = np.sqrt(2 / p) * np.hstack([np.sin(angles), np.cos(angles)])
    return job(
        "FourierFeatures",
        f"n={n} d={d} p={p}",
        str(x.dtype),
        least,
        {"widelearn": lambda: ours.transform(x), "scikit-learn RBFSampler": lambda: theirs.transform(x)},
        difference=lambda: relative(ours.transform(x[:200]), wanted),
        tolerance=TOLERANCE[str(x.dtype)],
        flops=n * d * p,
        bytes=n * p * x.itemsize,
    )


def layer(x: Array, p: int) -> Job:
    n, d = x.shape
    ours = wl.RandomFeatures(p, random_state=0).fit(x)
    weights = np.ascontiguousarray(ours.directions().T / np.sqrt(p), x.dtype)

    def theirs(rows: Array) -> Array:
        return np.maximum(rows @ weights, 0)

    return job(
        "RandomFeatures relu",
        f"n={n} d={d} p={p}",
        str(x.dtype),
        1.5,
        {"widelearn": lambda: ours.transform(x), "NumPy matmul + maximum": lambda: theirs(x)},
        difference=lambda: relative(ours.transform(x[:200]), theirs(x[:200])),
        tolerance=TOLERANCE[str(x.dtype)],
        flops=2 * n * d * p,
        bytes=n * p * x.itemsize,
    )


def hadamard(n: int, d: int, p: int) -> Job:
    x, out = gaussian(n, d, "float32"), np.zeros((n, p), np.float32)
    maps = {w: wl.RandomFeatures(p, weights=w, random_state=0).fit(x) for w in ("hadamard", "gaussian")}

    def error() -> float:
        features = maps["hadamard"]
        wanted = np.maximum(x[:50].astype(float) @ features.directions().T, 0) / np.sqrt(p)
        return relative(features.transform(x[:50]), wanted)

    return job(
        "hadamard features",
        f"n={n} d={d} p={p}",
        "float32",
        5.0,
        {f"widelearn {w}": (lambda m=m: _core.transform(m._spec, x, out)) for w, m in maps.items()},
        difference=error,
        tolerance=TOLERANCE["float32"],
        output="reused",
        bytes=n * p * 4,
    )


def normals(count: int) -> Job:
    out, generator = np.zeros((count // 1000, 1000), np.float32), np.random.default_rng(0)

    def error() -> float:
        _core.normals(out, 0, 0)
        return abs(float(out.mean(dtype=float))) + abs(float(out.std(dtype=float)) - 1)

    return job(
        "normals",
        f"{count}",
        "float32",
        4.0,
        {
            "widelearn": lambda: _core.normals(out, 0, 0),
            "numpy Generator": lambda: generator.standard_normal(out=out, dtype=np.float32),
        },
        difference=error,
        # Of the mean and of the deviation, by their standard errors.
        tolerance=8 / count**0.5,
        output="reused",
        bytes=count * 4,
    )


def finite(n: int, d: int, width: int) -> Job:
    x, kernel = gaussian(n, d, "float64"), wl.kernels.FiniteNTK(width)
    weights = wl.RandomFeatures(width, weights="sphere", random_state=0).fit(x).directions()

    def theirs() -> Array:
        slopes = (x @ weights.T > 0).astype(float)
        return (slopes @ slopes.T / width) * (x @ x.T / d)

    return job(
        "FiniteNTK Gram",
        f"n={n} d={d} N={width}",
        "float64",
        2.0,
        {"widelearn": lambda: kernel(x), "NumPy": theirs},
        difference=lambda: relative(kernel(x), theirs()),
        tolerance=1e-12,
        flops=n * n * (width + d),
        bytes=n * n * 8,
    )
