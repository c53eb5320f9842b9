"""Every random stream as literal values: another draw for the same seed is a change that users must be told of.

Where one of these must change, ``STREAMS`` of persistence/origin.py goes up, and CHANGELOG says which seeds draw anew.
Values are held to 1e-12, for levels of instructions round differently.
"""

import numpy as np
import pytest

import widelearn as wl
from widelearn import datasets
from widelearn.kernels import RBF, FiniteNTK, FiniteRF, Laplace, Matern
from widelearn.persistence import origin

ROW = np.array([[0.5, -1.0, 2.0]])


def relu(weights):
    return wl.RandomFeatures(9, "relu", weights=weights, bias_scale=0.5, random_state=7)


def waves(kernel, weights="gaussian"):
    return wl.FourierFeatures(kernel, 9, weights=weights, random_state=7)


# A map, and the first, the last and the sum of its features of ROW.
MAPS = [
    (relu("gaussian"), 0.6541084375109163, 0.0, 1.151657053159437),
    (relu("sphere"), 0.6201379816109809, 0.0, 1.346766350266604),
    (relu("orthogonal"), 0.6541084375109164, 0.01970101945850807, 1.4069519288121075),
    (relu("hadamard"), 0.8486192774694545, 0.0, 2.2299378377099996),
    (waves(RBF(0.5)), -0.31818069984902386, 0.3899244657963444, 0.43453930362344345),
    (waves(RBF(0.5), "orthogonal"), -0.31818069984902403, 0.43004817624755687, 1.2318407163408351),
    (waves(RBF(0.5), "hadamard"), -0.46371845672211776, -0.4711834607183268, -0.46768530015935256),
    (waves(Laplace(0.5)), 0.14608209995135976, -0.14189382483745197, 0.3125644695216312),
    (waves(Laplace(0.5, norm=1)), -0.46653476741965727, 0.3564494039639971, 0.45130720895392723),
    (waves(Laplace(0.5, power=1.3)), 0.11563959073454176, -0.2270251843132383, 0.21639684071304618),
    (waves(Matern(2.0, 0.5)), -0.36304577037064334, 0.40050401655132706, -0.2650429831640738),
    (waves(Matern(2.0, 1.5)), 0.4672331463328707, 0.4390989152760636, 1.985974281277729),
    (waves(Matern(2.0, 2.5)), 0.42771151232540666, 0.46183653925402296, 2.321967737605461),
    (wl.TangentFeatures(4, random_state=7), 0.14433756729740643, 0.5773502691896257, 1.2990381056766578),
    (wl.NTKFeatures(12, depth=2, random_state=7), 0.16363833475285366, 0.3270624985849302, 1.016587205171357),
]


def test_the_streams_have_the_number_of_these_values():
    assert origin.STREAMS == 1


@pytest.mark.parametrize(("features", "first", "last", "total"), MAPS, ids=lambda value: str(value)[:40])
def test_features(features, first, last, total):
    found = features.fit(ROW).transform(ROW)[0]
    np.testing.assert_allclose([found[0], found[-1], found.sum()], [first, last, total], rtol=1e-12, atol=1e-14)


def test_kernels_of_drawn_neurons():
    other = ROW[:, ::-1].copy()
    assert FiniteRF(5, random_state=7)(ROW, other)[0, 0] == pytest.approx(0.5319575830786504, rel=1e-12)
    assert FiniteNTK(5, random_state=7)(ROW, other)[0, 0] == pytest.approx(0.8, rel=1e-12)


def test_starts_of_nets():
    X = np.random.default_rng(3).standard_normal((30, 3))
    model = wl.TaylorRegressor(width=4, random_state=7).fit(X, X[:, 0] ** 2)
    np.testing.assert_allclose(
        model.W0_[0], [0.9760254701611172, -0.26900906630725624, 0.018948730334678286], rtol=1e-12
    )
    np.testing.assert_array_equal(model.a_, [-0.5, -0.5, 0.5, 0.5])
    model = wl.TwoLayerRegressor(4, algorithm="frozen", random_state=7).fit(X, X[:, 0] ** 2)
    np.testing.assert_allclose(model.W_[0], [0.06656698310509025, -0.5196058977056627, 0.8851022122515702], rtol=1e-12)
    np.testing.assert_allclose(model.b_[:2], [0.8036099780721693, 0.6298978636394906], rtol=1e-12)


def test_rows_that_are_drawn():
    X = np.random.default_rng(3).standard_normal((30, 3))
    for sampling, rows in {"rpcholesky": [2, 23, 13, 21], "uniform": [1, 9, 2, 17]}.items():
        found = wl.NystromFeatures("rbf", 4, sampling=sampling, random_state=7).fit(X)
        assert found.component_indices_.tolist() == rows


# A problem, and its first entry, the sum of its rows and the sum of its targets.
PROBLEMS = [
    (datasets.parity(20, 6, 2, random_state=7), -1.0, 12.0, -4.0),
    (datasets.parity(20, 6, 2, kind="structured", random_state=7), -1.0, -8.0, 12.0),
    (datasets.parity(20, 6, 2, kind="grouped", random_state=7), -1.0, 8.0, 8.0),
    (datasets.staircase(20, 6, random_state=7), -1.0, 12.0, -4.0),
    (datasets.xor_mixture(20, 4, 2.0, random_state=7), -1.25750082639779, -15.444606538448111, 2.0),
    (datasets.gaussian_mixture(20, 4, random_state=7), -3.2498776672380494, -58.17806937960694, -4.0),
    (datasets.multi_index(20, 4, random_state=7), 1.0176580056634932, -2.837806471175003, -9.328990698709159),
    (datasets.polynomial(20, 4, random_state=7), 0.6398665520190943, 1.052263748076912, -0.6834329172003206),
]


@pytest.mark.parametrize(("problem", "first", "rows", "targets"), PROBLEMS, ids=range(len(PROBLEMS)))
def test_problems(problem, first, rows, targets):
    found = [problem.X[0, 0], problem.X.sum(), problem.y.sum()]
    np.testing.assert_allclose(found, [first, rows, targets], rtol=1e-12, atol=1e-12)
