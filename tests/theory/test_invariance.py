"""Kernels averaged over cyclic shifts: functions counted one by one, spectra, and what invariance saves."""

from itertools import combinations

import numpy as np
import pytest

from simulation import proves, sphere
from widelearn import KernelRidge
from widelearn.kernels import NTK, RBF, CyclicAverage, Empirical, FiniteNTK, Laplace, Linear
from widelearn.nets import TangentKernel, TwoLayer
from widelearn.theory import cyclic_multiplicity, cyclic_spectrum, kernel_spectrum, risk, sphere_multiplicity
from widelearn.theory.inputs import Sphere


def orbits(d, k):
    """Sets of k of d places on a ring, up to shifts."""
    return len(
        {min(tuple(sorted((i + g) % d for i in places)) for g in range(d)) for places in combinations(range(d), k)}
    )


@pytest.mark.parametrize("d", [1, 4, 6, 9, 10])
def test_parities_up_to_shifts_are_counted(d):
    assert [cyclic_multiplicity(d, k, "hypercube") for k in range(d + 1)] == [orbits(d, k) for k in range(d + 1)]


@pytest.mark.parametrize("d", [3, 4, 5, 6])
def test_invariant_harmonics_are_counted_by_a_rank(rng, d):
    for k in range(5):
        X = sphere(rng, int(1.5 * sphere_multiplicity(d, k)) + 10, d)
        turned = (Sphere(d).orthonormal(X @ np.roll(X, g, axis=1).T / d, k)[k] for g in range(d))
        values = np.linalg.eigvalsh(sum(turned))
        assert cyclic_multiplicity(d, k) == np.sum(values > 1e-8 * values[-1])


def test_multiplicities_of_any_size(rng):
    assert cyclic_multiplicity(10**5, 3) == pytest.approx(sphere_multiplicity(10**5, 3) / 10**5, rel=1e-6)
    assert cyclic_multiplicity(10**5, 1000) == np.inf
    for wrong in (-1, 0.5, 10**9):
        with pytest.raises(ValueError, match="must be a whole number"):
            cyclic_multiplicity(10, wrong)


@pytest.mark.parametrize(("domain", "d"), [("sphere", 7), ("sphere", 12), ("hypercube", 9)])
def test_the_trace_is_the_mean_of_the_averaged_kernel(rng, domain, d):
    """Masses and tail sum to E k(x, x): what is left out of the tail is of the order d^(-3)."""
    spectrum = cyclic_spectrum(np.exp, d, 3, domain)
    X = sphere(rng, 40_000, d) if domain == "sphere" else rng.choice([-1.0, 1.0], (40_000, d))
    values = np.mean([np.exp(np.einsum("ij,ij->i", X, np.roll(X, g, axis=1)) / d) for g in range(d)], axis=0)
    error = values.std() / np.sqrt(len(X))
    assert spectrum.trace == pytest.approx(values.mean(), abs=4 * error)
    assert 1.01 * spectrum.trace != pytest.approx(values.mean(), abs=4 * error)


def invariant_target(rng, d):
    """A quadratic form that shifts leave as it is, of squared mass 1 in degree 2 on the sphere."""
    row = rng.standard_normal(d)
    row[0], row = 0.0, (row + np.roll(row[::-1], 1)) / 2
    row[0] = 0.0
    A = np.array([np.roll(row, g) for g in range(d)])
    A *= np.sqrt((d + 2) / (2 * d)) / np.linalg.norm(A)
    return lambda X: np.einsum("ij,ij->i", X @ A, X)


