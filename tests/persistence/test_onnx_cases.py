"""Generated models and rows as ONNX: any number of rows, columns and targets, scales, offsets and types."""

import numpy as np
import pytest
from sklearn.base import is_classifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import widelearn as wl
from onnx_sessions import answers, bound
from widelearn.kernels import NNGP, NTK, RBF, ArcCosine, FiniteRF, Laplace, Linear, Matern, Polynomial, TaylorKernel

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
KERNELS = [
    lambda rng: NTK(depth=int(rng.integers(1, 5)), bias_variance=float(rng.choice([0.0, 0.5]))),
    lambda rng: NTK(depth=2, activation=("leaky_relu", float(rng.uniform(-0.5, 0.9)))),
    lambda rng: NTK(activation=str(rng.choice(["erf", "gelu", "sin"])), bias_variance=0.1),
    lambda rng: NNGP(depth=2, activation=str(rng.choice(["relu", "erf", "cos", "gelu"]))),
    lambda rng: ArcCosine(order=int(rng.integers(0, 3))),
    lambda rng: RBF(),
    lambda rng: Laplace(power=float(rng.choice([1.0, 1.3]))),
    lambda rng: Matern(nu=float(rng.choice([0.5, 1.5, 2.5]))),
    lambda rng: RBF() + 0.1 * Laplace(),
    lambda rng: Polynomial(degree=2),
    lambda rng: Linear() * RBF(),
    lambda rng: FiniteRF(40, "erf", random_state=int(rng.integers(99))),
    lambda rng: TaylorKernel(order=int(rng.integers(0, 4))),
]
MAPS = [
    lambda rng: wl.RandomFeatures(50, str(rng.choice(["relu", "tanh", "gelu"])), bias_scale=0.5),
    lambda rng: wl.RandomFeatures(50, "erf", str(rng.choice(["sphere", "orthogonal", "hadamard"]))),
    lambda rng: wl.FourierFeatures(n_components=int(rng.integers(1, 60))),
    lambda rng: wl.TangentFeatures(8, "softplus"),
    lambda rng: wl.NystromFeatures(Laplace(), 15),
    lambda rng: "passthrough",
]


def made(rng, name):
    """A model of some kind, for rows of size about 1."""
    seed, kernel = int(rng.integers(1 << 30)), KERNELS[int(rng.integers(len(KERNELS)))](rng)
    features, alpha = MAPS[int(rng.integers(len(MAPS)))](rng), float(10.0 ** rng.uniform(-3, 1))
    return {
        "KernelRidge": lambda: wl.KernelRidge(kernel, alpha, fit_intercept=bool(rng.integers(2))),
        "KernelRidgeClassifier": lambda: wl.KernelRidgeClassifier(kernel, alpha),
        "FeatureRidge": lambda: wl.FeatureRidge(features, alpha, random_state=seed),
        "FeatureRidgeClassifier": lambda: wl.FeatureRidgeClassifier(features, alpha, random_state=seed),
        "GradientFlowRegressor": lambda: wl.GradientFlowRegressor(kernel, time=float(10 ** rng.uniform(0, 2))),
        "TaylorRegressor": lambda: wl.TaylorRegressor(width=8, max_iter=5, random_state=seed),
        "TwoLayerClassifier": lambda: wl.TwoLayerClassifier(8, max_iter=5, random_state=seed),
        "RecursiveFeatureMachine": lambda: wl.RecursiveFeatureMachine(n_iter=1, random_state=seed),
    }[name]()


def targets(rng, X, classes):
    """Targets that rows decide, of one column or several."""
    t = int(rng.integers(1, 4))
    Y = np.sin(X @ rng.standard_normal((X.shape[1], t)) + 0.5)
    if not classes:
        return Y[:, 0] if t == 1 else Y
    if t == 3:
        return (np.median(Y, axis=0) < Y).astype(int)
    ranks = np.argsort(np.argsort(Y[:, 0])) * (t + 1) // len(Y)
    return np.array(["a", "bb", "ccc"])[ranks] if rng.integers(2) else ranks * 3


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("name", ["KernelRidge", "KernelRidgeClassifier", "FeatureRidge", "FeatureRidgeClassifier"])
def test_ridge_models_are_ours(name, seed):
    compare(name, np.random.default_rng([seed, len(name)]))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "name", ["GradientFlowRegressor", "TaylorRegressor", "TwoLayerClassifier", "RecursiveFeatureMachine"]
)
def test_other_models_are_ours(name, seed):
    compare(name, np.random.default_rng([seed, len(name)]))


def compare(name, rng):
    """Fit to rows of any scale, offset and type, and compare all outputs at one row and at many."""
    n, d, dtype = int(rng.integers(12, 70)), int(rng.integers(1, 9)), np.dtype(rng.choice(["f8", "f4"]))
    X = rng.standard_normal((n, d))
    model = made(rng, name)
    y = targets(rng, X, is_classifier(model))
    scale, offset = 10.0 ** rng.uniform(-3, 3), rng.choice([0.0, 3.0])
    if rng.integers(2):
        X, model = scale * (X + offset), make_pipeline(StandardScaler(), model)
    X = X.astype(dtype)
    model.fit(X, y)
    new = np.vstack([X[: n // 2], (X[1:] + X[:-1]) / 2, X[:3] * (1 + 1e-6)]).astype(dtype)
    if not is_classifier(model):
        methods = {"y": "predict"}
    else:
        methods = {"scores": "decision_function"}
        methods |= {"probabilities": "predict_proba"} if hasattr(model, "predict_proba") else {}
    for rows in (new, new[-1:]):
        found = answers(model, rows, dtype=dtype)
        assert set(found) - {"label"} == set(methods)
        for output, method in methods.items():
            wanted = getattr(model, method)(rows).astype(dtype)
            # Probabilities may be the same nearly everywhere: they are told to so much of 1.
            spread = 1.0 if output == "probabilities" else float(np.ptp(getattr(model, method)(new)))
            apart = float(np.abs(found[output].astype(float) - wanted).max())
            assert found[output].shape == wanted.shape
            assert apart <= (1e-10 if dtype == np.float64 else bound(model, new, method)) * spread
        if is_classifier(model):
            wanted = model.predict(rows)
            assert found["label"].shape == wanted.shape
            assert (found["label"] == wanted).all()
