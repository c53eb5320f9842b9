"""Sparse rows of many columns beside RidgeClassifier(solver="sparse_cg"), which stops at its own tolerance of 1e-4."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.linear_model import RidgeClassifier

import widelearn as wl
from benches.job import Job, timed

MODELS: dict[str, Callable[[], Any]] = {
    "widelearn": lambda: wl.FeatureRidgeClassifier("passthrough"),
    "RidgeClassifier": lambda: RidgeClassifier(solver="sparse_cg"),
}
OURS, LOST = "MB of widelearn over the data", "accuracy that widelearn lacks"


def jobs(quick: bool) -> Iterator[Job]:
    """Every job of sparse rows."""
    words = ((3000, 2), (3000, 20), (16_000, 2), (16_000, 5), (16_000, 20))
    even = ((3000, 0.01, 2), (16_000, 0.001, 5), (16_000, 0.01, 2))
    # Each job starts two processes: of those alike but for their sizes, a quick run takes one.
    for n, classes in words[:2] if quick else words:
        yield classified(n, None, classes, quick)
    for n, density, classes in even[1:2] if quick else even:
        yield classified(n, density, classes, quick)


def places(rng: np.random.Generator, n: int, p: int, density: float | None) -> Any:
    """Draw columns: a hundred a row, rare ones and common ones, or as many as the density says, all as often."""
    if density is None:
        return (p * rng.random((n, 100)) ** 3).astype(np.int32)
    return rng.integers(0, p, (n, int(p * density)), dtype=np.int32)


def drawn(n: int, p: int, density: float | None, classes: int) -> tuple[csr_matrix, Any]:
    """Draw rows and their classes, the largest of some linear functions."""
    rng = np.random.default_rng(0)
    columns = places(rng, n, p, density)
    X = csr_matrix((rng.random(columns.size), columns.ravel(), np.arange(n + 1) * columns.shape[1]), (n, p))
    X.sum_duplicates()
    return X, (X @ rng.standard_normal((p, classes))).argmax(axis=1)


def classified(n: int, density: float | None, classes: int, quick: bool) -> Job:
    """Classes of rows, half as many new ones, and what both models and their fits are."""
    n, p = (n // 10, 2000) if quick else (n, 50_000)
    X, y = drawn(n + n // 2, p, density, classes)
    X, fresh, y, fresh_y = X[:n], X[n:], y[:n], y[n:]
    ours, theirs = (MODELS[side]() for side in MODELS)
    held: dict[str, float] = {}

    def difference() -> float:
        for side, model in zip(MODELS, (ours, theirs), strict=True):
            held[f"MB of {side} over the data"] = peak_megabytes(side, n, p, density, classes)
            model.fit(X, y)
            held[f"accuracy of {side}, new rows"] = model.score(fresh, fresh_y)
        held[LOST] = held["accuracy of RidgeClassifier, new rows"] - held["accuracy of widelearn, new rows"]
        return float(np.linalg.norm(ours.coef_ - theirs.coef_) / np.linalg.norm(ours.coef_))

    return Job(
        name=f"{'words' if density is None else 'sparse rows'}, {classes} classes",
        shape=f"n={n} d={p}, {X.nnz / n:.0f} values a row",
        dtype="float64",
        least=1.0,
        sides={
            "widelearn": timed(lambda: ours.fit(X, y)),
            "RidgeClassifier(sparse_cg)": timed(lambda: theirs.fit(X, y)),
        },
        # What the peer's tolerance leaves of its coefficients.
        difference=difference,
        tolerance=1e-3,
        notes=lambda: held,
        most={OURS: 50.0, LOST: 1e-3},
        rounds=7,
    )


# VmHWM of what comes after it is set back: drawing the rows held more than they do.
HELD = """
import sys

import widelearn as wl
from benches.sparse_rows import MODELS, drawn

def kilobytes(name):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name))

side, *numbers = sys.argv[1:]
n, p, density, classes, threads = (None if one == "None" else float(one) for one in numbers)
wl.set_num_threads(int(threads))
model = MODELS[side]()
model.fit(*drawn(50, 300, None, 3))
X, y = drawn(int(n), int(p), density, int(classes))
with open("/proc/self/clear_refs", "w") as stream:
    stream.write("5")
before = kilobytes("VmRSS")
model.fit(X, y)
print((kilobytes("VmHWM") - before) / 1024)
"""


def peak_megabytes(side: str, n: int, p: int, density: float | None, classes: int) -> float:
    """Return what a fit of a fresh process holds beside the rows, at most."""
    arguments = [sys.executable, "-c", HELD, side, *map(str, (n, p, density, classes, wl.get_num_threads()))]
    return float(subprocess.run(arguments, check=True, capture_output=True, text=True).stdout)
