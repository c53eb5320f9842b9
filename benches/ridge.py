"""Ridge solves beside SciPy and scikit-learn."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky
from sklearn.kernel_approximation import Nystroem, RBFSampler
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge, RidgeClassifierCV, RidgeCV
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import widelearn as wl
from benches.job import Job, gaussian, timed
from widelearn import NystromFeatures, _core
from widelearn.ridge.operators import cached

Array = NDArray[np.floating]
# Fits take seconds: fewer turns.
ROUNDS = 3


def jobs(quick: bool) -> Iterator[Job]:
    """Every ridge job."""
    for n in (200,) if quick else (4000, 8000):
        for dtype in ("float64", "float32"):
            yield factor(n, dtype)
    rows, components = (3000, 128) if quick else (50_000, 2048)
    for dtype, precision, least in (("float64", "auto", 2.4), ("float64", "mixed", 3.5), ("float32", "auto", 1.1)):
        yield features(rows, components, dtype, precision, least)
    yield path(*((300, 64) if quick else (6000, 2048)))
    for n, p in ((80, 400),) if quick else ((1000, 20_000), (5000, 10_000)):
        yield wide_classes(n, p)
    yield kernel_path(150 if quick else 3000)
    for alpha, least in ((1e-2, 4.0), (1e-1, 6.0)):
        yield gradients(400 if quick else 8000, alpha, least)
    for n in (200,) if quick else (2000, 3000, 4000, 8000):
        for d, alpha, dtype in (
            (5, 0.1, "float64"),
            (20, 0.1, "float32"),
            (20, 0.1, "float64"),
            (100, 1e-2, "float64"),
        ):
            yield automatic(n, d, alpha, dtype)
    yield nystrom(*((500, 40) if quick else (50_000, 1000)))


def factor(n: int, dtype: str) -> Job:
    """Cholesky in place of a fresh copy, whose time is not counted."""
    g = gaussian(n, n // 4, dtype)
    a = g @ g.T
    a[np.diag_indices(n)] += n

    def ours() -> Array:
        _core.cholesky(out)
        return np.tril(out)

    def theirs() -> Array:
        return cholesky(fortran, lower=True, overwrite_a=True, check_finite=False)

    out, fortran = a.copy(), np.asfortranarray(a)

    def reset(run: Callable[[], Array], to: Array) -> Callable[[], float]:
        def side() -> float:
            np.copyto(to, a)
            return timed(run)()

        return side

    def difference() -> float:
        np.copyto(out, a)
        np.copyto(fortran, a)
        return float(np.abs(ours() - theirs()).max() / np.abs(out).max())

    return Job(
        name="Cholesky",
        shape=f"n={n}",
        dtype=dtype,
        output="reused",
        least=0.95,
        sides={"widelearn": reset(lambda: _core.cholesky(out), out), "SciPy in place": reset(theirs, fortran)},
        difference=difference,
        tolerance=1e-10 if dtype == "float64" else 1e-3,
        flops=n**3 / 3,
        rounds=ROUNDS,
    )


def fits(
    name: str, shape: str, least: float, sides: Any, difference: Any, tolerance: float, flops: float, **more: Any
) -> Job:
    """Return a job of whole fits, ours and a peer's."""
    clocks = {side: timed(fit) for side, fit in sides.items()}
    more = {"dtype": "float64", "rounds": ROUNDS} | more | {"output": "fresh", "least": least, "flops": flops}
    return Job(name=name, shape=shape, sides=clocks, difference=difference, tolerance=tolerance, **more)


