"""What fixed features leave of quadratics, single neurons and parities, and what networks do not."""

import numpy as np
import pytest

from simulation import proves
from widelearn.theory import (
    fixed_feature_floor,
    hermite_coefficients,
    kernel_spectrum,
    neuron_spectrum,
    quadratic_network_residual,
    quadratic_nt_residual,
    risk,
    single_neuron_floor,
)


def test_fixed_features_have_a_floor(rng):
    """Any p directions against M orthonormal targets in R^M."""
    p, M = 30, 80
    Q = np.linalg.qr(rng.standard_normal((M, p)))[0]
    assert np.mean(1 - np.sum(Q**2, axis=1)) == pytest.approx(fixed_feature_floor(p, M), rel=1e-12)
    assert fixed_feature_floor(100, 50) == 0


def test_single_neuron_floor_is_the_limit_of_the_engine():
    d = 10**6
    spectrum = neuron_spectrum("softplus", d, 4)
    target = hermite_coefficients("softplus", 300) ** 2
    found = risk(spectrum, target[:5], d**1.5, 0.0, 0.0, target_tail=target[5:].sum()).excess
    assert found == pytest.approx(single_neuron_floor("softplus", 1), rel=0.02)


@pytest.mark.parametrize("rho", [0.25, 0.5, 0.75])
@pytest.mark.parametrize("trace", [0.0, 1.0])
def test_quadratic_targets(rng, rho, trace):
    d = 60
    rows, shares = [], []
    for _ in range(20):
        B = rng.standard_normal((d, d)) / np.sqrt(d)
        B = (B + B.T) / 2
        B += (trace - np.trace(B) / d) * np.eye(d)
        Q = np.linalg.qr(rng.standard_normal((d, int(rho * d))))[0]
        P = np.eye(d) - Q @ Q.T
        rows.append(np.sum((P @ B @ P) ** 2) / np.sum(B**2))
        shares.append(np.trace(B) ** 2 / d / np.sum(B**2))
    proves(rows, quadratic_nt_residual(rho, np.mean(shares), d), 0.02)
    # the limit is 1/(ρ d) away
    assert quadratic_nt_residual(rho, 0.3) == pytest.approx(quadratic_nt_residual(rho, 0.3, 10**6), rel=1e-5)


def test_quadratic_network():
    B = np.diag([3.0, 2.0, 1.0, 0.0])
    assert quadratic_network_residual(B, 1) == pytest.approx(5 / 14)
    assert quadratic_network_residual(B, 3) == 0
    assert quadratic_network_residual(np.diag([1.0, -3.0]), 1) == pytest.approx(0.1)
    with pytest.raises(ValueError, match="symmetric"):
        quadratic_network_residual([[1.0, 2.0], [0.0, 1.0]], 1)


def test_kernels_cannot_learn_parity():
    """The negative control of high degrees: parity of 4 of 20 signs at n = 400."""
    spectrum = kernel_spectrum(np.exp, 20, 20, "hypercube")
    target = np.eye(21)[4]
    assert risk(spectrum, target, 400, 0.0, 0.0).excess > 0.9
