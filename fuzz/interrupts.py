"""How long calls of every kind take to answer Ctrl-C, and how long they keep other threads of Python waiting.

``python -m fuzz.interrupts`` prints a table, on a quiet machine; the exit code is 1 if a kind answers after 200 ms.
"""

import argparse
import json
import signal
import statistics
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable

import numpy as np

import widelearn as wl
from widelearn import datasets, ridge, theory
from widelearn.kernels import NTK, RBF, FiniteNTK
from widelearn.ridge.blas import times

Call = Callable[[], object]

# Seconds that a call runs before the signal, and that other threads sleep between two looks at the clock.
BEFORE, TICK = 0.3, 0.005
# Seconds that an answer may take.
LAW = 0.2


def rows(n: int, d: int) -> np.ndarray:
    """Return normal rows."""
    return np.random.default_rng(0).standard_normal((n, d))


def targets(X: np.ndarray) -> np.ndarray:
    """Return a function of rows."""
    return X[:, 0] * X[:, 1] + np.sin(X[:, 2])


def gram() -> Call:
    """Make a kernel matrix."""
    X = rows(12_000, 30)
    return lambda: NTK(20)(X)


def product() -> Call:
    """Multiply by a kernel matrix that is never formed."""
    X = rows(12_000, 30)
    return lambda: NTK(20).dot(X, None, np.ones((len(X), 3)))


def features() -> Call:
    """Make random features."""
    X, F = rows(40_000, 200), wl.RandomFeatures(2000, random_state=0)
    return lambda: [F.fit_transform(X[:10_000]) for _ in range(100)]


def moments() -> Call:
    """Sum moments of features."""
    X = rows(100_000, 30)
    return lambda: wl.FeatureRidge(wl.RandomFeatures(3000, random_state=0)).fit(X, targets(X))


def cholesky() -> Call:
    """Solve a dense system by its Cholesky factor."""
    K = RBF()(rows(4000, 20))
    return lambda: [ridge.solve(K, np.ones(len(K)), 1e-3, kind="kernel") for _ in range(50)]


def eigen_features() -> Call:
    """Leave rows out by the eigenvectors of moments."""
    X = rows(6000, 20)
    return lambda: wl.FeatureRidgeCV(wl.RandomFeatures(2600, random_state=0)).fit(X, targets(X))


def eigen_kernel() -> Call:
    """Leave rows out by the eigenvectors of a kernel matrix."""
    X = rows(3000, 20)
    return lambda: wl.KernelRidgeCV(RBF()).fit(X, targets(X))


def gcv() -> Call:
    """Cross-validate by a tridiagonal form."""
    K = RBF()(rows(3600, 20))
    return lambda: [ridge.gcv(K, np.ones(len(K)), [1e-3, 1.0], kind="kernel") for _ in range(20)]


def ldlt() -> Call:
    """Solve a system that is not definite."""
    K = RBF()(rows(3000, 20)) - 0.3 * np.eye(3000)

    def call() -> None:
        with warnings.catch_warnings(action="ignore"):
            for _ in range(50):
                ridge.solve(K, np.ones(len(K)), 1e-3, kind="kernel")

    return call


def pcg() -> Call:
    """Take conjugate gradients."""
    X = rows(6000, 10)
    return lambda: ridge.pcg(RBF().operator(X), targets(X), 1e-9, rank=50, tol=1e-14, max_iter=10**6)


def nystrom() -> Call:
    """Choose centres of Nystrom features."""
    X = rows(20_000, 20)
    return lambda: wl.NystromFeatures(RBF(), 4000, random_state=0).fit(X)


def two_layer() -> Call:
    """Train a two-layer net."""
    X = rows(5000, 20)
    return lambda: wl.TwoLayerRegressor(2000, max_iter=10**5, tol=None, random_state=0).fit(X, targets(X))


def taylor() -> Call:
    """Train a Taylor expansion."""
    X = rows(5000, 20)
    return lambda: wl.TaylorRegressor(width=500, max_iter=10**5, tol=1e-15, random_state=0).fit(X, targets(X))


def taylorised() -> Call:
    """Train Taylor terms of the default model, again and again."""
    X = rows(3000, 60)
    return lambda: [wl.TaylorizedRidge(order=2, alpha=1e-6).fit(X, targets(X)) for _ in range(100)]


def representation() -> Call:
    """Whiten random neurons."""
    X = rows(20_000, 60)
    return lambda: [wl.NeuralRepresentation(2000, random_state=0).fit(X, targets(X)) for _ in range(20)]


def flow() -> Call:
    """Choose the time of a flow."""
    X = rows(4000, 20)
    return lambda: wl.GradientFlowRegressor().fit(X, targets(X))


def recursive() -> Call:
    """Learn metrics from gradients."""
    X = rows(3000, 100)
    return lambda: wl.RecursiveFeatureMachine(random_state=0).fit(X, targets(X))


