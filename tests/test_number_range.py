"""Numbers that no float holds, and indices that are none, are refused by name wherever they come in."""

import numpy as np
import pytest

import widelearn as wl
from widelearn.kernels import RBF, KernelOperator, Laplace
from widelearn.nets import TwoLayer, loss
from widelearn.ridge import Moments

HUGE = 10**400
ONES = np.ones((3, 1))
FLOW = wl.GradientFlowRegressor(time=1.0).fit(np.arange(6.0).reshape(6, 1), np.arange(6.0) ** 2)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    "call",
    [
        lambda huge: wl.KernelRidge("rbf", huge).fit(ONES, ONES[:, 0]),
        lambda huge: wl.FeatureRidge(alpha=huge).fit(ONES, ONES[:, 0]),
        lambda huge: wl.KernelRidge("rbf").fit(ONES, [1, 2, huge]),
        lambda huge: RBF()([[huge]]),
        lambda huge: RBF().dot(ONES, [[huge]], [[1.0]]),
        lambda huge: Laplace().spec(huge),
        lambda huge: wl.ridge.solve(ONES, ONES, huge),
        lambda huge: wl.ridge.path(ONES, [1, 2, huge], [1.0]),
        lambda huge: wl.ridge.gcv(ONES, ONES, [1.0, huge]),
        lambda huge: wl.ridge.pcg(np.eye(3), ONES, huge),
        lambda huge: Moments(1).update(ONES, ONES[:, 0]).solve(huge),
        lambda huge: Moments(1).update(ONES, [1, 2, huge]),
        lambda huge: Moments(1).update(ONES, ONES[:, 0], [1, 2, huge]),
        lambda huge: Moments(1).update(ONES, ONES[:, 0]).gcv([huge]),
        lambda huge: loss(ONES, ONES, "squared", sample_weight=huge),
        lambda huge: TwoLayer(ONES, ONES[:, 0], ONES, "relu", smoothing=huge),
        lambda huge: wl.theory.neuron_spectrum("relu", huge, 3),
        lambda huge: wl.TangentFeatures(4).fit(ONES).pull_back([[huge]], ONES),
        lambda huge: RBF().operator([[huge]]),
        lambda huge: KernelOperator(RBF(), huge),
        lambda huge: FLOW.predict([[huge]]),
        lambda huge: FLOW.staged_predict([[huge]], [1.0]),
        lambda huge: Moments(1).update(ONES, ONES[:, 0]).gcv_errors(np.array([huge], object), False),
        lambda huge: wl.RandomFeatures(4).fit(ONES).transform([[huge]]),
    ],
)
def test_numbers_beyond_floats_are_wrong_values(call, sign):
    with pytest.raises(ValueError, match=r"[a-z]"):
        call(sign * HUGE)


def test_the_refusal_names_the_users_call():
    with pytest.raises(ValueError, match=r"^alpha must be finite and non-negative, got a number beyond float64"):
        wl.KernelRidge("rbf", HUGE).fit(ONES, ONES[:, 0])
    with pytest.raises(ValueError, match=r"^TwoLayer\(\) got a number beyond"):
        TwoLayer(ONES, ONES[:, 0], ONES, "relu", smoothing=HUGE)
    with pytest.raises(ValueError, match=r"^sample_weight must be numbers that float64 can hold"):
        loss(ONES, ONES, "squared", sample_weight=HUGE)


@pytest.mark.parametrize("wrong", [[0.5], ["a"], [None], [], [[True]], [True, False], 1.0, 5, [-4], [0, 3], [2**62]])
def test_indices_that_are_none(wrong):
    operator = RBF().operator(np.arange(6.0).reshape(3, 2))
    for call in (operator.columns, lambda at: operator.entries(at, [0]), lambda at: operator.entries([0], at)):
        with pytest.raises((TypeError, ValueError), match=r"Indices must"):
            call(wrong)


def test_indices_from_the_end_and_masks(rng):
    X = rng.standard_normal((5, 2))
    operator, K = KernelOperator(RBF(), X.tolist()), RBF()(X)
    np.testing.assert_array_equal(operator.columns([-1, 0]), K[:, [-1, 0]])
    np.testing.assert_array_equal(operator.columns(X[:, 0] > X[:, 0].min()), K[:, X[:, 0] > X[:, 0].min()])
    np.testing.assert_array_equal(operator.entries(np.uint8([1, 2]), [3]), K[[1, 2]][:, [3]])