def features(n: int, p: int, dtype: str, precision: str, least: float) -> Job:
    """Ridge on random Fourier features; the peer draws others, so ours are held to a fit in double precision."""
    x = 8 * gaussian(n, 64, dtype)
    y = (np.sin(x[:, 0]) + x[:, 1] * x[:, 2]).astype(dtype)
    maps = wl.FourierFeatures(wl.kernels.RBF(1 / 128), n_components=p, random_state=0)
    ours, double = wl.FeatureRidge(maps, precision=precision), wl.FeatureRidge(maps)
    theirs = make_pipeline(RBFSampler(gamma=1 / 128, n_components=p, random_state=0), Ridge())

    @cache
    def wanted() -> Array:
        return np.asarray(double.fit(x.astype(np.float64), y).predict(x.astype(np.float64)))

    def difference() -> float:
        return float(np.abs(ours.fit(x, y).predict(x) - wanted()).max() / np.abs(wanted()).max())

    name, tolerance = "FeatureRidge" + (", mixed" if precision == "mixed" else ""), 1e-6 if dtype == "float64" else 1e-3
    sides = {"widelearn": lambda: ours.fit(x, y), "RBFSampler + Ridge": lambda: theirs.fit(x, y)}
    more: dict[str, Any] = {"dtype": dtype}
    if (dtype, precision) == ("float64", "auto"):
        more |= {"notes": lambda: {"peak_MB": peak_megabytes(n, p)}, "most": {"peak_MB": 300.0}}
    return fits(name, f"n={n} d=64 features={p}", least, sides, difference, tolerance, n * p * (p + 128), **more)


def path(n: int, p: int) -> Job:
    x = gaussian(n, p, "float64")
    y = x @ np.random.default_rng(1).standard_normal(p) / p**0.5 + np.random.default_rng(2).standard_normal(n)
    alphas = np.logspace(-3, 3, 13)
    ours = wl.FeatureRidgeCV("passthrough", alphas, store_cv_results=True)
    theirs = RidgeCV(alphas, store_cv_results=True)

    def difference() -> float:
        one, other = ours.fit(x, y), theirs.fit(x, y)
        gap = np.abs(one.cv_results_ - other.cv_results_).max() / np.abs(other.cv_results_).max()
        return float(gap if one.alpha_ == other.alpha_ else np.inf)

    sides = {"widelearn": lambda: ours.fit(x, y), "RidgeCV": lambda: theirs.fit(x, y)}
    return fits("FeatureRidgeCV", f"n={n} p={p} alphas=13", 5.0, sides, difference, 1e-6, 3 * n * p * p + 9 * p**3)


def wide_classes(n: int, p: int) -> Job:
    x = gaussian(n, p, "float64")
    y = np.random.default_rng(1).integers(0, 5, n)
    x[:, :50] += 0.1 * y[:, None]
    alphas = np.logspace(-3, 3, 10)
    ours, theirs = wl.FeatureRidgeClassifierCV("passthrough", alphas), RidgeClassifierCV(alphas)

    def difference() -> float:
        one, other = ours.fit(x, y), theirs.fit(x, y)
        gap = float((one.predict(x) != other.predict(x)).mean())
        return gap if one.alpha_ == other.alpha_ else np.inf

    sides, shape = {"widelearn": lambda: ours.fit(x, y), "RidgeClassifierCV": lambda: theirs.fit(x, y)}, f"n={n} p={p}"
    flops = n * n * p + 9 * n**3
    return fits("FeatureRidgeClassifierCV", f"{shape} alphas=10", 3.0, sides, difference, 0.0, flops, rounds=Job.rounds)


def kernel_path(n: int) -> Job:
    """Exact leave-one-out on one side, five folds on the other: each is held to a refit of what it chose."""
    x = gaussian(n, 20, "float64")
    y = np.sin(x[:, 0]) + x[:, 1] * x[:, 2]
    alphas = np.logspace(-3, 3, 13)
    ours = wl.KernelRidgeCV(wl.kernels.RBF(0.05), alphas, fit_intercept=False)
    theirs = GridSearchCV(KernelRidge(kernel="rbf", gamma=0.05), {"alpha": alphas}, cv=5)

    def difference() -> float:
        model = ours.fit(x, y)
        same = KernelRidge(kernel="rbf", gamma=0.05, alpha=model.alpha_).fit(x, y)
        return float(np.abs(model.predict(x) - same.predict(x)).max() / np.abs(y).max())

    sides = {"widelearn": lambda: ours.fit(x, y), "GridSearchCV(cv=5)": lambda: theirs.fit(x, y)}
    return fits("KernelRidgeCV", f"n={n} d=20 alphas=13", 5.0, sides, difference, 1e-8, 9 * n**3)


