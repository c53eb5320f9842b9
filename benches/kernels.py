"""Gram matrices beside scikit-learn, SciPy and NumPy's matmul; products with a Gram matrix beside forming it."""

import subprocess
import sys
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from sklearn.gaussian_process.kernels import Matern
from sklearn.metrics.pairwise import rbf_kernel

import widelearn as wl
from benches.job import Job, gaussian, largest_difference, timed
from widelearn import _core

Array = NDArray[np.floating]
TOLERANCE = {"float64": 1e-12, "float32": 1e-4}


def jobs(quick: bool) -> Iterator[Job]:
    """Every Gram job whose peer lives in this environment."""
    n, big, rows = (200, 200, 400) if quick else (4000, 6000, 20_000)
    for dtype, least in (("float64", 5.0), ("float32", 4.0)):
        x = gaussian(n, 20, dtype)
        yield gram(wl.kernels.RBF(gamma=0.5), x, least, "scikit-learn rbf_kernel", lambda x=x: rbf_kernel(x, gamma=0.5))
    x = gaussian(n, 20, "float64")
    yield gram(wl.kernels.Laplace(gamma=0.5), x, 7.0, "SciPy cdist + NumPy", lambda: laplace(x))
    matern = Matern(length_scale=1.0, nu=1.5)
    yield gram(wl.kernels.Matern(length_scale=1.0, nu=1.5), x, 7.0, "scikit-learn Matern", lambda: matern(x))
    for name, kernel in (("RBF", wl.kernels.RBF(gamma=0.5)), ("NTK", wl.kernels.NTK(depth=1))):
        for dtype in ("float64", "float32"):
            yield beside_matmul(name, kernel, gaussian(big, 512, dtype), "reused", 0.75)
            yield beside_matmul(name, kernel, gaussian(big, 512, dtype), "fresh", 0.6)
    yield product(gaussian(rows, 20, "float64"))


def gram(kernel: wl.kernels.RBF, x: Array, least: float, peer: str, theirs: Callable[[], Array]) -> Job:
    n, d = x.shape
    return Job(
        name=f"{type(kernel).__name__} Gram",
        shape=f"n={n} d={d}",
        dtype=str(x.dtype),
        least=least,
        sides={"widelearn": timed(lambda: kernel(x)), peer: timed(theirs)},
        difference=lambda: largest_difference(kernel(x), theirs()),
        tolerance=TOLERANCE[str(x.dtype)],
        flops=n * n * d,
        bytes=n * n * x.itemsize,
    )


def laplace(x: Array) -> Array:
    distance = cdist(x, x)
    distance *= -0.5
    return np.exp(distance, out=distance)


def beside_matmul(name: str, kernel: wl.kernels.RBF, x: Array, output: str, least: float) -> Job:
    """Rate of a Gram, counting n²d flops for its one triangle, over the rate of NumPy's product, 2n²d for all of it."""
    n, d = x.shape
    formula = {"RBF": rbf_formula, "NTK": ntk_formula}[name]
    other, product_out, out = x[::-1].copy(), np.zeros((n, n), x.dtype), np.zeros((n, n), x.dtype)
    ours = (lambda: into(kernel, x, out)) if output == "reused" else (lambda: kernel(x))
    return Job(
        name=f"{name} Gram rate",
        shape=f"n={n} d={d}",
        dtype=str(x.dtype),
        output=output,
        least=least,
        sides={"widelearn": timed(ours), "NumPy matmul": timed(lambda: np.matmul(x, other.T, out=product_out))},
        ratio=lambda times: times["NumPy matmul"] / 2 / times["widelearn"],
        difference=lambda: largest_difference(ours(), formula(x)),
        tolerance=TOLERANCE[str(x.dtype)],
        flops=n * n * d,
        bytes=n * n * x.itemsize,
    )


def into(kernel: wl.kernels.RBF, x: Array, out: Array) -> Array:
    """Assemble a Gram matrix into memory that exists."""
    _core.gram(kernel.spec(x.shape[1]), x, None, out)
    return out


def rbf_formula(x: Array) -> Array:
    squares = np.einsum("ij,ij->i", x, x)
    return np.exp(-0.5 * np.maximum(squares[:, None] + squares - 2 * (x @ x.T), 0))


def ntk_formula(x: Array) -> Array:
    """One hidden relu layer: nngp + t0 · kappa0, with t0 = x.x'/d."""
    inner = x @ x.T / x.shape[1]
    norms = np.sqrt(np.diag(inner))
    cosine = np.clip(inner / np.outer(norms, norms), -1, 1)
    angle = np.arccos(cosine)
    nngp = np.outer(norms, norms) * (np.sqrt(1 - cosine**2) + (np.pi - angle) * cosine) / (2 * np.pi)
    return nngp + inner * (np.pi - angle) / (2 * np.pi)


def product(x: Array) -> Job:
    """K V with eight right-hand sides; the memory is that of a process of its own."""
    n, d = x.shape
    kernel = wl.kernels.RBF(gamma=0.5)
    v = np.random.default_rng(1).standard_normal((n, 8))

    def difference() -> float:
        ours, theirs = kernel.dot(x, x, v), block_product(x, v)
        return float(np.abs(ours - theirs).max() / np.abs(theirs).max())

    return Job(
        name="RBF K V without K",
        shape=f"n={n} d={d} right-hand sides=8",
        dtype="float64",
        least=6.0,
        sides={
            "widelearn": timed(lambda: kernel.dot(x, x, v)),
            "NumPy, K in blocks": timed(lambda: block_product(x, v)),
        },
        difference=difference,
        tolerance=1e-12,
        flops=n * n * d,
        notes=lambda: {"peak_MB": peak_megabytes(n, d)},
        most={"peak_MB": 100.0},
    )


def block_product(x: Array, v: Array, rows: int = 1000) -> Array:
    squares = np.einsum("ij,ij->i", x, x)
    out = np.empty_like(v)
    for start in range(0, len(x), rows):
        part = slice(start, start + rows)
        block = x[part] @ x.T
        block *= -2
        block += squares
        block += squares[part, None]
        block *= -0.5
        np.exp(block, out=block)
        np.matmul(block, v, out=out[part])
    return out


# VmHWM, because ru_maxrss starts from the parent's.
PEAK = """
import sys
import numpy as np
import widelearn as wl

def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))

wl.set_num_threads(int(sys.argv[3]))
x = np.random.default_rng(0).standard_normal((int(sys.argv[1]), int(sys.argv[2])))
v = np.ones((len(x), 8))
kernel = wl.kernels.RBF(gamma=0.5)
kernel.dot(x[:100], x[:100], v[:100])
before = peak()
kernel.dot(x, x, v)
print((peak() - before) / 1024)
"""


def peak_megabytes(n: int, d: int) -> float:
    """Return what one product adds to the peak memory of a fresh process."""
    arguments = [sys.executable, "-c", PEAK, str(n), str(d), str(wl.get_num_threads())]
    return float(subprocess.run(arguments, check=True, capture_output=True, text=True).stdout)
