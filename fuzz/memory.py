"""The memory limit: what calls of growing sizes hold at their peak, beside what the user allows.

``python -m fuzz.memory --limit 64`` makes every call below in one process under ``WIDELEARN_MAX_MEMORY``, at sizes that
double until it is refused. A call may hold the limit and 32 MiB, or end in MemoryError. One line a call; the exit code
is 1 if one holds more. Linux alone says what the peak of a part of a process was.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse

import widelearn as wl
from widelearn import datasets, nets, ridge
from widelearn.kernels import NTK, RBF, FiniteNTK

ALLOWED, MIB = 32, 1 << 20
RNG = np.random.default_rng(0)


def rows(n: int, d: int = 20) -> Any:
    """Return rows of normals."""
    return RNG.standard_normal((n, d))


def few(n: int = 300) -> tuple[Any, Any]:
    """Return some rows and their targets, small beside any limit."""
    X = rows(n)
    return X, X[:, 0]


def net(m: int) -> nets.TwoLayer:
    """Return a net of m neurons."""
    return nets.TwoLayer(rows(m), np.zeros(m), np.ones((m, 1)), "relu")


# Name -> what makes the arguments of a size, which are the caller's, and the call itself.
JOBS: dict[str, tuple[Callable[[int], Any], Callable[..., Any]]] = {
    "kernel": (lambda k: (rows(k),), NTK()),
    "kernel.dot": (lambda k: (rows(16 * k), rows(k), np.ones((k, 9))), lambda X, Y, V: RBF().dot(X, Y, V)),
    "FiniteNTK": (lambda k: (rows(300), 64 * k), lambda X, m: FiniteNTK(m)(X)),
    "RandomFeatures.transform": (
        lambda k: (rows(500), k), lambda X, p: wl.RandomFeatures(p, random_state=0).fit_transform(X)
    ),
    "RandomFeatures of one row": (
        lambda k: (rows(1), 100 * k), lambda X, p: wl.RandomFeatures(p, random_state=0).fit_transform(X)
    ),
    "RandomFeatures.dot": (
        lambda k: (few()[0], 50 * k),
        lambda X, p: wl.RandomFeatures(p, random_state=0).fit(X).dot(X, np.ones(p)),
    ),
    "hadamard": (
        lambda k: (few()[0], 50 * k),
        lambda X, p: wl.RandomFeatures(p, weights="hadamard", random_state=0).fit(X).transform(X[:2]),
    ),
    "directions": (
        lambda k: (few()[0], 50 * k), lambda X, p: wl.FourierFeatures(n_components=p).fit(X).directions()
    ),
    "sparse": (
        lambda k: (scipy.sparse.random(50, 100 * k, 1e-3, "csr", random_state=0),),
        lambda X: wl.RandomFeatures(200, random_state=0).fit_transform(X),
    ),
    "NystromFeatures": (
        lambda k: (rows(2 * k), k), lambda X, p: wl.NystromFeatures(n_components=p, random_state=0).fit_transform(X)
    ),
    "NeuralRepresentation": (
        lambda k: (rows(2 * k), k),
        lambda X, p: wl.NeuralRepresentation(p, random_state=0).fit_transform(X),
    ),
    "FeatureRidge": (
        lambda k: (*few(2000), k), lambda X, y, p: wl.FeatureRidge(wl.RandomFeatures(p)).fit(X, y).predict(X)
    ),
    "FeatureRidgeCV": (
        lambda k: (*few(2000), k // 2), lambda X, y, p: wl.FeatureRidgeCV(wl.RandomFeatures(p)).fit(X, y)
    ),
    "KernelRidge": (lambda k: few(k), lambda X, y: wl.KernelRidge(solver="cholesky").fit(X, y).predict(X)),
    "KernelRidgeCV": (lambda k: few(k // 2), lambda X, y: wl.KernelRidgeCV(alphas=(0.1, 1.0)).fit(X, y)),
    "TwoLayerRegressor": (
        lambda k: (*few(), 100 * k), lambda X, y, m: wl.TwoLayerRegressor(m, max_iter=1, tol=None).fit(X, y)
    ),
    "TaylorRegressor": (
        lambda k: (*few(), 20 * k), lambda X, y, m: wl.TaylorRegressor(width=m, max_iter=1, init="random").fit(X, y)
    ),
    "RecursiveFeatureMachine": (
        lambda k: (rows(60, k), RNG.standard_normal(60)),
        lambda X, y: wl.RecursiveFeatureMachine(n_iter=1).fit(X, y),
    ),
    "nets.hidden": (lambda k: (rows(k), net(1000)), lambda X, net: net.hidden(X)),
    "nets.tangent_kernel": (lambda k: (rows(k), net(1000)), lambda X, net: net.tangent_kernel(X)),
    "ridge.solve": (lambda k: (rows(2000, k), np.ones(2000)), lambda Z, y: ridge.solve(Z, y, 1.0)),
    "ridge.path": (lambda k: (rows(2000, k // 2), np.ones(2000)), lambda Z, y: ridge.path(Z, y, (0.1, 1.0))),
    "ridge.loo": (lambda k: (rows(2000, k // 2), np.ones(2000)), lambda Z, y: ridge.loo(Z, y, (0.1, 1.0))),
    "ridge.solve of a kernel": (
        lambda k: (np.eye(k), np.ones(k)), lambda K, y: ridge.solve(K, y, 1.0, kind="kernel")
    ),
    "ridge.gcv of a kernel": (
        lambda k: (np.eye(k), np.ones(k)), lambda K, y: ridge.gcv(K, y, (0.1, 1.0), kind="kernel")
    ),
    "ridge.pcg": (lambda k: (NTK().operator(rows(k)), np.ones(k)), lambda K, y: ridge.pcg(K, y, 1.0, max_iter=2)),
    "rp_cholesky": (lambda k: (NTK().operator(rows(4 * k)), k), lambda K, rank: ridge.rp_cholesky(K, rank)),
    "Moments": (lambda k: (rows(300, k),), lambda Z: ridge.Moments(Z.shape[1], 1).update(Z, Z[:, 0]).solve(1.0)),
    "FeatureRidge.predict": (
        lambda k: (wl.FeatureRidge(wl.RandomFeatures(200)).fit(*few()), rows(100 * k)),
        lambda model, X: model.predict(X),
    ),
    "FeatureRidge.predict, wide": (
        lambda k: (wl.FeatureRidge("passthrough").fit(rows(20, 20 * k), np.ones(20)), rows(20, 20 * k)),
        lambda model, X: model.predict(X),
    ),
    "KernelRidge.predict": (
        lambda k: (wl.KernelRidge().fit(*few()), rows(100 * k)), lambda model, X: model.predict(X)
    ),
    "TwoLayerRegressor.predict": (
        lambda k: (wl.TwoLayerRegressor(64, max_iter=1, tol=None).fit(*few()), rows(100 * k)),
        lambda model, X: model.predict(X),
    ),
    "TaylorRegressor.predict": (
        lambda k: (wl.TaylorRegressor(width=8, max_iter=1, init="random").fit(*few()), rows(100 * k)),
        lambda model, X: model.predict(X),
    ),
    "RecursiveFeatureMachine.gradient": (
        lambda k: (wl.RecursiveFeatureMachine(n_iter=1).fit(*few(60)), rows(100 * k)),
        lambda model, X: model.gradient(X),
    ),
    "sphere": (lambda k: (100 * k,), lambda n: datasets.sphere(n, 20)),
    "hypercube": (lambda k: (100 * k,), lambda n: datasets.hypercube(n, 20)),
    "parity": (lambda k: (100 * k,), lambda n: datasets.parity(n, 20, 3, "grouped")),
    "spiked": (lambda k: (k,), lambda d: datasets.spiked(10, d, 2)),
    "multi_index": (lambda k: (100 * k,), lambda n: datasets.multi_index(n, 20)),
    "gaussian_mixture": (lambda k: (100 * k,), lambda n: datasets.gaussian_mixture(n, 20)),
}  # fmt: skip


def status(name: str) -> int:
    """Return a number of bytes that the system keeps of this process."""
    found = re.search(rf"^{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"), re.MULTILINE)
    return 0 if found is None else int(found[1]) << 10


def peak(call: Callable[[], object]) -> tuple[int, bool, float]:
    """Return what a call held at its peak beyond what was held before, whether it was refused, and its seconds."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before, start, refused = status("VmRSS"), time.perf_counter(), False
    try:
        call()
    except MemoryError:
        refused = True
    return status("VmHWM") - before, refused, time.perf_counter() - start