def gradients(n: int, alpha: float, least: float) -> Job:
    """Conjugate gradients to 1e-8, the matrix and the preconditioner included, beside a Cholesky factor."""
    x = tables(n)
    y = np.sin(x[:, 0]) + x[:, 1] * x[:, 2]
    kernel, theirs = wl.kernels.RBF(0.1), KernelRidge(kernel="rbf", gamma=0.1, alpha=alpha)

    def ours() -> Array:
        operator = kernel.operator(x)
        return np.asarray(wl.ridge.pcg(cached(operator, operator.dense), y, alpha).coef)

    def difference() -> float:
        fitted = kernel.dot(x, None, ours() - theirs.fit(x, y).dual_coef_)
        return float(np.linalg.norm(fitted) / np.linalg.norm(y))

    sides = {"widelearn": ours, "KernelRidge": lambda: theirs.fit(x, y)}
    # K / (K + alpha) <= 1: fitted values differ by the residual at most, and by what Cholesky rounds.
    return fits("pcg", f"n={n} d=9 alpha={alpha:g}", least, sides, difference, 2e-8, n**3 / 3)


def automatic(n: int, d: int, alpha: float, dtype: str) -> Job:
    """Hold the automatic solver to the better of those that it chooses from."""
    x = np.random.default_rng(0).standard_normal((n, d)).astype(dtype)
    y = np.sin(x[:, 0]) + x[:, 1] * x[:, 2]
    models = {name: wl.KernelRidge(wl.kernels.RBF(1 / d), alpha, solver=name) for name in ("auto", "cholesky", "pcg")}

    def difference() -> float:
        values = [model.fit(x, y).predict(x[:500]) for model in models.values()]
        return float(max(np.abs(other - values[0]).max() for other in values[1:]) / np.abs(y).max())

    return Job(
        name="KernelRidge, automatic solver",
        shape=f"n={n} d={d} alpha={alpha:g}",
        dtype=dtype,
        output="fresh",
        # At most a tenth more.
        least=1 / 1.1,
        sides={name: timed(lambda model=model: model.fit(x, y)) for name, model in models.items()},
        ratio=lambda times: min(times["cholesky"], times["pcg"]) / times["auto"],
        difference=difference,
        tolerance=1e-6 if dtype == "float64" else 1e-3,
        flops=n**3 / 3,
        rounds=ROUNDS,
    )


def tables(n: int) -> Array:
    """Columns that depend on four numbers of heavy tails, as tables do: uniform centres miss the rare rows."""
    return np.random.default_rng(0).standard_t(3, (n, 4)) @ gaussian(4, 9, "float64")


def nystrom(n: int, p: int) -> Job:
    """Centres by randomly pivoted Cholesky beside uniform ones; ours are held to the Nyström formula at theirs."""
    x = tables(n)
    kernel, some = wl.kernels.RBF(0.1), slice(0, 500)
    ours = NystromFeatures(kernel, p, random_state=0)
    theirs = Nystroem(gamma=0.1, n_components=p, random_state=0)

    def difference() -> float:
        z = ours.fit_transform(x)
        cross = kernel(ours.components_, x[some])
        exact = cross.T @ np.linalg.solve(kernel(ours.components_), cross)
        return float(np.abs(z[some] @ z[some].T - exact).max())

    def errors() -> dict[str, float]:
        ours_left, theirs_left = (n - float((side.fit_transform(x) ** 2).sum()) for side in (ours, theirs))
        return {"trace_error_of_theirs": ours_left / theirs_left}

    sides = {"widelearn": lambda: ours.fit_transform(x), "Nystroem": lambda: theirs.fit_transform(x)}
    limits: dict[str, Any] = {"notes": errors, "most": {"trace_error_of_theirs": 1.0}}
    return fits("NystromFeatures", f"n={n} d=9 components={p}", 1.0, sides, difference, 1e-6, n * p * p, **limits)


# VmHWM, because ru_maxrss starts from the parent's.
PEAK = """
import sys
import numpy as np
import widelearn as wl

def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))

x = np.random.default_rng(0).standard_normal((int(sys.argv[1]), 64))
model = wl.FeatureRidge(wl.FourierFeatures(wl.kernels.RBF(1 / 128), n_components=int(sys.argv[2]), random_state=0))
model.fit(x[:100], x[:100, 0])
before = peak()
model.fit(x, x[:, 0])
print((peak() - before) / 1024)
"""


def peak_megabytes(n: int, p: int) -> float:
    """Return what one fit adds to the peak memory of a fresh process."""
    arguments = [sys.executable, "-c", PEAK, str(n), str(p)]
    return float(subprocess.run(arguments, check=True, capture_output=True, text=True).stdout)