@pytest.mark.parametrize("wrong", [3, "rbf", None, object(), np.tanh])
def test_operators_of_no_kernel(wrong):
    with pytest.raises(TypeError, match=r"must be an object of widelearn\.kernels\.Kernel"):
        KernelOperator(wrong, ONES)


@pytest.mark.parametrize("d", [0, 0.0, "0", -0.0, np.array(0)])
def test_scales_of_no_columns(d):
    with pytest.raises(ValueError, match="0 columns"):
        RBF().spec(d)


@pytest.mark.parametrize("wrong", [3.0, [], np.ones(3), np.ones((2, 1)), "a", int, range(12), [["a"]] * 12])
def test_combinations_of_no_rows(wrong, rng):
    X = rng.standard_normal((12, 3))
    with pytest.raises(ValueError, match="shape"):
        wl.TangentFeatures(4).fit(X).pull_back(X, wrong)
    with pytest.raises(ValueError, match="shape"):
        wl.NystromFeatures(RBF(), 4).fit(X).dual(3.0 if np.ndim(wrong) == 0 else np.ones(7))
    for rows in (int, [], 3.0, X[:, :0]):
        with pytest.raises((ValueError, TypeError), match=r"[a-z]"):
            wl.TangentFeatures(4).fit(X).pull_back(rows, np.ones((12, 1)))


def test_counts_that_are_none():
    for wrong in (np.inf, -np.inf, np.nan):
        with pytest.raises(ValueError, match=r"[a-z]"):
            Moments(wrong)


@pytest.mark.parametrize("wrong", [object(), [1.0], np.ones(5), np.ones((1, 2, 1)), np.ones((2, 1), np.float32)])
def test_what_is_summed_unchecked_has_to_be_made_for_it(wrong):
    Z, y = np.ones((2, 3)), np.ones((2, 1))
    for rows in ((wrong, y, None), (Z, wrong, None), (Z, y, wrong)):
        with pytest.raises((TypeError, ValueError), match=r"arrays? of float|shapes"):
            Moments(3).take(*rows)
    for call in (Moments.solution, Moments.solution_once, Moments.gcv_errors):
        with pytest.raises(TypeError, match="rows must be RowPasses or None"):
            call(Moments(3).update(Z, y), np.ones(1), False, wrong)


def test_counts_that_nobody_waits_for(rng):
    X = rng.standard_normal((12, 3))
    with pytest.raises(ValueError, match="at most 1000"):
        wl.theory.empirical_risk(X @ X.T, X[:, 0], 2, 0.1, 0.0, splits=1001)
    with pytest.raises(ValueError, match="n_iter"):
        wl.RecursiveFeatureMachine(n_iter=1001).fit(X, X[:, 0])
    with pytest.raises(ValueError, match="signal_variance"):
        wl.KernelRidge("rbf").fit(X, X[:, 0]).predict(X, return_std=True, signal_variance=10**400)


def test_long_descents_end_where_nothing_moves(rng):
    X = rng.standard_normal((4, 3))
    start = wl.nets.TwoLayer(rng.standard_normal((30, 3)), np.zeros(30), rng.choice([-0.2, 0.2], (30, 1)), "tanh")
    short, long = (wl.diagnostics.scaled_descent(start, X, X[:, 0], steps=steps) for steps in (40_000, 100_000))
    assert long.times[-1] == 100_000
    assert len(long.nets) == len(long.times)
    np.testing.assert_array_equal(short.nets[-1].W, long.nets[-1].W)
    for wrong in (1e16, 10**400, 0, 0.5, np.nan):
        with pytest.raises(ValueError, match="steps must be a whole number from 1"):
            wl.diagnostics.scaled_descent(start, X, X[:, 0], steps=wrong)
    for none in ([start, start], wl.diagnostics.NetPath([start])):
        with pytest.raises(ValueError, match="X has the shape"):
            wl.diagnostics.laziness(none, None)