def worst(name: str, limit: int, most: float) -> tuple[int, str]:
    """Make a call at sizes that double until it is refused or takes `most` seconds; return the highest peak."""
    make, call = JOBS[name]
    call(*make(64))
    highest, outcome = 0, "all sizes done"
    for k in (2**i for i in range(7, 22)):
        arguments = make(k)
        held, refused, seconds = peak(lambda arguments=arguments: call(*arguments))
        highest = max(highest, held)
        if refused or seconds > most or sum(getattr(a, "nbytes", 0) for a in arguments) > 8 * limit:
            outcome = f"refused at {k}" if refused else f"left at {k}"
            break
    return highest, outcome


def main() -> int:
    """Make the calls, print their peaks, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, default=64, help="WIDELEARN_MAX_MEMORY in MiB")
    parser.add_argument("--seconds", type=float, default=3.0, help="seconds of a call after which larger ones are left")
    parser.add_argument("names", nargs="*", help="calls, all if none is named")
    given = parser.parse_args()
    os.environ["WIDELEARN_MAX_MEMORY"] = f"{given.limit}M"
    warnings.simplefilter("ignore")
    failed = 0
    for name in given.names or JOBS:
        highest, outcome = worst(name, given.limit * MIB, given.seconds)
        over = highest > (given.limit + ALLOWED) * MIB
        failed += over
        print(f"{'OVER' if over else 'ok':5}{name:28}{highest / MIB:8.1f} MiB  {outcome}", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
