"""Kernel ridge on centres is fitted to Dask collections."""

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from lazy_rows import CLOSE, COLUMNS, lazy, left_alone, unknown
from widelearn import KernelRidge, KernelRidgeClassifier


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_kernel_ridge_on_centres(dtype, rows):
    X, Y, weight = rows
    X = X.astype(dtype)
    x, y, w = lazy(X, Y, weight)
    close = CLOSE if dtype == np.float64 else {"rtol": 2e-4, "atol": 2e-4}
    for alpha, targets, lazily in ((1e-2, Y, y), ([1e-2, 1.0], Y, y), (1e-2, Y[:, 0], y[:, 0])):
        model = KernelRidge("rbf", alpha, solver="nystrom", n_components=60)
        whole = clone(model).fit(X, targets, weight)
        model.fit(x, lazily, w)
        assert (model.dual_coef_.shape, model.dual_coef_.dtype) == (whole.dual_coef_.shape, dtype)
        assert (model.solver_, model.n_iter_, model.n_features_in_) == ("nystrom", 1, 4)
        predicted = model.predict(x)
        assert isinstance(predicted, da.Array)
        assert predicted.dtype == dtype
        np.testing.assert_allclose(predicted.compute(), whole.predict(X), **close)
        np.testing.assert_allclose(model.predict(X), whole.predict(X), **close)
    frame = dd.from_pandas(pd.DataFrame(X, columns=COLUMNS), npartitions=5)
    model.fit(frame, frame.a)
    assert list(model.feature_names_in_) == COLUMNS
    labels = np.array(["no", "yes", "so"])[np.digitize(X[:, 0], [-0.5, 0.5])]
    kind = KernelRidgeClassifier("rbf", 1e-2, solver="nystrom", class_weight="balanced")
    model, whole = clone(kind).fit(x, lazy(labels)), clone(kind).fit(X, labels)
    np.testing.assert_array_equal(model.classes_, whole.classes_)
    np.testing.assert_array_equal(model.predict(x).compute(), whole.predict(X))
    np.testing.assert_allclose(model.decision_function(x).compute(), whole.decision_function(X), **close)


def test_kernel_ridge_says_what_it_cannot_do_with_lazy_rows(rows):
    x, y = lazy(*rows[:2])
    whole = KernelRidge(n_components=5, solver="nystrom").fit(*rows[:2])
    for changes, match in (
        ({"solver": "pcg"}, "Dask collections are fitted with solver='nystrom' .* got solver='pcg'.*FeatureRidge"),
        ({"kernel": "precomputed"}, "a kernel of rows, got .*'precomputed'"),
        ({"alpha": [1.0, 2.0, 3.0]}, "alpha"),
    ):
        left_alone(
            whole.set_params(**{"kernel": None, "alpha": 1.0, "solver": "nystrom"} | changes), ValueError, match, x, y
        )
    whole.set_params(alpha=1.0, n_components=None)
    left_alone(whole, ValueError, "how many rows X has is unknown: set n_components", unknown(x), y)
