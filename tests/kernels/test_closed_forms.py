"""Every closed form against values to 60 digits and more (golden/closed_forms.py), on pairs that are hard on floats."""

import ast
from pathlib import Path

import numpy as np
import pytest

from widelearn.kernels import NNGP, NTK, RBF, ArcCosine, Laplace, Linear, Matern, Polynomial

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "closed_forms.npz")
SPECS = [ast.literal_eval(spec) for spec in GOLDEN["specs"]]
SETS = sorted(int(name[1:]) for name in GOLDEN.files if name[0] == "x")
# Relative to sqrt(k(x, x) k(x', x')): a few hundred epsilons, for rows whose products round each of their terms.
TOLERANCE = {"float64": 1e-13, "float32": 1e-6}


def as_object(spec):
    name, *values = spec
    match name:
        case "rbf":
            return RBF(gamma=values[0])
        case "laplace":
            return Laplace(gamma=values[0], power=values[1])
        case "manhattan":
            return Laplace(gamma=values[0], norm=1)
        case "matern":
            return Matern(length_scale=values[0], nu=values[1])
        case "linear":
            return Linear()
        case "polynomial":
            return Polynomial(degree=values[0], gamma=values[1], coef0=values[2])
        case "arccos":
            return ArcCosine(order=values[0])
    depth, (activation, slope), weight_variance, bias_variance = values
    activation = (activation, slope) if activation == "leaky_relu" else activation
    kind = NTK if name == "ntk" else NNGP
    return kind(depth, activation, weight_variance=weight_variance, bias_variance=bias_variance)


@pytest.mark.parametrize("spec", SPECS, ids=repr)
def test_against_many_digits(spec):
    kernel, compared = as_object(spec), 0
    for number in SETS:
        x, y = GOLDEN[f"x{number}"], GOLDEN[f"y{number}"]
        want, size = (GOLDEN[f"{name}{number}"][SPECS.index(spec)] for name in ("k", "size"))
        for i in np.flatnonzero(np.isfinite(size)):
            error = abs(float(kernel(x[i], y[i])) - want[i]) / size[i]
            assert error <= TOLERANCE[x.dtype.name], (number, i, error)
            compared += 1
    assert compared > 50


@pytest.mark.parametrize(
    "kernel", [RBF(), NTK(depth=3, bias_variance=0.1), NTK(2, "erf"), NNGP(2, "sin"), Matern()], ids=repr
)
def test_pairs_alone_are_as_in_a_matrix(kernel):
    x, y = GOLDEN["x2"], GOLDEN["y2"]
    matrix = kernel(x, y)
    assert all(matrix[i, i] == kernel(x[i], y[i]) for i in range(len(x)))


@pytest.mark.parametrize("spec", SPECS, ids=repr)
def test_opposite_rows_and_their_transpose(spec):
    kernel, x = as_object(spec), GOLDEN["x2"][:9]
    both = np.vstack([x, -x])
    assert np.array_equal(kernel(both, x), kernel(x, both).T)
    assert np.array_equal(np.diag(kernel(both)), kernel.diag(both))