def of_python() -> Call:
    """Fit with a kernel that is a function of Python."""
    X = rows(8000, 20)
    return lambda: wl.KernelRidge(lambda a, b: np.exp(-np.abs(a @ b.T)), alpha=1.0).fit(X, targets(X))


def stored_product() -> Call:
    """Multiply matrices that are kept."""
    A = np.random.default_rng(0).standard_normal((5000, 5000))
    return lambda: [times(A, A) for _ in range(9)]


def of_activation() -> Call:
    """Make a deep kernel of an activation that is a function of Python."""
    X = rows(4000, 20)
    return lambda: NTK(20, activation=(np.tanh, lambda t: 1.0 / np.cosh(t) ** 2))(X)


def deep() -> Call:
    """Take rows through many layers."""
    X = rows(600, 5)
    return lambda: [NTK(1000, activation=name)(X) for name in ("relu", "erf", "tanh") * 20]


def wide() -> Call:
    """Take a few rows to many neurons."""
    X = rows(100, 5)
    return lambda: [FiniteNTK(1_000_000, activation=name)(X) for name in ("relu", "tanh") * 50]


def data() -> Call:
    """Draw problems."""
    return lambda: [datasets.sphere(200_000, 50, random_state=seed) for seed in range(100)]


def theory_of() -> Call:
    """Foretell learning curves."""
    spectrum = np.arange(1, 20_001, dtype=float) ** -1.5
    return lambda: [theory.learnability(spectrum, np.arange(10, 2000), 1e-6) for _ in range(1000)]


def blocks() -> Call:
    """Fit to blocks of rows, one after the other."""
    X = rows(2000, 30)

    def parts() -> object:
        return ((X, targets(X)) for _ in range(500))

    return lambda: wl.FeatureRidge(wl.RandomFeatures(2000, random_state=0)).fit_blocks(parts())


KINDS: dict[str, Callable[[], Call]] = {
    "kernel matrix": gram,
    "kernel product": product,
    "random features": features,
    "moments": moments,
    "deep kernel": deep,
    "wide kernel": wide,
    "kernel in Python": of_python,
    "stored product": stored_product,
    "activation in Python": of_activation,
    "conjugate gradients": pcg,
    "Nystrom centres": nystrom,
    "two-layer net": two_layer,
    "Taylor expansion": taylor,
    "taylorised model": taylorised,
    "representation": representation,
    "flow": flow,
    "recursive features": recursive,
    "blocks of rows": blocks,
    "data set": data,
    "theory": theory_of,
    "Cholesky": cholesky,
    "GCV, tridiagonal": gcv,
    "LDL': not definite": ldlt,
    "eigenvectors, features": eigen_features,
    "eigenvectors, kernel": eigen_kernel,
}


def interrupted(call: Call) -> tuple[float, float]:
    """Return the seconds from a signal to KeyboardInterrupt, and the longest that another thread had to wait."""
    done, ticks = threading.Event(), [time.perf_counter()]

    def tick() -> None:
        while not done.is_set():
            time.sleep(TICK)
            ticks.append(time.perf_counter())

    thread = threading.Thread(target=tick, daemon=True)
    # The system's timer, for a thread of Python would have to wait for the interpreter too.
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    thread.start()
    start = time.perf_counter()
    try:
        signal.setitimer(signal.ITIMER_REAL, BEFORE)
        call()
        answer = float("nan")
    except KeyboardInterrupt:
        answer = time.perf_counter() - start - BEFORE
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
        done.set()
    ticks.append(time.perf_counter())
    return answer, float(np.diff(ticks).max())


def measured(kind: str, tries: int) -> list[tuple[float, float]]:
    """Return what :func:`interrupted` does for some tries of a kind, each in a process of its own."""
    code = "import json; from fuzz.interrupts import KINDS, interrupted;"
    code += f"print(json.dumps(interrupted(KINDS[{kind!r}]())))"
    out = (subprocess.check_output([sys.executable, "-c", code], timeout=120) for _ in range(tries))
    return [tuple(json.loads(text)) for text in out]


def main() -> int:
    """Print a table of all kinds, or of one; the exit code is 1 if an answer came late, or the call was over before."""
    parser = argparse.ArgumentParser(prog="python -m fuzz.interrupts", description=__doc__)
    parser.add_argument("--tries", type=int, default=3)
    parser.add_argument("--kind", choices=list(KINDS), action="append")
    chosen, late = parser.parse_args(), 0
    print(f"{'kind of call':<24} {'answer, ms':>12} {'others wait, ms':>16}   (medians of {chosen.tries} tries)")
    for kind in chosen.kind or KINDS:
        found = measured(kind, chosen.tries)
        answer, gap = (1e3 * statistics.median(values) for values in zip(*found, strict=True))
        print(f"{kind:<24} {answer:>12.0f} {gap:>16.0f}", flush=True)
        late += not answer <= 1e3 * LAW
    return int(late > 0)


if __name__ == "__main__":
    sys.exit(main())