@pytest.mark.parametrize("n", [60, 160])
def test_invariance_saves_samples(rng, n):
    """The averaged kernel beside its theory, d = 32, within max(3 SE, 4 %); a tenth more would be refuted."""
    d, noise, ridge, draws = 32, 0.1, 0.3, 60
    plain, cyclic = kernel_spectrum(np.exp, d, 5), cyclic_spectrum(np.exp, d, 5)
    # exp(x.x'/d) of rows on the sphere of radius √d: an RBF kernel times e
    inner = np.e * RBF(gamma=0.5 / d)
    kernels = {"cyclic": CyclicAverage(inner), "plain": inner}
    found = {name: [] for name in kernels}
    for _ in range(draws):
        f, X, fresh = invariant_target(rng, d), sphere(rng, n, d), sphere(rng, 250, d)
        y = f(X) + np.sqrt(noise) * rng.standard_normal(n)
        for name, kernel in kernels.items():
            fit = kernel(fresh, X) @ np.linalg.solve(kernel(X) + ridge * np.eye(n), y)
            found[name].append(np.mean((fit - f(fresh)) ** 2))
    target = np.eye(6)[2]
    proves(found["cyclic"], risk(cyclic, target, n, ridge, noise).excess, 0.04)
    proves(found["plain"], risk(plain, target, n, ridge, noise).excess, 0.04)
    saved = np.array(found["plain"]) - found["cyclic"]
    assert saved.mean() > 10 * saved.std(ddof=1) / np.sqrt(draws)
    model = KernelRidge(kernels["cyclic"], alpha=ridge, fit_intercept=False).fit(X, y)
    again = kernels["cyclic"](fresh, X) @ np.linalg.solve(kernels["cyclic"](X) + ridge * np.eye(n), y)
    np.testing.assert_allclose(model.predict(fresh), again, rtol=1e-9, atol=1e-10)


def test_the_gain_is_the_dimension():
    """d times fewer samples give an invariant target the same risk, up to 1/d; twice as many fewer do not."""
    d = 200
    plain, cyclic = kernel_spectrum(np.exp, d, 4), cyclic_spectrum(np.exp, d, 4)
    target = np.eye(5)[2]
    n = plain.multiplicities[2]
    wanted = risk(plain, target, n, 0.0, 0.0).excess
    assert risk(cyclic, target, n / d, 0.0, 0.0).excess == pytest.approx(wanted, rel=0.05)
    assert risk(cyclic, target, n / d / 2, 0.0, 0.0).excess > 1.2 * wanted


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("inner", [RBF(gamma=0.3), NTK(depth=2), Laplace(gamma=0.2) + Linear(), "rbf"])
def test_the_averaged_kernel_is_a_kernel(rng, dtype, inner):
    X, Y = rng.standard_normal((6, 5)).astype(dtype), rng.standard_normal((4, 5)).astype(dtype)
    kernel = CyclicAverage(inner)
    plain = RBF() if inner == "rbf" else inner
    K, cross = kernel(X), kernel(X, Y)
    wanted = np.mean([plain(X, np.roll(Y, g, axis=1)) for g in range(5)], axis=0)
    tolerance = 1e-13 if dtype == np.float64 else 1e-5
    np.testing.assert_allclose(cross, wanted, rtol=tolerance)
    np.testing.assert_allclose(kernel(np.roll(X, 2, axis=1), Y), cross, rtol=10 * tolerance)
    np.testing.assert_array_equal(K, K.T)
    np.testing.assert_array_equal(np.diag(K), kernel.diag(X))
    assert K.dtype == cross.dtype == dtype
    assert np.linalg.eigvalsh(K.astype(float)).min() > -1e-5
    np.testing.assert_allclose(kernel.dot(X, Y, np.eye(4, dtype=dtype)), cross, rtol=tolerance)


def test_kernels_that_shifts_change_are_refused(rng):
    X = rng.standard_normal((3, 4))
    net = TwoLayer(rng.standard_normal((5, 4)), np.zeros(5), np.ones((5, 1)), "relu")
    own = [lambda A, B: A @ B.T, Empirical(lambda A: A), TangentKernel(net)]
    for inner in (FiniteNTK(10), RBF() + FiniteNTK(10), *own, CyclicAverage(own[1])):
        with pytest.raises(ValueError, match="may change where both rows are shifted"):
            CyclicAverage(inner)(X)
