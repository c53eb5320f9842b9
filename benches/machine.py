"""The machine in this run: rates of matmul and copy, versions, threads."""

import os
import platform
import time
from importlib import metadata

import numpy as np
import threadpoolctl

import widelearn as wl
from benches.job import PAUSE
from widelearn import _core


def matmul_rate(dtype: str, n: int, rounds: int = 5) -> float:
    """NumPy's best n x n x n product into touched memory, flops a second."""
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((n, n)).astype(dtype) for _ in range(2))
    return 2 * n**3 / fastest(lambda out: np.matmul(a, b, out=out), np.ones_like(a), rounds)


def copy_rate(size: int, rounds: int = 5) -> float:
    """NumPy's best copy between two touched blocks, bytes read and written a second."""
    block = np.ones(size // 8)
    return 2 * size / fastest(lambda out: np.copyto(out, block), np.ones_like(block), rounds)


def fastest(run, out, rounds):
    best = np.inf
    for _ in range(rounds):
        time.sleep(PAUSE)
        start = time.perf_counter()
        run(out)
        best = min(best, time.perf_counter() - start)
    return best


def cpu() -> str:
    """Name the processor, where Linux does."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def touch(size: int) -> None:
    """Write to `size` bytes once: pages that the host has reclaimed are slow on their first touch."""
    np.empty(size // 8).fill(0.0)


def describe(threads: int, quick: bool) -> dict[str, object]:
    """Measure the rates and name what produced them."""
    n = 256 if quick else 2048
    size = 2**22 if quick else 2**28
    packages = ("numpy", "scipy", "scikit-learn")
    return {
        "versions": {
            "widelearn": wl.__version__,
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in packages},
        },
        "blas": [f"{pool['internal_api']} {pool['version']}" for pool in threadpoolctl.threadpool_info()],
        "simd": _core.simd(),
        "cpu": cpu(),
        "threads": threads,
        "cpus": len(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0],
        "matmul_flop_s": {dtype: matmul_rate(dtype, n) for dtype in ("float64", "float32")},
        "copy_byte_s": copy_rate(size),
    }
