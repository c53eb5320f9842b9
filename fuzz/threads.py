"""Fits of many threads at once: results have the bits of one thread's, and the settings of threads stay as they were.

``python -m fuzz.threads --rounds 200`` lets 8 threads fit estimators of all kinds at once, round after round, and
prints which fit differed, or what setting changed; the exit code is 1 then.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import threadpoolctl

import widelearn as wl
from widelearn.kernels import NTK
from widelearn.runtime import Array

Fit = Callable[[Array, Array], Array]

THREADS = 8
FITS: dict[str, Fit] = {
    "recursive": lambda X, y: wl.RecursiveFeatureMachine(n_iter=2).fit(X, y).dual_coef_,
    "taylor": lambda X, y: wl.TaylorRegressor(width=16, max_iter=5, random_state=0).fit(X, y).predict(X),
    "two layers": lambda X, y: wl.TwoLayerRegressor(width=16, max_iter=3, random_state=0).fit(X, y).predict(X),
    "taylorised": lambda X, y: wl.TaylorizedRidge(order=2, max_iter=3).fit(X, y).predict(X),
    "flow": lambda X, y: wl.GradientFlowRegressor().fit(X, y).predict(X),
    "representation": lambda X, y: wl.NeuralRepresentation(16, random_state=0).fit(X, y).transform(X),
    "deep kernel": lambda X, y: wl.KernelRidge(NTK(2, activation="tanh")).fit(X, y).dual_coef_,
    "kernel cv": lambda X, y: wl.KernelRidgeCV(alphas=(0.1, 1.0)).fit(X, y).dual_coef_,
    "features cv": lambda X, y: wl.FeatureRidgeCV(wl.RandomFeatures(64, random_state=0)).fit(X, y).coef_,
    "nystrom": lambda X, y: wl.FeatureRidge(wl.NystromFeatures("rbf", 20, random_state=0)).fit(X, y).coef_,
    "pcg": lambda X, y: wl.KernelRidge(alpha=0.1, solver="pcg").fit(X, y).dual_coef_,
}


def settings() -> Any:
    """Return how many threads there are of every kind."""
    return wl.get_num_threads(), threadpoolctl.threadpool_info()


def rounds(number: int, seed: int) -> list[str]:
    """Return what went wrong in so many rounds, in each of which all threads begin a fit at one moment."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((80, 4))
    y, names = X[:, 0] * X[:, 1], list(FITS)
    wanted = {name: FITS[name](X, y).tobytes() for name in names}
    before, wrong, gate = settings(), [], threading.Barrier(THREADS)

    def fit(name: str) -> bool:
        gate.wait()
        return FITS[name](X, y).tobytes() == wanted[name]

    with ThreadPoolExecutor(THREADS) as pool:
        for turn in range(number):
            chosen = [names[at] for at in rng.integers(len(names), size=THREADS)]
            same = pool.map(fit, chosen)
            wrong += [f"round {turn}: {name}: other bits" for name, well in zip(chosen, same, strict=True) if not well]
            if settings() != before:
                wrong.append(f"round {turn}: {', '.join(chosen)}: {settings()} in place of {before}")
    return wrong


def main() -> int:
    """Print what went wrong."""
    parser = argparse.ArgumentParser(prog="python -m fuzz.threads", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200, metavar="N", help="how many rounds (200)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="seed of rows and of what is fitted (0)")
    options, start = parser.parse_args(), time.perf_counter()
    warnings.simplefilter("ignore")
    wrong = rounds(options.rounds, options.seed)
    print(*wrong, sep="\n", end="\n" * bool(wrong))
    seconds = time.perf_counter() - start
    print(f"{options.rounds} rounds of {THREADS} threads, seed {options.seed}: {len(wrong)} faults, {seconds:.0f} s")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
