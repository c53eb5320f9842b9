"""The gain of a second thread, beside its gain for NumPy's matmul in the same run."""

from collections.abc import Iterator

import numpy as np
import threadpoolctl

import widelearn as wl
from benches.job import Job, Side, gaussian, timed


def jobs(quick: bool) -> Iterator[Job]:
    """Grams bound by matmul (d = 512) and by memory (d = 20)."""
    for name, kernel in (("RBF", wl.kernels.RBF(gamma=0.5)), ("NTK", wl.kernels.NTK(depth=1))):
        yield scaling(name, kernel, gaussian(200 if quick else 6000, 512, "float64"), 0.9)
        yield scaling(name, kernel, gaussian(200 if quick else 4000, 20, "float64"), 0.8)


def scaling(name: str, kernel: wl.kernels.RBF, x: np.ndarray, least: float) -> Job:
    n, d = x.shape
    square = np.random.default_rng(2).standard_normal((min(n, 2048), min(n, 2048)))
    out = np.zeros_like(square)

    def ours(threads: int) -> Side:
        return with_threads(threads, timed(lambda: kernel(x)))

    def theirs(threads: int) -> Side:
        return with_threads(threads, timed(lambda: np.matmul(square, square, out=out)))

    def difference() -> float:
        results = []
        for threads in (1, 2):
            with_threads(threads, lambda: results.append(kernel(x)) or 0.0)()
        return float(np.abs(results[0] - results[1]).max())

    return Job(
        name=f"{name} Gram, 1 to 2 threads",
        shape=f"n={n} d={d}",
        dtype="float64",
        least=least,
        sides={"widelearn, 2": ours(2), "widelearn, 1": ours(1), "matmul, 2": theirs(2), "matmul, 1": theirs(1)},
        ratio=lambda t: (t["widelearn, 1"] / t["widelearn, 2"]) / (t["matmul, 1"] / t["matmul, 2"]),
        difference=difference,
        tolerance=0.0,
        flops=n * n * d,
        bytes=n * n * x.itemsize,
    )


def with_threads(threads: int, side: Side) -> Side:
    """Set the threads of widelearn and BLAS before the clock starts, and restore them afterwards."""

    def run() -> float:
        before = wl.get_num_threads()
        wl.set_num_threads(threads)
        try:
            with threadpoolctl.threadpool_limits(threads, user_api="blas"):
                return side()
        finally:
            wl.set_num_threads(before)

    return run
