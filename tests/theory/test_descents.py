"""Multiple descent: peaks where degrees are learned, none with the best ridge, and finite sizes of critical regimes."""

import numpy as np
import pytest

from simulation import polynomial_target, proves, sphere
from widelearn.theory import (
    critical_regime,
    isotropic_ridge,
    kernel_spectrum,
    multiple_descent,
    risk,
    self_induced_ridge,
)


def spare(t):
    """A kernel with ever less mass in higher degrees: it peaks at n = 1 + d and at n = 1 + d + B_2."""
    return t + 0.1 * t**2 + 0.001 * t**3


def test_peaks_are_where_degrees_are_filled():
    d = 40
    spectrum = kernel_spectrum(spare, d, 3)
    found = multiple_descent(spectrum, [0, 0.5, 0.5, 0], 0.0, 0.2, n=np.geomspace(10, 3000, 120))
    np.testing.assert_allclose(found.critical, np.cumsum(spectrum.multiplicities)[1:3])
    np.testing.assert_allclose(found.peaks, found.critical, rtol=0.06)
    np.testing.assert_allclose(found.heights, risk(spectrum, [0, 0.5, 0.5, 0], found.peaks, 0.0, 0.2).excess, rtol=1e-6)
    around = risk(spectrum, [0, 0.5, 0.5, 0], np.outer([0.999, 1.001], found.peaks), 0.0, 0.2).excess
    assert np.all(around < found.heights)
    # with the best ridge more samples never hurt
    assert np.all(np.diff(found.best) <= 1e-9)
    assert np.all(found.best <= found.excess * (1 + 1e-9))


def test_a_ridge_takes_the_peaks_away():
    spectrum = kernel_spectrum(spare, 40, 3)
    assert len(multiple_descent(spectrum, [0, 0.5, 0.5, 0], 1.0, 0.2, n=np.geomspace(10, 3000, 60)).peaks) == 0
    assert len(multiple_descent(spectrum, [0, 0.5, 0.5, 0], 0.0, 0.2).n) == 161


@pytest.mark.parametrize("n", [8, 17, 50, 130, 320])
def test_the_curve_in_simulation(rng, n):
    """d = 16: both descents and both sides of its peaks (17 and 152), within max(3 SE, 4 %)."""
    d, noise = 16, 0.2
    spectrum = kernel_spectrum(spare, d, 3)
    rows = []
    for _ in range({130: 150, 320: 80}.get(n, 400)):
        f, X, fresh = polynomial_target(rng, d, 0.5, 0.5), sphere(rng, n, d), sphere(rng, 300, d)
        y = f(X) + np.sqrt(noise) * rng.standard_normal(n)
        rows.append(np.mean((spare(fresh @ X.T / d) @ np.linalg.solve(spare(X @ X.T / d), y) - f(fresh)) ** 2))
    proves(rows, risk(spectrum, [0, 0.5, 0.5, 0], n, 0.0, noise).excess, 0.04)


@pytest.mark.parametrize("d", [24, 40, 300])
def test_critical_regimes_at_finite_sizes(d):
    """Up to n = B_2 off the engine by 1/d, times a measured 1.32; without the samples that lower degrees take, farther.

    A tenth more is refuted at every size.
    """
    spectrum = kernel_spectrum(np.exp, d, 6)
    target = [0, 0.3, 0.4, 0.3, 0, 0, 0]
    for part in (0.5, 0.7, 1.0):
        n = part * spectrum.multiplicities[2]
        for ridge in (0.0, 0.2):
            full = risk(spectrum, target, n, ridge, 0.05)
            found = critical_regime(spectrum, target, n, ridge, 0.05, 2)
            assert found.excess == pytest.approx(full.excess, rel=1.32 / d)
            assert 1.1 * found.excess != pytest.approx(full.excess, rel=1.32 / d)
            total = (ridge + self_induced_ridge(spectrum, 2)) / spectrum.eigenvalues[2]
            plain = 0.3 + isotropic_ridge(n, spectrum.multiplicities[2], total, 0.4, 0.35).excess
            assert abs(plain - full.excess) > 1.5 * abs(found.excess - full.excess)
            assert found.bias + found.variance == pytest.approx(found.excess, rel=1e-12)
    with pytest.raises(ValueError, match="lower degrees take"):
        critical_regime(spectrum, target, d, 0.0, 0.05, 2)


def test_wrong_curves_are_refused():
    spectrum = kernel_spectrum(spare, 40, 3)
    with pytest.raises(ValueError, match="numbers that increase"):
        multiple_descent(spectrum, [0, 1, 0, 0], 0.0, 0.1, n=[3, 2])


def test_an_empty_spectrum_has_no_default_samples():
    with pytest.raises(ValueError, match="spectrum has no eigenvalue"):
        multiple_descent([], [0.5], 0.0, 0.2)
