"""Small jobs beside scikit-learn: predictions of few rows, fits of few rows, many of them in a search."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.kernel_approximation import RBFSampler
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import widelearn as wl
from benches.job import Job, gaussian, timed
from widelearn.kernels import RBF

Array = NDArray[np.floating]
# Calls that are timed together.
CALLS = 50
ALPHAS = np.logspace(-3, 3, 10)


def jobs(quick: bool) -> Iterator[Job]:
    """Every job of few rows."""
    n, p = (300, 64) if quick else (6000, 4096)
    for d, least in ((784, 2.0), (20, 1.5)):
        for rows in (1, 100):
            yield features(n, d, p, rows, least if rows == 1 else 1.0)
    for dtype in ("float32", "float64"):
        for rows, least in ((1, 3.0), (100, 1.0)):
            yield kernel(300 if quick else 5000, rows, dtype, least)
    yield from fits(40 if quick else 100)
    for n_jobs in (1, 2):
        yield from searches(40 if quick else 100, n_jobs)


def several(run: Callable[[], object], calls: int) -> Callable[[], float]:
    """Return the mean time of some calls."""

    def side() -> float:
        return timed(lambda: [run() for _ in range(calls)])() / calls

    return side


def job(name: str, shape: str, sides: dict[str, Callable[[], Any]], calls: int = CALLS, **more: Any) -> Job:
    clocks = {side: several(run, calls) for side, run in sides.items()}
    return Job(name=name, shape=shape, sides=clocks, **more)


def relative(ours: Any, theirs: Any) -> float:
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def problem(n: int, d: int, dtype: str = "float64") -> tuple[Array, Array]:
    x = gaussian(n, d, dtype)
    return x, np.sin(3 * x[:, 0]) + x[:, 1].astype(dtype)


def features(n: int, d: int, p: int, rows: int, least: float) -> Job:
    """Random Fourier features; the peer draws its own, so ours are held to the formula at their frequencies."""
    x, y = problem(n, d, "float32")
    ours = wl.FeatureRidge(wl.FourierFeatures(RBF(0.5), p, random_state=0)).fit(x, y)
    theirs = make_pipeline(RBFSampler(gamma=0.5, n_components=p, random_state=0), Ridge()).fit(x, y)
    few = x[:rows].copy()
    angles = few.astype(float) @ ours.features_.directions().T
    wanted = np.sqrt(2 / p) * np.hstack([np.sin(angles), np.cos(angles)]) @ ours.coef_ + ours.intercept_
    return job(
        f"FeatureRidge, {rows} {'row' if rows == 1 else 'rows'}",
        f"d={d} features={p}",
        {"widelearn": lambda: ours.predict(few), "RBFSampler + Ridge": lambda: theirs.predict(few)},
        dtype="float32",
        least=least,
        difference=lambda: relative(ours.predict(few), wanted),
        tolerance=1e-3,
        flops=rows * p * (d + 4),
    )


def kernel(n: int, rows: int, dtype: str, least: float) -> Job:
    x, y = problem(n, 20, dtype)
    # Both by a factor: the automatic solver iterates here, to its own tolerance of 1e-8.
    ours = wl.KernelRidge(RBF(0.5), 0.1, solver="cholesky", fit_intercept=False)
    theirs = KernelRidge(alpha=0.1, kernel="rbf", gamma=0.5)
    ours.fit(x, y), theirs.fit(x, y)
    few = x[:rows] + np.array(0.1, dtype)
    return job(
        f"KernelRidge, {rows} {'row' if rows == 1 else 'rows'}",
        f"n={n} d=20",
        {"widelearn": lambda: ours.predict(few), "scikit-learn": lambda: theirs.predict(few)},
        dtype=dtype,
        least=least,
        difference=lambda: relative(ours.predict(few), theirs.predict(few)),
        tolerance=1e-9 if dtype == "float64" else 1e-2,
        flops=rows * n * 60,
    )


def fits(n: int) -> Iterator[Job]:
    """Fits with the predictions of the same rows; on its own Fourier features a side is held to Ridge on the same."""
    x, y = problem(n, 10)
    fourier, sampler = (
        wl.FourierFeatures(RBF(0.5), n, random_state=0),
        RBFSampler(gamma=0.5, n_components=n, random_state=0),
    )
    search = GridSearchCV(KernelRidge(kernel="rbf", gamma=0.5), {"alpha": ALPHAS})
    pairs: list[tuple[str, Any, Any, float]] = [
        ("KernelRidge", wl.KernelRidge(RBF(0.5), fit_intercept=False), KernelRidge(kernel="rbf", gamma=0.5), 1e-10),
        ("FeatureRidge, rows themselves", wl.FeatureRidge("passthrough"), Ridge(), 1e-10),
        ("FeatureRidge, Fourier", wl.FeatureRidge(fourier), make_pipeline(sampler, Ridge()), 1e-9),
        ("FeatureRidgeCV, rows themselves", wl.FeatureRidgeCV("passthrough", ALPHAS), RidgeCV(ALPHAS), 1e-9),
        ("KernelRidgeCV", wl.KernelRidgeCV(RBF(0.5), ALPHAS, cv=5, fit_intercept=False), search, 1e-9),
    ]
    for name, ours, theirs, tolerance in pairs:
        witness = make_pipeline(fourier, Ridge()) if name.endswith("Fourier") else theirs
        yield job(
            f"small fit and prediction, {name}",
            f"n={n} d=10",
            {
                "widelearn": lambda ours=ours: ours.fit(x, y).predict(x),
                "scikit-learn": lambda theirs=theirs: theirs.fit(x, y).predict(x),
            },
            calls=4 if theirs is search else CALLS,
            dtype="float64",
            least=1.2,
            difference=lambda ours=ours, other=witness: relative(ours.fit(x, y).predict(x), other.fit(x, y).predict(x)),
            tolerance=tolerance,
        )


def searches(n: int, n_jobs: int) -> Iterator[Job]:
    """GridSearchCV of 50 fits."""
    x, y = problem(n, 10)
    pairs: list[tuple[str, Any, Any]] = [
        ("KernelRidge", wl.KernelRidge(RBF(0.5), fit_intercept=False), KernelRidge(kernel="rbf", gamma=0.5)),
        ("FeatureRidge, rows themselves", wl.FeatureRidge("passthrough"), Ridge()),
    ]
    for name, *models in pairs:
        ours, theirs = (GridSearchCV(model, {"alpha": ALPHAS}, n_jobs=n_jobs) for model in models)

        def difference(ours: Any = ours, theirs: Any = theirs) -> float:
            scores = [search.fit(x, y).cv_results_["mean_test_score"] for search in (ours, theirs)]
            return relative(*scores)

        yield job(
            f"GridSearchCV, {name}",
            f"n={n} d=10 n_jobs={n_jobs}",
            {"widelearn": lambda ours=ours: ours.fit(x, y), "scikit-learn": lambda theirs=theirs: theirs.fit(x, y)},
            calls=1,
            dtype="float64",
            least=1.2,
            difference=difference,
            tolerance=1e-9,
        )
