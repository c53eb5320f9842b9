"""Recursive feature machines: their gradients, metric, choice and what they learn, against naive forms and refits."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_multilabel_classification

import reference
from widelearn import KernelRidge, RecursiveFeatureMachine, RecursiveFeatureMachineClassifier
from widelearn.datasets import hypercube
from widelearn.estimators.recursive.machine import ALPHAS
from widelearn.estimators.recursive.metric import gradients, outer_product
from widelearn.kernels import NTK, RBF, Laplace, Linear, Matern
from widelearn.kernels.gradients import slopes
from widelearn.runtime import row_blocks

RADIAL = [
    RBF(gamma=0.3),
    Laplace(gamma=0.4),
    Laplace(gamma=0.4, power=1.5),
    Laplace(gamma=0.4, power=2.0),
    Matern(length_scale=2.0, nu=0.5),
    Matern(length_scale=2.0, nu=1.5),
    Matern(length_scale=2.0, nu=2.5),
]


def differences(function, X, h=1e-5):
    """Central differences of a function of rows, (n, d[, t])."""
    return np.stack([(function(X + h * e) - function(X - h * e)) / (2 * h) for e in np.eye(X.shape[1])], axis=1)


@pytest.mark.parametrize("kernel", RADIAL, ids=repr)
def test_slopes_are_the_kernels_gradient(kernel, rng):
    X, Y = rng.standard_normal((7, 4)), rng.standard_normal((9, 4))
    found = slopes(kernel, X, Y)[:, None, :] * (X[:, :, None] - Y.T)
    # Central differences with step h = 1e-5 err by h² = 1e-10 and 1e-16 / h = 1e-11.
    np.testing.assert_allclose(found, differences(lambda x: kernel(x, Y), X), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_gradients_of_sums_of_differences_are_the_kernels(dtype, rng):
    """Away from kinks; at one, where a column of two rows is equal, the mean of both sides, as differences have it."""
    X, Y, dual = (rng.standard_normal(shape).astype(dtype) for shape in ((7, 4), (9, 4), (9, 2)))
    X[2, 1], X[3] = Y[4, 1], Y[5]
    kernel = Laplace(gamma=0.4, norm=1)
    found = np.zeros((7, 4, 2), dtype)
    for rows, t, part in gradients(kernel, X, Y, dual):
        assert part.dtype == dtype
        found[rows, :, t] = part
    naive = np.zeros((7, 4, 2))
    for i, x in enumerate(X.astype(np.float64)):
        for y, a in zip(Y.astype(np.float64), dual.astype(np.float64), strict=True):
            naive[i] -= 0.4 * np.exp(-0.4 * np.abs(x - y).sum()) * np.sign(x - y)[:, None] * a
    np.testing.assert_allclose(found, naive, atol=1e-14 if dtype == np.float64 else 1e-6)
    x, y, a = (part.astype(np.float64) for part in (X, Y, dual))
    # The step h = 1e-5 errs by h² = 1e-10 and 1e-16 / h = 1e-11; at a kink the curvature of both sides by h / 2.
    own = np.ones((7, 4), bool)
    own[2, 1] = own[3] = False
    slopes = differences(lambda rows: kernel(rows, y) @ a, x)
    np.testing.assert_allclose(naive[own], slopes[own], atol=1e-7)
    np.testing.assert_allclose(naive[~own], slopes[~own], atol=1e-4)


def test_roundings_of_columns_are_no_differences():
    """Columns that a metric leaves equal but for roundings have no gradient, whatever sign these have."""
    z = np.column_stack([np.arange(6.0), np.full(6, 3.0)])
    z[::2, 1] += np.spacing(3.0)
    (_, _, found), *_ = gradients(Laplace(gamma=0.4, norm=1), z, z, np.ones((6, 1)))
    np.testing.assert_array_equal(found[:, 1], 0.0)
    assert np.abs(found[[0, -1], 0]).min() > 0.1


@pytest.mark.parametrize("metric", ["full", "diagonal"])
@pytest.mark.parametrize("leaf_size", [None, 100])
def test_sums_of_absolute_differences_in_a_metric(metric, leaf_size, rng):
    """Their machine finds the columns that matter, is that of repeated rows, and survives being stored."""
    X = rng.standard_normal((240, 6))
    Y = np.column_stack([np.sin(2 * X[:, 0]) + np.abs(X[:, 1]), np.sin(2 * X[:, 0])])
    model = RecursiveFeatureMachine("laplacian", n_iter=2, metric=metric, leaf_size=leaf_size).fit(X, Y)
    assert model.kernel_.norm == 1
    assert model.n_iter_ > 0
    assert set(np.argsort(model.feature_importances_)[-2:]) == {0, 1}
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    new = rng.standard_normal((20, 6))
    np.testing.assert_allclose(model.gradient(new), differences(model.predict, new, 1e-7), rtol=1e-4, atol=1e-5)
    if leaf_size is not None:
        return
    weight = rng.integers(0, 3, 240)
    rows = np.repeat(np.arange(240), weight)
    weighted, repeated = clone(model).fit(X, Y, sample_weight=weight), clone(model).fit(X[rows], Y[rows])
    assert weighted.n_iter_ == repeated.n_iter_
    np.testing.assert_allclose(weighted.predict(new), repeated.predict(new), atol=1e-8)


@pytest.mark.parametrize("kernel", RADIAL, ids=repr)
def test_coinciding_rows_have_no_gradient(kernel, rng):
    X = rng.standard_normal((40, 3))
    dual = rng.standard_normal((40, 1))
    alone = next(iter(gradients(kernel, X[:1], X[:1], dual[:1])))[2]
    # Without a cusp the two products cancel to a rounding; with one the factor itself is zero.
    np.testing.assert_allclose(alone, 0.0, atol=1e-14)
    doubled = np.vstack([X, X])
    once = outer_product(kernel, X, dual, None, diagonal=False)
    twice = outer_product(kernel, doubled, np.vstack([dual, dual]) / 2, None, diagonal=False)
    # A cusp's factor 1/r of nearby rows magnifies rounding by |x| / r, here below 1e3.
    np.testing.assert_allclose(twice, 2 * once, rtol=1e-11, atol=1e-11 * np.abs(once).max())


@pytest.mark.parametrize("diagonal", [False, True])
def test_outer_products_are_those_of_the_naive_sum(diagonal, rng):
    X, dual, weight = rng.standard_normal((50, 4)), rng.standard_normal((50, 2)), rng.uniform(0.1, 2, 50)
    kernel = Laplace(gamma=0.4)
    G = reference.radial_gradients(X, X, dual, lambda r: -0.4 * np.exp(-0.4 * r))
    whole = np.einsum("i,iat,ibt->ab", weight, G, G)
    found = outer_product(kernel, X, dual, weight, diagonal=diagonal)
    # Sums of 50 terms that cancel to a tenth: 1e-16 times 500.
    np.testing.assert_allclose(found, np.diag(whole) if diagonal else whole, rtol=1e-11, atol=1e-11)


def test_tiles_do_not_matter(monkeypatch, rng):
    X, dual = rng.standard_normal((300, 5)), rng.standard_normal((300, 1))
    whole = outer_product(RBF(gamma=0.1), X, dual, None, diagonal=False)
    monkeypatch.setattr("widelearn.estimators.recursive.metric.TILE", 1)
    sizes = []
    monkeypatch.setattr(
        "widelearn.estimators.recursive.metric.slopes", lambda k, x, y: sizes.append(len(x)) or slopes(k, x, y)
    )
    parts = outer_product(RBF(gamma=0.1), X, dual, None, diagonal=False)
    assert sizes == [rows.stop - rows.start for rows in row_blocks(300, 16)]
    np.testing.assert_allclose(parts, whole, rtol=1e-12)


@pytest.mark.parametrize("metric", ["full", "diagonal"])
@pytest.mark.parametrize("kernel", [None, "rbf", Matern(3.0), Laplace(power=1.5)], ids=repr)
def test_gradient_of_the_fitted_function(kernel, metric, smooth, rng):
    X, y = smooth
    X = X * np.array([1, 10, 0.1, 1, 5, 1]) + 3
    model = RecursiveFeatureMachine(kernel, n_iter=2, metric=metric).fit(X, np.column_stack([y, y**2]))
    Q = X.mean(axis=0) + X.std(axis=0) * rng.standard_normal((20, 6))
    found, wanted = model.gradient(Q), differences(model.predict, Q)
    assert found.shape == (20, 6, 2)
    assert model.n_iter_ > 0
    np.testing.assert_allclose(found, wanted, atol=1e-6 * np.abs(wanted).max())
    one = clone(model).fit(X, y)
    assert one.gradient(Q).shape == (20, 6)


@pytest.mark.parametrize("diagonal", [False, True])
@pytest.mark.parametrize("exponent", [0.5, 1.0])
def test_metric_is_the_gradients(exponent, diagonal, smooth):
    """Two changes of the metric, written out."""
    X, y = smooth
    options = {"exponent": exponent, "metric": "diagonal" if diagonal else "full"}
    model = RecursiveFeatureMachine(Laplace(gamma=0.3), (0.1,), n_iter=2, **options).fit(X, y)
    assert model.n_iter_ > 0
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    M = np.eye(6)
    for _ in range(model.n_iter_):
        values, vectors = np.linalg.eigh(M)
        root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
        dual, _ = reference.kernel_ridge(Laplace(gamma=0.3)(Z @ root), y[:, None], 0.1)
        G = reference.radial_gradients(Z @ root, Z @ root, dual, lambda r: -0.3 * np.exp(-0.3 * r))[:, :, 0] @ root
        P = (G.T @ G / len(X)).astype(float)
        values, vectors = np.linalg.eigh(np.diag(np.diag(P)) if diagonal else P)
        M = (vectors * values**exponent) @ vectors.T
        M *= 6 / np.trace(M)
    # A root halves the digits of eigenvalues near zero: 1e-16 becomes 1e-8.
    np.testing.assert_allclose(model.M_, np.diag(M) if diagonal else M, atol=1e-7)
    np.testing.assert_allclose(model.root_ @ model.root_ if not diagonal else model.root_**2, model.M_, atol=1e-12)
    values, vectors = np.linalg.eigh(M)
    assert np.trace(np.diag(model.M_) if diagonal else model.M_) == pytest.approx(6, abs=1e-12)
    same = KernelRidge(Laplace(gamma=0.3), 0.1).fit(Z @ (vectors * np.sqrt(values)), y)
    np.testing.assert_allclose(model.predict(X), same.predict(Z @ (vectors * np.sqrt(values))), atol=1e-6)


def test_importances_are_shares_of_the_metric(smooth):
    X, y = smooth
    for metric in ("full", "diagonal"):
        model = RecursiveFeatureMachine(n_iter=2, metric=metric).fit(X, y)
        own = np.diag(model.M_) if metric == "full" else model.M_
        np.testing.assert_allclose(model.feature_importances_, own / own.sum())
        assert model.feature_importances_[:2].sum() > 0.6
    assert not hasattr(RecursiveFeatureMachine(), "feature_importances_")


@pytest.mark.parametrize("kernel", ["rbf", "laplace"])
def test_rotations_change_nothing(kernel, smooth, rng):
    X, y = smooth
    Q = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    model = RecursiveFeatureMachine(kernel, n_iter=3, standardize=False).fit(X, y)
    turned = clone(model).fit(X @ Q, y)
    assert (model.n_iter_, model.alpha_) == (turned.n_iter_, turned.alpha_)
    assert model.n_iter_ > 0
    # Three fits with systems of condition up to 160 / 1e-4 = 2e6: 1e-16 times 1e7.
    np.testing.assert_allclose(turned.predict(X @ Q), model.predict(X), atol=1e-7)
    np.testing.assert_allclose(Q @ turned.M_ @ Q.T, model.M_, atol=1e-6)


def test_units_change_nothing(smooth):
    X, y = smooth
    scale = np.array([1e-3, 1e3, 1, 50, 1, 2])
    model = RecursiveFeatureMachine(n_iter=2).fit(X, y)
    other = clone(model).fit(X * scale - 5, 3 * y - 2)
    assert model.n_iter_ == other.n_iter_
    np.testing.assert_allclose(other.predict(X * scale - 5), 3 * model.predict(X) - 2, atol=1e-6)


def test_parity_of_two_columns_of_a_hundred():
    X = hypercube(1800, 100, random_state=1)
    y = X[:, 0] * X[:, 1]
    model = RecursiveFeatureMachineClassifier().fit(X[:800], y[:800])
    plain = RecursiveFeatureMachineClassifier(n_iter=0).fit(X[:800], y[:800])
    assert model.score(X[800:], y[800:]) > 0.9
    # Kernels need about d² = 10,000 rows.
    assert plain.score(X[800:], y[800:]) < 0.65
    # Two of a hundred columns hold a fiftieth where nothing was learned.
    assert np.diag(model.M_)[:2].sum() / np.trace(model.M_) > 0.3


def test_plain_kernel_ridge_is_iteration_zero(smooth):
    X, y = smooth
    model = RecursiveFeatureMachine(RBF(gamma=0.2), n_iter=0).fit(X, y)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    same = KernelRidge(RBF(gamma=0.2), model.alpha_).fit(Z, y)
    assert model.alpha_ in ALPHAS
    assert len(model.history_) == 1
    np.testing.assert_allclose(model.predict(X), same.predict(Z), atol=1e-9)


@pytest.mark.parametrize("metric", ["full", "diagonal"])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda X: X[:, :1],
        lambda X: np.column_stack([X, np.full(len(X), 7.0)]),
        lambda X: np.zeros_like(X),
        lambda X: np.round(X[:, :2]),
        lambda X: np.repeat(X, 3, axis=1),
        lambda X: X[:5],
        lambda X: X[:2],
    ],
    ids=["one column", "constant column", "constant", "duplicates", "repeated columns", "five rows", "two rows"],
)
def test_poor_rows(spoil, metric, smooth):
    X, y = smooth
    X = spoil(X)
    for target in (y[: len(X)], np.ones(len(X))):
        model = RecursiveFeatureMachine(metric=metric, n_iter=2).fit(X, target)
        assert np.isfinite(model.predict(X)).all()
        assert np.isfinite(model.M_).all()
    np.testing.assert_allclose(model.predict(X), 1.0, atol=1e-9)
    assert model.n_iter_ == 0


def test_single_precision_is_kept(smooth):
    X, y = smooth
    single = RecursiveFeatureMachine(n_iter=2).fit(X.astype(np.float32), y.astype(np.float32))
    double = RecursiveFeatureMachine(n_iter=2, alphas=(single.alpha_,)).fit(X, y)
    names = ("M_", "dual_coef_", "X_fit_", "intercept_")
    assert {np.asarray(getattr(single, name)).dtype for name in names} == {np.dtype(np.float32)}
    assert single.predict(X.astype(np.float32)).dtype == np.float32
    assert single.gradient(X.astype(np.float32)).dtype == np.float32
    assert np.corrcoef(single.predict(X.astype(np.float32)), double.predict(X))[0, 1] > 0.99


def test_fits_are_repeatable_and_can_be_stored(smooth, threads):
    X, y = smooth
    model = RecursiveFeatureMachine(n_iter=2).fit(X, y)
    threads(1)
    again = clone(model).fit(X, y)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))


def test_progress(smooth):
    heard = []
    model = RecursiveFeatureMachine(n_iter=3, callback=lambda *news: heard.append(news)).fit(*smooth)
    assert [number for number, _ in heard] == [0, 1, 2, 3]  # one run: the penalty of such smooth targets is small
    np.testing.assert_array_equal([error for _, error in heard], model.history_)


def test_classes(smooth):
    X, y = smooth
    labels = np.where(y > 1, "high", np.where(y > -1, "middle", "low"))
    model = RecursiveFeatureMachineClassifier(n_iter=2, class_weight="balanced").fit(X, labels)
    assert model.classes_.tolist() == ["high", "low", "middle"]
    assert model.decision_function(X).shape == (160, 3)
    assert model.gradient(X).shape == (160, 6, 3)
    dropped = RecursiveFeatureMachineClassifier(n_iter=1, class_weight={"high": 0.0}).fit(X, labels)
    assert len(dropped.X_fit_) == (labels != "high").sum()
    X, Y = make_multilabel_classification(80, 12, n_classes=4, random_state=0)
    assert RecursiveFeatureMachineClassifier(n_iter=1).fit(X, Y).predict(X).shape == Y.shape


@pytest.mark.parametrize(
    ("kernel", "reason"),
    [
        (NTK(), "not here in closed form"),
        (RBF() + Linear(), "not here in closed form"),
        (Laplace(power=0.5), "power"),
        (lambda X, Y: X @ Y.T, "not here in closed form"),
        ("precomputed", "no gradients"),
    ],
    ids=lambda value: value.__name__ if callable(value) and hasattr(value, "__name__") else str(value),
)
def test_kernels_without_gradients_are_refused(kernel, reason, smooth):
    with pytest.raises(ValueError, match=reason):
        RecursiveFeatureMachine(kernel).fit(*smooth)


def test_memory_is_checked_before_it_is_taken(monkeypatch, smooth):
    X, y = smooth
    wide = np.hstack([X] * 100)
    monkeypatch.setenv("WIDELEARN_MAX_MEMORY", "8M")
    with pytest.raises(MemoryError, match="metric of 600 columns"):
        RecursiveFeatureMachine(n_iter=1).fit(wide, y)
    model = RecursiveFeatureMachine(n_iter=1, metric="diagonal").fit(wide, y)
    monkeypatch.setenv("WIDELEARN_MAX_MEMORY", "100K")
    with pytest.raises(MemoryError, match="fewer rows at a time"):
        model.gradient(wide)
