"""The Hermite eigenstructure: against every multiset, against closed forms, and its learning order."""

from itertools import combinations_with_replacement

import numpy as np
import pytest

from widelearn import kernels
from widelearn.theory import hermite_spectrum, risk

GAMMA = np.array([0.5, 0.2, 0.2, 0.1])


def test_the_largest_modes_of_all_multisets():
    """RBF exp(-‖x - x'‖²/(2 s²)): c_l = exp(-r²/s²) s^(-2l)."""
    s2 = 2.0
    found = hermite_spectrum(kernels.RBF(gamma=1 / (2 * s2)), GAMMA, 200)
    everything = sorted(
        (
            np.exp(-GAMMA.sum() / s2) * np.prod(GAMMA[list(mode)] / s2)
            for size in range(12)
            for mode in combinations_with_replacement(range(4), size)
        ),
        reverse=True,
    )
    # Taylor coefficients are integrals over a circle of radius .8: those of degree l are off by 1e-16 / .8^l, and here
    # those of degree 9 are below 1e-8.
    np.testing.assert_allclose(found.eigenvalues, everything[:200], rtol=1e-7)
    for mode, value in zip(found.modes, found.eigenvalues, strict=True):
        assert value == pytest.approx(np.exp(-1 / s2) * np.prod(GAMMA[list(mode)] / s2), rel=1e-7)
    assert len(set(found.modes)) == 200


def test_polynomials_and_functions_end_where_they_end():
    """(x.x' + 1)²: c_0 = 1, c_1 = 2, c_2 = 2."""
    found = hermite_spectrum(kernels.Polynomial(degree=2, gamma=1.0), GAMMA, 100)
    assert len(found.modes) == 1 + 4 + 10
    by_mode = dict(zip(found.modes, found.eigenvalues, strict=True))
    assert by_mode[()] == pytest.approx(1)
    assert by_mode[(0,)] == pytest.approx(2 * 0.5)
    assert by_mode[(0, 3)] == pytest.approx(2 * 0.5 * 0.1)
    given = hermite_spectrum(lambda t: (1 + t) ** 2, GAMMA, 100)
    np.testing.assert_allclose(given.eigenvalues, found.eigenvalues, rtol=1e-9)


def test_modes_follow_directions_as_they_were_given():
    found = hermite_spectrum(kernels.Linear(), [0.1, 3.0, 0.0, 1.0], 10)
    assert found.modes == ((1,), (3,), (0,))
    np.testing.assert_allclose(found.eigenvalues, [3.0, 1.0, 0.1])
    assert found.tail == pytest.approx(0.0, abs=1e-12)


def test_features_are_orthonormal(rng):
    found = hermite_spectrum(kernels.RBF(), GAMMA, 15)
    F = found.features(rng.standard_normal((100_000, 4)))
    # Fourth moments of Hermite polynomials of degree 3 are below 100: six standard errors are .2.
    np.testing.assert_allclose(F.T @ F / len(F), np.eye(15), atol=0.2)
    z = np.array([[0.3, -1.2, 0.5, 2.0]])
    by_mode = dict(zip(found.modes, found.features(z)[0], strict=True))
    assert by_mode[(0, 0)] == pytest.approx((0.3**2 - 1) / np.sqrt(2))
    assert by_mode[(0, 1)] == pytest.approx(0.3 * -1.2)


def test_levels_and_order_of_a_known_problem():
    """60 columns, γ ∝ (i + 3)^-1.8, i = 1..60, RBF s² = 4, ridge 1e-3; the numbers of an earlier implementation."""
    gamma = np.arange(4.0, 64.0) ** -1.8
    gamma /= gamma.sum()
    found = hermite_spectrum(kernels.RBF(gamma=1 / 8), gamma, 20_000)
    expected = {(0, 0, 0): (1.109, 0.10, 0.002), (0, 1): (0.085, 0.001)}
    for mode, values in expected.items():
        target = np.zeros(20_000)
        target[found.modes.index(mode)] = 1.0
        for n, value in zip((100, 400, 1600), values, strict=False):
            # They were printed with three digits at most.
            assert risk(found, target, n, 1e-3, 0.0).excess == pytest.approx(value, rel=0.05, abs=5e-4)


def test_networks_take_rows_of_mean_squared_length_d():
    found = hermite_spectrum(kernels.NNGP(), np.ones(5), 30)
    # relu: h(t) = (1/4)(1/π + t/2 + ...) in the scale of NNGP(depth=1), whose diagonal is 1/2.
    assert found.eigenvalues[0] == pytest.approx(1 / (2 * np.pi), rel=1e-9)
    assert found.modes[1:6] == ((0,), (1,), (2,), (3,), (4,))
    assert found.eigenvalues[1] == pytest.approx(1 / 4 / 5, rel=1e-9)
    with pytest.raises(ValueError, match="the 5 eigenvalues must add up to 5, got 10"):
        hermite_spectrum(kernels.NNGP(), 2 * np.ones(5), 30)


@pytest.mark.parametrize(
    ("kernel", "gamma", "count", "message"),
    [
        ("rbf", [-1.0, 2.0], 5, "not negative and not all zero"),
        ("rbf", [0.0, 0.0], 5, "not all zero"),
        ("rbf", [1.0], 0, "n_modes must be a whole number"),
        (lambda t: 1 - t, [1.0], 5, "not positive definite"),
        (kernels.Laplace(norm=1), [1.0, 1.0], 5, "norm"),
    ],
)
def test_wrong_input_is_refused(kernel, gamma, count, message):
    with pytest.raises(ValueError, match=message):
        hermite_spectrum(kernel, gamma, count)


@pytest.mark.parametrize("gamma", [0.1, 1.0, 3.0, 50.0])
@pytest.mark.parametrize("variances", [[1.0], [0.7, 0.3], [4.0, 0.0, 0.0], [1.0] * 5])
def test_no_eigenvalue_of_a_bounded_kernel_is_above_its_trace(gamma, variances):
    for kernel in (kernels.RBF(gamma), kernels.Laplace(gamma)):
        found = hermite_spectrum(kernel, variances, 30)
        assert (found.eigenvalues <= 1.0).all()
        assert found.eigenvalues.sum() + found.tail >= 1.0 - 1e-12


def test_no_variances_are_refused():
    with pytest.raises(ValueError, match="covariance_eigenvalues has no entry"):
        hermite_spectrum(kernels.RBF(1.0), [], 5)
