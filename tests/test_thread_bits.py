"""The same bits for any number of threads, ours and those of BLAS: every public estimator on few rows."""

import json

import pytest

# What numbers of threads change in the last bits: nothing, up to 512 rows.
EXCEPTIONS: set[str] = set()

CODE = """
import hashlib, json, warnings
import numpy as np, widelearn as wl
from widelearn import ridge
from widelearn.kernels import NTK, RBF, Laplace

warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
found = {}
for n in (330,):
    X = rng.standard_normal((n, 8))
    y, weight = X[:, 0] * X[:, 1] + np.sin(X[:, 2]), rng.uniform(0.5, 2.0, n)
    wide = rng.standard_normal((n // 2, n))
    y_wide, K, alphas = wide[:, 0] * wide[:, 1], RBF()(X), [1e-3, 0.1, 10.0]
    features, fixed = wl.RandomFeatures(n // 2, random_state=0), {"random_state": 0}
    estimators = {
        "kernel ridge": wl.KernelRidge(RBF(), 0.1),
        "kernel ridge, pcg": wl.KernelRidge(RBF(), 0.1, solver="pcg"),
        "kernel ridge, nystrom": wl.KernelRidge(RBF(), 0.1, solver="nystrom"),
        "kernel ridge, function": wl.KernelRidge(lambda a, b: np.exp(a @ b.T / 8), 0.1),
        "kernel ridge cv": wl.KernelRidgeCV(RBF()),
        "kernel ridge cv, folds": wl.KernelRidgeCV(RBF(), alphas, cv=3),
        "kernel ridge cv, gcv": wl.KernelRidgeCV(RBF(), alphas, cv="gcv"),
        "feature ridge": wl.FeatureRidge(features),
        "feature ridge, mixed": wl.FeatureRidge(features, precision="mixed"),
        "feature ridge cv": wl.FeatureRidgeCV(features),
        "feature ridge cv, gcv": wl.FeatureRidgeCV(features, cv="gcv"),
        "feature ridge cv, folds": wl.FeatureRidgeCV(features, alphas, cv=3),
        "nystrom": wl.FeatureRidge(wl.NystromFeatures(RBF(), n // 2, random_state=0)),
        "representation": wl.FeatureRidge(wl.NeuralRepresentation(n // 4, random_state=0)),
        "tangent": wl.FeatureRidge(wl.TangentFeatures(2 * n, random_state=0)),
        "recursive": wl.RecursiveFeatureMachine(n_iter=2, **fixed),
        "recursive, laplace": wl.RecursiveFeatureMachine(Laplace(), n_iter=1, metric="diagonal", **fixed),
        "taylor": wl.TaylorRegressor(width=32, max_iter=8, **fixed),
        "taylor, whitened": wl.TaylorRegressor(width=32, max_iter=8, whiten=True, **fixed),
        "two layers": wl.TwoLayerRegressor(64, max_iter=10, **fixed),
        "two layers, algorithm1": wl.TwoLayerRegressor(64, algorithm="algorithm1", max_iter=10, **fixed),
        "wide rows": wl.FeatureRidge("passthrough"),
        "wide rows cv": wl.FeatureRidgeCV("passthrough"),
    }
    calls = {
        "activation in Python": lambda: NTK(2, activation=(np.tanh, lambda t: 1 / np.cosh(t) ** 2))(X),
        "path": lambda: ridge.path(wide.T, y, alphas),
        "loo": lambda: ridge.loo(wide.T, y, alphas),
        "gcv": lambda: ridge.gcv(K, y, alphas, kind="kernel"),
        "loo, kernel": lambda: ridge.loo(K, y, alphas, kind="kernel", sample_weight=weight),
        "pcg": lambda: ridge.pcg(K, y, 0.1).coef,
    }
    for name, estimator in estimators.items():
        rows, values = (wide, y_wide) if "wide rows" in name else (X, y)
        calls[name] = lambda e=estimator, a=rows, b=values: e.fit(a, b).predict(a)
    for name, call in calls.items():
        found[f"{name}, {n} rows"] = hashlib.sha256(np.ascontiguousarray(call()).tobytes()).hexdigest()
print(json.dumps(found))
"""


def threads(ours, theirs):
    return {
        "WIDELEARN_NUM_THREADS": str(ours),
        "OMP_NUM_THREADS": str(theirs),
        "OPENBLAS_NUM_THREADS": str(theirs),
        "MKL_NUM_THREADS": str(theirs),
    }


@pytest.fixture
def bits(script):
    def run(ours, theirs):
        return json.loads(script(CODE, env=threads(ours, theirs), timeout=300))

    return run


def test_bits_of_every_estimator(bits):
    one, many = bits(1, 1), bits(3, 2)
    assert {name for name in one if many[name] != one[name]} <= EXCEPTIONS
