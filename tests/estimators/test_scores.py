"""Scores of regressors are scikit-learn's R², whatever the targets."""

import numpy as np
import pytest
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import r2_score

from widelearn import FeatureRidge, FeatureRidgeCV, KernelRidge, KernelRidgeCV

MODELS = [FeatureRidge("passthrough"), FeatureRidgeCV("passthrough", [0.1, 1.0, 10.0]), KernelRidge(), KernelRidgeCV()]


@pytest.mark.filterwarnings("ignore:alpha = ")
@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_scores_are_r2(rng, model):
    X = rng.standard_normal((40, 3))
    Y, weight = np.column_stack([X[:, 0] ** 2, X[:, 1]]) + 100.0, rng.uniform(0.5, 2.0, 40)
    for rows, y in ((X, Y[:, 0]), (X, Y), (X.astype(np.float32), Y[:, 1]), (X, Y[:, 0].astype(np.float32))):
        model.fit(rows, y)
        for targets in (y, y.tolist(), y - 1.0, y[::-1]):
            # Of numbers of size 100 and variance 1 squares lose four digits, in float32 all are of its precision.
            options = {"rtol": 1e-3 if np.asarray(targets).dtype == np.float32 else 1e-9, "atol": 1e-9}
            np.testing.assert_allclose(model.score(rows, targets), r2_score(targets, model.predict(rows)), **options)
            wanted = r2_score(targets, model.predict(rows), sample_weight=weight)
            assert model.score(rows, targets, weight) == wanted
    assert isinstance(model.score(X, Y[:, 0]), float)


def test_targets_without_a_variance_or_a_value_are_scikit_learns(rng):
    X = rng.standard_normal((40, 3))
    model = FeatureRidge("passthrough").fit(X, X[:, 0])
    constant = np.ones(40)
    assert model.score(X, constant) == r2_score(constant, model.predict(X)) == 0.0
    with pytest.raises(ValueError, match="NaN"):
        model.score(X, np.where(X[:, 0] > 1, np.nan, X[:, 0]))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.score(X, X[:-1, 0])
    with pytest.warns(UndefinedMetricWarning):
        assert np.isnan(model.score(X[:1], X[:1, 0]))
