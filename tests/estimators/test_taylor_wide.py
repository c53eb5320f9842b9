"""Taylor models of few rows of many columns: fits in the rows' span are those in all columns."""

import warnings

import numpy as np
import pytest

import widelearn as wl
from widelearn.estimators.taylor import inputs, training

CASES = [
    {},
    {"weight_variance": 6.0, "bias_variance": 1.0},
    {"whiten": True},
    {"order": 3},
    {"order": (1, 2), "alpha": (0.1, 0.1)},
    {"mode": "marginal"},
    {"linear_term": False},
]


def draw(rng: np.random.Generator, n: int, d: int, scale: float) -> tuple[np.ndarray, np.ndarray]:
    X = rng.standard_normal((n, d)) * np.exp(rng.normal(size=d)) * scale + scale
    return X, X[:, :2] @ rng.standard_normal((2, 2)) / scale + rng.standard_normal((n, 2))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("classes", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_fit_in_the_span_is_the_one_in_all_columns(case, classes, weighted, monkeypatch):
    rng = np.random.default_rng(len(case) + 2 * classes + weighted)
    n, d, scale = int(rng.integers(12, 25)), int(rng.integers(60, 90)), 10.0 ** rng.uniform(-3, 3)
    X, Y = draw(rng, n, d, scale)
    fresh = draw(rng, 200, d, scale)[0]
    weight = rng.integers(0, 3, n).astype(float) if weighted else None
    make = wl.TaylorClassifier if classes else wl.TaylorRegressor
    y = (Y[:, 0] > np.median(Y[:, 0])).astype(int) if classes else Y
    settings = {"alpha": 0.1, "linear_alpha": 0.1, "solver": "pgd", "width": 16, "max_iter": 20} | case
    mixed = rng.standard_normal((32, n)) / n

    def start(objective, init, source):
        """Start from mixtures of the rows, which are the same whatever the coordinates."""
        return objective.pack(mixed[: objective.net.shape[0], : len(objective.X)] @ objective.X)

    monkeypatch.setattr(training, "first_point", start)
    found = []
    for many in (inputs.MANY_COLUMNS, 10**9):
        monkeypatch.setattr(inputs, "MANY_COLUMNS", many)
        model = make(random_state=3, **settings)
        with warnings.catch_warnings():
            # Of ends before convergence, and of rows far from zero.
            warnings.simplefilter("ignore")
            model.fit(X, y, weight)
        values = model.decision_function(fresh) if classes else model.predict(fresh)
        found.append((np.array(model.loss_curve_), values, model.W_, model.coef_))
        assert model.W_.shape[-1] == model.W0_.shape[-1] == d
    for one, other in zip(*found, strict=True):
        assert one.shape == other.shape
        assert np.abs(one - other).max() <= 1e-7 * np.abs(other).max()


def test_the_movement_lies_in_the_span_of_the_rows():
    X, Y = draw(np.random.default_rng(0), 20, 300, 1.0)
    model = wl.TaylorRegressor(random_state=0, bias_variance=1.0, weight_variance=2.0).fit(X, Y[:, 0])
    axes = np.linalg.qr(X.T)[0]
    for part in (model.W_, model.coef_[None]):
        np.testing.assert_allclose(part @ axes @ axes.T, part, atol=1e-12 * np.abs(part).max())
    assert not np.allclose(model.W0_ @ axes @ axes.T, model.W0_)
