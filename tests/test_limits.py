"""Sizes beyond what is counted, held or waited for: refused by class and with the limit, never a panic."""

import contextlib

import numpy as np
import pytest
import scipy.sparse

import widelearn as wl
from widelearn import _core
from widelearn.kernels import NNGP, NTK, RBF, DotProduct, FiniteNTK, FiniteRF, Polynomial, specs

X = np.random.default_rng(0).standard_normal((6, 3))
HUGE = (2**31 + 1, 2**40, 2**61, 2**62, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**30, 10**400)
REFUSED = (ValueError, TypeError, MemoryError)


@pytest.mark.parametrize("size", HUGE)
@pytest.mark.parametrize("kind", [NTK, NNGP])
@pytest.mark.parametrize("activation", ["relu", "hermite3", "erf", "tanh"])
def test_depth_has_a_limit(kind, activation, size):
    kernel = kind(depth=size, activation=activation)
    for call in (kernel, kernel.diag, lambda X: kernel.dot(X, None, np.ones(6))):
        with pytest.raises(ValueError, match="depth"):
            call(X)


@pytest.mark.parametrize("activation", ["relu", "hermite3", "erf"])
def test_the_deepest_kernel_is_computed_and_one_deeper_is_refused(activation):
    assert np.isfinite(NNGP(depth=1000, activation=activation, weight_variance=0.5, bias_variance=0.1)(X)).all()
    with pytest.raises(ValueError, match="depth must be at most 1000, got 1001"):
        NNGP(depth=1001, activation=activation)(X)


@pytest.mark.parametrize("size", HUGE)
@pytest.mark.parametrize("kind", [FiniteNTK, FiniteRF])
def test_width_has_a_limit(kind, size):
    with pytest.raises(ValueError, match="width"):
        kind(size)(X)


@pytest.mark.parametrize("size", HUGE)
@pytest.mark.parametrize("kind", [wl.RandomFeatures, wl.FourierFeatures])
@pytest.mark.parametrize("weights", ["gaussian", "orthogonal", "hadamard", "sphere"])
def test_components_have_a_limit(kind, weights, size):
    for rows in (X, X.astype(np.float32), scipy.sparse.csr_matrix(X)):
        with pytest.raises(REFUSED):
            kind(n_components=size, weights=weights, random_state=0).fit(rows).transform(rows)
        with pytest.raises(REFUSED):
            kind(n_components=size, weights=weights, random_state=0).fit(rows).directions()


@pytest.mark.parametrize("size", HUGE)
def test_the_core_counts_with_care(size):
    formula = specs.Neurons(specs.Activation("relu", 0.0))
    features, few = specs.Features(size, "gaussian", 0, formula), specs.Features(4, "gaussian", 0, formula)
    out, index, none = np.empty((6, 4)), np.zeros(7, np.int64), np.empty(0, np.int32)
    calls = [
        lambda: _core.transform(features, X, out),
        lambda: _core.predict(features, X, np.ones((4, 1)), np.empty((6, 1))),
        lambda: _core.feature_weights(few, size, out),
        lambda: _core.transform_sparse(few, (index, none, np.empty(0)), size, out),
        lambda: _core.transform_sparse(features, (index, none, np.empty(0)), 3, out),
        lambda: _core.gram(specs.Finite(size, specs.Activation("erf", 0.0), 0, True), X, None, np.empty((6, 6))),
        lambda: _core.normals(out, 2**64 + size, 0),
        lambda: _core.normals(out, 0, 2**32 + size),
        lambda: _core.philox4x32((size, 0, 0, -1), (0, 0)),
        lambda: _core.set_num_threads(size),
    ]
    for call in calls:
        with pytest.raises(REFUSED):
            call()


@pytest.mark.parametrize("wrong", [-1, -(2**63), 2**63, 2**64, 10**30, 10**400, 0.5, None, "a", (), np.nan, np.inf])
def test_parameters_of_kernels_and_estimators(wrong):
    """What a type cannot hold is a wrong value, whatever parameter it is given for."""
    makers = [
        lambda: RBF(gamma=wrong)(X),
        lambda: Polynomial(degree=wrong)(X),
        lambda: Polynomial(coef0=wrong)(X),
        lambda: DotProduct((1.0, wrong))(X),
        lambda: NTK(depth=wrong)(X),
        lambda: NTK(weight_variance=wrong)(X),
        lambda: FiniteNTK(4, random_state=wrong)(X),
        lambda: wl.RandomFeatures(8, random_state=wrong).fit_transform(X),
        lambda: wl.RandomFeatures(8, bias_scale=wrong).fit_transform(X),
        lambda: wl.NystromFeatures(n_components=wrong).fit_transform(X),
        lambda: wl.KernelRidge(alpha=wrong).fit(X, X[:, 0]),
        lambda: wl.FeatureRidge("passthrough", alpha=wrong).fit(X, X[:, 0]),
        lambda: wl.TwoLayerRegressor(4, max_iter=1, alpha=wrong).fit(X, X[:, 0]),
        lambda: wl.TaylorRegressor(width=4, max_iter=1, penalty_power=wrong).fit(X, X[:, 0]),
    ]
    for make in makers:
        # Some of them are right somewhere, as a large float.
        with contextlib.suppress(*REFUSED, UserWarning, RuntimeWarning):
            make()


def test_kernels_with_arrays_are_shown_compared_and_hashed():
    one, same, other = DotProduct(np.ones(3)), DotProduct(np.ones(3)), DotProduct(np.arange(3.0))
    assert repr(one) == "DotProduct(coefficients=array([1., 1., 1.]))"
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert one != DotProduct((1.0, 1.0, 1.0))
    assert DotProduct([1.0, 2.0]) == DotProduct([1.0, 2.0])
    assert hash(DotProduct([1.0, 2.0])) == hash(DotProduct([1.0, 2.0]))
