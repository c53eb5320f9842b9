"""Taylor models of rows far from zero: the formula is about zero, so that they say what an offset does to it."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from widelearn import TaylorClassifier, TaylorRegressor

pytestmark = pytest.mark.filterwarnings("ignore:lbfgs stopped")
FAR = "times their own spread from zero"


def told(model, X, y):
    """Fit a model, and return whether it warned of an offset."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y)
    return any(FAR in str(each.message) for each in caught)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_offsets_that_spoil_a_fit_are_told(dtype):
    X, y = load_diabetes(return_X_y=True)
    X = X / X.std()
    linear = LinearRegression().fit(X, y).score(X, y)
    for offset in (0.0, 1.0, 3.0, 1e2, 1e3) + ((1e6,) if dtype == np.float64 else ()):
        model = TaylorRegressor(width=16, max_iter=60, random_state=0)
        Z = (X + offset).astype(dtype)
        assert told(model, Z, y) == (offset > 10), offset
        # Silent fits explain what a linear model does, which an offset does not touch, and the others less.
        assert (model.score(Z, y) > linear) == (offset <= 10), offset


def test_the_remedies_of_the_warning():
    X, y = load_iris(return_X_y=True)
    far = X + 1e6
    assert told(TaylorClassifier(width=16, max_iter=60, random_state=0), far, y)
    assert not told(TaylorClassifier(width=16, max_iter=60, random_state=0), X, y)
    for remedy in (
        make_pipeline(StandardScaler(), TaylorClassifier(width=16, max_iter=60, random_state=0)),
        TaylorClassifier(width=16, max_iter=60, whiten=True, random_state=0),
    ):
        assert not told(remedy, far, y)
        assert remedy.score(far, y) > 0.95


@pytest.mark.parametrize("value", [0.0, 0.1, 1e9])
def test_rows_that_do_not_differ_are_no_offset(value):
    X = np.full((7, 3), value)
    assert not told(TaylorRegressor(width=4, max_iter=3, random_state=0), X, np.arange(7.0))
    assert not told(TaylorRegressor(width=4, max_iter=3, random_state=0), X[:1], np.ones(1))


@pytest.mark.parametrize("d", [1, 2, 30])
def test_an_offset_is_told_where_targets_depend_on_what_rows_differ_in(d):
    rng, count = np.random.default_rng(d), 0
    for n in (5, 20, 100, 2500):
        X = rng.standard_normal((n, d)) * 10.0 ** rng.uniform(-3, 3, d)
        X += 100 * X.std()
        noise = [rng.standard_normal(n), rng.integers(2, size=n).astype(float), rng.standard_t(3, (n, 3))]
        for y in noise:
            count += told(TaylorRegressor(width=4, max_iter=2, random_state=0), X, y)
        if n >= 100:
            Z = (X - X.mean(axis=0)) / X.std(axis=0)
            for y in (Z[:, 0] + 0.5 * noise[0], Z[:, 0] * Z[:, -1] + 0.2 * noise[0] if d < 30 else Z.sum(axis=1)):
                assert told(TaylorRegressor(width=4, max_iter=2, random_state=0), X, y), (n, d)
    assert count == 0
