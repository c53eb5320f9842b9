"""Flows of sparse rows are those of the same rows made dense, and no row is."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.utils import get_tags

import widelearn as wl
from widelearn import kernels
from widelearn.estimators.feature_ridge.systems import Rows
from widelearn.estimators.flow import contents, problem, stored

FLOWS = [
    None,
    "linear",
    kernels.FiniteNTK(500),
    kernels.RBF(np.full(20, 0.05)),
    wl.RandomFeatures(30, random_state=0),
    wl.TangentFeatures(7, random_state=0),
    wl.NTKFeatures(64, depth=2, random_state=0),
    wl.NystromFeatures(n_components=20, random_state=0),
    wl.NeuralRepresentation(20, "erf", random_state=0),
]


def drawn(seed: int, n: int, d: int = 20) -> tuple[sparse.csr_array, np.ndarray]:
    """Draw rows of which some are equal or empty, and two targets."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) * (rng.random((n, d)) < 0.3)
    X[3], X[5] = X[4], 0.0
    return sparse.csr_array(X), X[:, :2] + 0.3 * rng.standard_normal((n, 2))


@pytest.mark.parametrize("kernel", FLOWS, ids=range(len(FLOWS)))
@pytest.mark.parametrize("n", [30, 120])
def test_flows_are_those_of_dense_rows(kernel, n):
    X, Y = drawn(n, n)
    fresh, weight = drawn(1, 20)[0], np.random.default_rng(0).integers(0, 3, n).astype(float)
    for time in (3.0, "cv", "gcv"):
        model = wl.GradientFlowRegressor(kernel, time=time)
        assert get_tags(model).input_tags.sparse
        found, dense = clone(model).fit(X.tocsc(), Y, weight), clone(model).fit(X.toarray(), Y, weight)
        assert found.time_ == pytest.approx(dense.time_, rel=1e-9)
        # Eigenvectors of kernel matrices that agree to 1e-12.
        for rows in (fresh, fresh.toarray()):
            np.testing.assert_allclose(found.predict(rows), dense.predict(fresh.toarray()), atol=1e-8)
            np.testing.assert_allclose(
                found.staged_predict(rows, [1.0, 9.0]), dense.staged_predict(fresh.toarray(), [1.0, 9.0]), atol=1e-8
            )


def test_classes_files_and_refusals(tmp_path):
    X, Y = drawn(2, 60)
    labels = (Y[:, 0] > 0).astype(int)
    model = wl.GradientFlowClassifier("rbf").fit(X, labels)
    dense = wl.GradientFlowClassifier("rbf").fit(X.toarray(), labels)
    np.testing.assert_array_equal(model.predict(X), dense.predict(X.toarray()))
    wl.save(model, tmp_path / "model.wl")
    np.testing.assert_array_equal(wl.load(tmp_path / "model.wl").decision_function(X), model.decision_function(X))
    # What was fitted has the say.
    np.testing.assert_array_equal(model.set_params(kernel="precomputed").predict(X), dense.predict(X.toarray()))
    linear = wl.linearize(lambda x: x[:, 0], lambda x: x)
    for kernel in ("precomputed", lambda x, y: x @ y.T, linear):
        refused = wl.GradientFlowRegressor(kernel, time=1.0)
        assert not get_tags(refused).input_tags.sparse
        with pytest.raises(TypeError, match=r"[dD]ense"):
            refused.fit(X[:, :20][:20], Y[:20])


def test_contents_are_numbered_as_those_of_dense_rows():
    rng = np.random.default_rng(0)
    for _ in range(200):
        n, d = rng.integers(1, 30), rng.integers(1, 6)
        X = rng.integers(-1, 3, (n, d)) * (rng.random((n, d)) < 0.6) * 1.0
        rows = sparse.csr_array(X)
        rows.data = rows.data.copy()
        twice = sparse.csr_array((np.repeat(rows.data / 2, 2), np.repeat(rows.indices, 2), 2 * rows.indptr), (n, d))
        for one in (rows, twice, sparse.csr_array(sparse.coo_array((np.zeros(1), ([0], [d - 1])), (n, d))) + rows):
            np.testing.assert_array_equal(contents.of_rows(one), contents.of_rows(X))
        assert stored.alike(rows) == bool((X[:1] == X).all())


def test_columns_of_many_rows_far_from_zero_flow_by_themselves():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 5)) + 1e6
    X[:, 1] = 0.0
    y = X[:, 0] - 1e6
    for rows in (X, sparse.csr_array(X)):
        assert problem.by_columns(Rows(rows, y[:, None], None, True), fit_intercept=True)
        assert not problem.by_columns(Rows(rows[:4], y[:4, None], None, True), True) or rows is X
    found, dense = (wl.GradientFlowRegressor("linear", time=50.0).fit(rows, y) for rows in (sparse.csr_array(X), X))
    np.testing.assert_allclose(found.predict(X), dense.predict(X), atol=1e-8)
    share = rng.random(80)
    share /= share.sum()
    for centred in (True, False):
        squares, about = stored.lengths(sparse.csr_array(X), share, centred)
        unit = 2.0 ** -int(np.frexp(np.abs(X).max())[1])
        np.testing.assert_allclose(squares, share @ (X * unit) ** 2, rtol=1e-12)
        mean = share @ (X * unit) if centred else 0.0
        np.testing.assert_allclose(about, share @ (X * unit - mean) ** 2, rtol=1e-9, atol=1e-24)
