"""Sparse rows of many columns beside RidgeClassifier(solver="sparse_cg"), which stops at its own tolerance of 1e-4."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.linear_model import RidgeClassifier

import widelearn as wl
from benches.job import Job, timed
from benches.watch import Watch

MEGABYTE = 1 << 20
OURS, LOST = "MB of widelearn over the data", "accuracy that widelearn lacks"


def jobs(quick: bool) -> Iterator[Job]:
    """Every job of sparse rows."""
    for n, classes in ((3000, 2), (3000, 20), (16_000, 2), (16_000, 5), (16_000, 20)):
        yield classified(n, None, classes, quick)
    for n, density, classes in ((3000, 0.01, 2), (16_000, 0.001, 5), (16_000, 0.01, 2)):
        yield classified(n, density, classes, quick)


def places(rng: np.random.Generator, n: int, p: int, density: float | None) -> Any:
    """Draw columns: a hundred a row, rare ones and common ones, or as many as the density says, all as often."""
    if density is None:
        return (p * rng.random((n, 100)) ** 3).astype(np.int32)
    return rng.integers(0, p, (n, int(p * density)), dtype=np.int32)


def classified(n: int, density: float | None, classes: int, quick: bool) -> Job:
    """Classes of rows, half as many new ones, and what both models and their fits are."""
    n, p = (n // 10, 2000) if quick else (n, 50_000)
    rng = np.random.default_rng(0)
    rows = n + n // 2
    drawn = places(rng, rows, p, density)
    X = csr_matrix((rng.random(drawn.size), drawn.ravel(), np.arange(rows + 1) * drawn.shape[1]), (rows, p))
    X.sum_duplicates()
    y = (X @ rng.standard_normal((p, classes))).argmax(axis=1)
    X, fresh, y, fresh_y = X[:n], X[n:], y[:n], y[n:]
    ours, theirs = wl.FeatureRidgeClassifier("passthrough"), RidgeClassifier(solver="sparse_cg")
    held: dict[str, float] = {}

    def difference() -> float:
        for side, model in (("widelearn", ours), ("RidgeClassifier", theirs)):
            model.fit(X[:100], y[:100])
            with Watch() as watch:
                model.fit(X, y)
            held[f"MB of {side} over the data"] = watch.most / MEGABYTE
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
