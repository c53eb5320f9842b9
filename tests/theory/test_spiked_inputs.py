"""Kernels on inputs with few long directions: the spectrum against a decomposition, risks against simulation."""

import numpy as np
import pytest
from scipy.special import eval_gegenbauer, roots_gegenbauer

from simulation import polynomial_target, proves, sphere
from widelearn.datasets import spiked
from widelearn.theory import effective_dimension, kernel_spectrum, risk, spiked_spectrum


def test_without_spikes_it_is_the_spectrum_of_the_sphere():
    """Radius 1 is the sphere up to fluctuations of 1/d: traces by degree agree, and sum to h(1)."""
    d = 400
    spectrum, degrees = spiked_spectrum(np.exp, d, 20, 1.0, 3)
    whole = kernel_spectrum(np.exp, d, 3)
    by_degree = np.bincount(degrees.sum(axis=1), spectrum.masses)
    np.testing.assert_allclose(by_degree, whole.masses, rtol=5 / d)
    assert spectrum.trace == pytest.approx(np.e, rel=1e-12)


@pytest.mark.parametrize(("kernel", "radius"), [(np.exp, 2.0), (np.exp, 0.3), ("rbf", 2.0), (lambda t: t + t**2, 4.0)])
def test_eigenvalues_by_another_quadrature(kernel, radius):
    """E[h(a t_1 + (1 - a) t_2) Q_i(t_1) Q_j(t_2)], Q of value 1 at 1, t of the law of a sphere's cosine: by SciPy."""
    d, k = 12, 4
    spectrum, degrees = spiked_spectrum(kernel, d, k, radius, 4)
    a = radius**2 * k / (radius**2 * k + d - k)
    (t, one), (s, two) = (roots_gegenbauer(40, part / 2 - 1) for part in (k, d - k))
    inner = a * t[:, None] + (1 - a) * s
    h = np.exp(-2 * (1 - inner)) if kernel == "rbf" else kernel(inner)
    for (i, j), found in zip(degrees, spectrum.eigenvalues, strict=True):
        first, second = (
            eval_gegenbauer(order, part / 2 - 1, x) / eval_gegenbauer(order, part / 2 - 1, 1.0) * weight / weight.sum()
            for order, part, x, weight in ((i, k, t, one), (j, d - k, s, two))
        )
        # traces below 1e-12 of h(1) are zeros, and multiplicities are at least 1
        assert found == pytest.approx(first @ h @ second, rel=1e-9, abs=1e-12 * np.e)


@pytest.mark.parametrize("kernel", [np.exp, "rbf", lambda t: t + t**2])
def test_eigenvalues_are_those_of_polynomials_in_both_parts(rng, kernel):
    """E[k(x, x') z_1 z'_1] = s_10 and so on, by Monte Carlo over pairs within 4 standard errors."""
    d, k, radius, pairs = 12, 4, 2.0, 400_000
    spectrum, degrees = spiked_spectrum(kernel, d, k, radius, 3)
    D = radius**2 * k + d - k
    z, v = (sphere(rng, 2 * pairs, part) for part in (k, d - k))
    t = (radius**2 * np.einsum("ij,ij->i", z[:pairs], z[pairs:]) + np.einsum("ij,ij->i", v[:pairs], v[pairs:])) / D
    h = np.exp(-2 * (1 - t)) if kernel == "rbf" else kernel(t)
    functions = {(0, 0): np.ones(2 * pairs), (1, 0): z[:, 0], (0, 1): v[:, 0], (1, 1): z[:, 0] * v[:, 0]}
    for pair, f in functions.items():
        values = h * f[:pairs] * f[pairs:]
        found = spectrum.eigenvalues[(degrees == pair).all(axis=1)][0]
        assert found == pytest.approx(values.mean(), abs=4 * values.std() / np.sqrt(pairs))


@pytest.mark.parametrize("radius", [1.0, 1.8, 3.0])
def test_spikes_help_kernels(rng, radius):
    """exp at d = 60, k = 4, n = 200, within max(3 SE, 5 %), from an excess of .75 to one of .13."""
    d, k, n, noise, ridge, draws = 60, 4, 200, 0.05, 0.01, 50
    spectrum, degrees = spiked_spectrum(np.exp, d, k, radius, 5)
    target = 0.4 * (degrees == [1, 0]).all(axis=1) + 0.6 * (degrees == [2, 0]).all(axis=1)
    rows = []
    for _ in range(draws):
        f, data = polynomial_target(rng, k, 0.4, 0.6), spiked(n + 600, d, k, radius, int(rng.integers(1 << 30)))
        K = np.exp(data.X @ data.X[:n].T / (radius**2 * k + d - k))
        y = f(data.z[:n]) + np.sqrt(noise) * rng.standard_normal(n)
        rows.append(np.mean((K[n:] @ np.linalg.solve(K[:n] + ridge * np.eye(n), y) - f(data.z[n:])) ** 2))
    proves(rows, risk(spectrum, target, n, ridge, noise).excess, 0.05)
    # a theory that does not see the spikes
    blind = risk(kernel_spectrum(np.exp, d, 5), [0, 0.4, 0.6, 0, 0, 0], n, ridge, noise).excess
    if radius > 1:
        assert abs(np.mean(rows) - blind) > 10 * np.std(rows, ddof=1) / np.sqrt(draws)


def test_samples_scale_with_the_effective_dimension():
    """Degree 1 of z is half learned at n of the order of d/r² + k, while it falls from 400 to 8."""
    d, k = 400, 4
    for radius in (1.0, 3.0, 10.0):
        spectrum, degrees = spiked_spectrum(np.exp, d, k, radius, 4)
        target = 1.0 * (degrees == [1, 0]).all(axis=1)
        n = np.geomspace(1, 4 * d, 400)
        excess = risk(spectrum, target, n, 0.0, 0.0).excess
        half = n[np.argmax(excess < 0.5)]
        assert 0.2 < half / (effective_dimension(d, k, radius)) < 3


def test_wrong_spikes_are_refused():
    for call, message in (
        (lambda: spiked_spectrum(np.exp, 10, 2, 1.0, 3), "n_directions must be a whole number of at least 3"),
        (lambda: spiked_spectrum(np.exp, 10, 8, 1.0, 3), "at most d - 3 = 7"),
        (lambda: spiked_spectrum(np.exp, 10, 4, 0.0, 3), "radius must be positive"),
        (lambda: spiked_spectrum(lambda t: t**2 - t, 10, 4, 1.0, 3), "not positive semidefinite"),
        (lambda: effective_dimension(10, 10, 1.0), "n_directions = 10 must be below d = 10"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
