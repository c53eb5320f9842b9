"""What the core reads of kernels and maps: named tuples that it takes by class and by name, and refuses otherwise."""

import pickle
from typing import NamedTuple, get_args

import numpy as np
import pytest

from widelearn import FourierFeatures, RandomFeatures, _core, kernels
from widelearn.kernels import RBF, Linear, specs
from widelearn.nets import TangentKernel, TwoLayer

KERNELS = [
    kernels.Constant(2.0),
    Linear(),
    kernels.Polynomial(),
    kernels.DotProduct((1.0, 0.5)),
    RBF(),
    kernels.Laplace(),
    kernels.Laplace(norm=1),
    kernels.Matern(),
    kernels.ArcCosine(),
    kernels.NNGP(),
    kernels.NTK(2, "erf"),
    kernels.FiniteRF(3),
    kernels.FiniteNTK(3),
    TangentKernel(TwoLayer(np.ones((3, 2)), np.ones(3), np.ones((3, 1)), "relu"), "a"),
    kernels.TaylorKernel(),
    kernels.Sum(RBF(), Linear()),
    kernels.Product(RBF(), Linear()),
]


def evaluate(spec):
    x, out = np.array([[1.0, 2.0]]), np.empty((1, 1))
    _core.gram(spec, x, None, out)
    return float(out[0, 0])


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: repr(kernel).split(" object at ")[0])
def test_the_core_reads_what_a_kernel_says_of_itself(kernel):
    spec = kernel.spec(2)
    assert type(spec) in get_args(specs.Kernel)
    assert evaluate(spec) == kernel([[1.0, 2.0]])[0, 0]


def test_every_kernel_that_the_core_reads_is_tried():
    assert {type(kernel.spec(2)) for kernel in KERNELS} == set(get_args(specs.Kernel))


def test_parameters_are_read_by_name():
    class Rbf(NamedTuple):
        note: str
        gamma: float

    assert evaluate(Rbf("the order of fields is free", 0.5)) == evaluate(specs.Rbf(0.5))


def test_refusals():
    class Rbf(NamedTuple):
        width: float

    deep = specs.Linear()
    for _ in range(101):
        deep = specs.Sum(deep, specs.Linear())
    for spec, error, message in (
        (("rbf", 0.5), TypeError, "a kernel is one of widelearn.kernels.specs, got tuple"),
        (Rbf(1.0), TypeError, "gamma"),
        (specs.Rbf("wide"), TypeError, "must be real number"),
        (specs.Rbf(-1.0), ValueError, "gamma must be positive"),
        (deep, ValueError, "nested more than 100 levels"),
    ):
        with pytest.raises(error, match=message):
            evaluate(spec)
    x, out = np.ones((1, 2)), np.empty((1, 2))
    with pytest.raises(TypeError, match="a formula is Neurons or Waves, got Linear"):
        _core.transform(specs.Features(2, "gaussian", 0, specs.Linear()), x, out)
    with pytest.raises(ValueError, match="Linear has no spectral measure here"):
        _core.transform(specs.Features(2, "gaussian", 0, specs.Waves(specs.Linear())), x, out)


@pytest.mark.parametrize("features", [RandomFeatures(5, "erf"), FourierFeatures(n_components=5)], ids=repr)
def test_fitted_maps_keep_it_through_pickles(features):
    X = np.ones((2, 3))
    Z = features.fit(X).transform(X)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(features)).transform(X), Z)
