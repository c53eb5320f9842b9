"""Theory out of its range: refused with the number, or extended, and never endless."""

import inspect
import math

import numpy as np
import pytest
from scipy import special

from widelearn import theory
from widelearn.theory import Spectrum, benign_overfitting, power_law, trajectories

SPECTRUM = Spectrum([1.0, 0.5], [2, 3])
# One call that works of each function, by name.
WORKS = {
    "benign_overfitting": {"spectrum": SPECTRUM, "n": 3.0},
    "correlation_flow": {"activation": "relu", "target": "relu", "m0": 0.1, "t": [0.0, 1.0]},
    "covering_width": {"probability": [0.1, 0.2], "delta": 0.1, "n_features": 2},
    "critical_ridge": {"spectrum": SPECTRUM, "n": 3.0},
    "critical_samples": {"spectrum": SPECTRUM},
    "critical_regime": {
        "spectrum": SPECTRUM, "target": [1.0, 1.0], "n": 3.0, "ridge": 0.1, "noise": 0.1, "degree": 0
    },
    "cyclic_multiplicity": {"d": 10, "degree": 2},
    "cyclic_spectrum": {"kernel": np.exp, "d": 10, "degree": 2},
    "effective_dimension": {"d": 10.0, "n_directions": 3.0, "radius": 2.0},
    "empirical_risk": {"K": np.eye(12), "target": np.ones(12), "n": 3.0, "ridge": 0.1, "noise": 0.1},
    "escape_time": {"activation": "relu", "target": "relu", "d": 100.0, "overlap": 0.5, "degree": 20},
    "feature_coverage": {"probability": [0.1, 0.2], "width": 5, "n_features": 2},
    "feature_learning_bound": {
        "opt": 0.1, "output_weights": [1.0, 2.0], "multiplicity": [1, 1], "cone": 0.1, "gradient_norm": 1.0,
        "probability": [0.1, 0.2], "width": 9, "n": 10.0, "mean_norm": 1.0, "mean_square": 2.0, "delta": 0.1
    },
    "gcv": {"K": np.eye(4), "y": np.ones(4), "ridge": 0.1},
    "hypercube_multiplicity": {"d": 10, "degree": 2},
    "leap": {"terms": [(0,), (0, 1)]},
    "lazy_condition": {"sigma_min": 1.0, "lipschitz": 1.0, "residual": 1.0, "scale": 1.0},
    "marchenko_pastur_edges": {"spectrum": SPECTRUM, "n": 3.0, "degree": 0},
    "mean_field_flow": {"s": [0.1, -0.1], "r": [1.0, 1.0], "target_norm": 2.0, "t": [0.0, 0.1], "scale": 1.0},
    "mean_field_particles": {"W": np.eye(3), "u": [1.0, 0.0, 0.0], "t": [0.0, 0.1], "a": [1.0, 2.0, 3.0]},
    "mei_montanari": {
        "psi1": 2.0, "psi2": 3.0, "ridge": 0.1, "mu1": 0.5, "mu_star2": 0.1, "F1": 1.0, "F_star2": 0.1, "noise": 0.1
    },
    "mixture_gradient": {
        "W": np.eye(2), "b": [0.1, 0.2], "means": np.eye(2), "labels": [1, -1], "weights": [1, 2], "scale": [1.0, 2.0]
    },
    "multi_index_flow": {
        "link": lambda z: z[:, 0], "s": [[0.1], [0.2]], "r": [1.0, 1.0], "t": [0.0, 0.1], "a": [1.0, -1.0],
        "b": [0.1, 0.2], "activation": "relu", "inputs": "gaussian", "scale": 1.0, "n_nodes": 8
    },
    "multiple_descent": {"spectrum": SPECTRUM, "target": [1.0, 1.0], "ridge": 0.1, "noise": 0.1, "n": [1.5, 3.0, 6.0]},
    "nt_lambda_min": {"activation": "relu", "n": 30.0, "d": 10, "width": 20.0},
    "nt_risk": {
        "activation": "relu", "target": [0.0, 1.0], "n": 30.0, "d": 10, "ridge": 0.1, "noise": 0.1, "width": 20.0
    },
    "polynomial_rates": {"spectrum": SPECTRUM, "target": [1.0, 1.0], "n": 3.0, "ridge": 0.1, "noise": 0.1},
    "nt_threshold": {"n": 100.0, "d": 10.0},
    "one_step_risk": {"activation": "relu", "n": 100.0, "d": 10.0, "noise": 0.1},
    "optimal_ridge": {"spectrum": SPECTRUM, "target": [1.0, 1.0], "n": 3.0, "noise": 0.1},
    "parity_accuracy": {
        "spectrum": SPECTRUM, "k": 1, "n": 3.0, "ridge": 0.1, "label_noise": 0.1, "n_features": 9.0
    },
    "parity_floor": {"n_features": 10.0, "d": 10, "k": 2, "coefficient_norm": 2.0, "uniform": 0.5},
    "parity_gradient": {
        "W": np.ones((2, 4)), "b": 0.0, "support": [[0], [1], [2]], "group_rate": 0.1, "background": 0.2
    },
    "phase_diagram": {
        "spectrum": SPECTRUM, "target": [1.0, 1.0], "n": [3.0], "n_features": [4.0], "ridge": 0.1, "noise": 0.1
    },
    "power_law": {"n": 50.0, "exponent": 1.5, "noise": 1.0},
    "quadratic_gradient": {"W": np.eye(2), "b": 0.5, "H": np.eye(2)},
    "risk": {"spectrum": SPECTRUM, "target": [1.0, 1.0], "n": 3.0, "ridge": 0.1, "noise": 0.1},
    "sampling_angle": {"gradient_norm": 0.5, "energy": 1.0, "n": 10.0},
    "self_induced_ridge": {"spectrum": SPECTRUM, "degree": 0},
    "smallest_eigenvalue": {"spectrum": SPECTRUM, "n": 3.0},
    "spiked_spectrum": {"kernel": np.exp, "d": 10, "n_directions": 3, "radius": 2.0, "degree": 2},
    "sphere_multiplicity": {"d": 10, "degree": 2},
    "statistical_query_floor": {"d": 10, "k": 2, "tolerance": 0.1, "advantage": 0.1},
    "xor_accuracy": {"n": 10.0, "d": 20, "radius": 2.0, "ridge": 0.1},
}  # fmt: skip
WRONG = [
    None, "abc", b"x", [], (), [[1.0], [1.0, 2.0]], {}, object(), math.nan, math.inf, -math.inf, -1, 0, 0.5, 1e16,
    1e308, 1e-320, 2**62, 2**64, 10**30, 10**400, 1 + 2j, np.array([None, 1], dtype=object), np.empty(0),
    np.empty((0, 3)),
    np.ones((2, 2, 2)), np.ones((5, 7)), np.full((4, 3), np.inf), np.full((4, 3), 1e200), -np.ones(4), np.array(["a"]),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("name", WORKS)
def test_wrong_arguments_are_refused_by_class(name, monkeypatch):
    monkeypatch.setattr(trajectories, "EVALUATIONS", 300)
    function = getattr(theory, name)
    function(**WORKS[name])
    assert set(WORKS[name]) <= set(inspect.signature(function).parameters)
    for parameter in WORKS[name]:
        for wrong in WRONG:
            try:
                function(**WORKS[name] | {parameter: wrong})
            except (ValueError, TypeError):
                continue


def test_a_list_of_eigenvalues_is_a_spectrum():
    np.testing.assert_array_equal(theory.critical_samples([1.0, 0.5, 0.0]), [1.0, 2.0, 2.0])
    np.testing.assert_array_equal(theory.critical_samples(0.5), [1.0])
    assert theory.self_induced_ridge([1.0, 0.5, 0.25], 0) == 0.75
    assert theory.smallest_eigenvalue([1.0, 0.5], 5.0) == 0.0


@pytest.mark.parametrize(
    ("d", "degree"), [(10, 2**40), (3, 2**50), (10**15, 10**15), (10**15, 5 * 10**14), (2000, 1999)]
)
def test_multiplicities_of_any_degree_end(d, degree):
    # By logarithms of factorials, whose error grows with their size.
    choose = special.gammaln(d + 1.0) - special.gammaln(degree + 1.0) - special.gammaln(d - degree + 1.0)
    found = theory.hypercube_multiplicity(d, degree)
    if degree > d:
        assert found == 0.0
    elif choose > 709:
        assert found == math.inf
    else:
        assert found == pytest.approx(math.exp(choose), rel=1e-9) if d < 10**6 else found == 1.0
    assert theory.sphere_multiplicity(3, degree) == pytest.approx(2 * degree + 1, rel=1e-12)


@pytest.mark.parametrize(
    ("n", "a", "ridge"), [(1, 1.5, 0.0), (3, 1.2, 0.0), (2, 2.0, 1e3), (100, 1.3, 1e5), (40, 3.0, 50.0)]
)
def test_power_laws_beyond_the_integrals(n, a, ridge):
    """Where κ is no longer small the sums are taken: the equation and its risk, solved here by bisection."""
    noise, b = 0.7, 1.8
    k = np.arange(1.0, 2e5)
    s, t = k**-a, 0.4 * k**-b
    tails = special.zeta(a, len(k) + 1.0), 0.4 * special.zeta(b, len(k) + 1.0)
    low, high = 1e-12, 1e12
    for _ in range(120):
        kappa = math.sqrt(low * high)
        freedom = np.sum(s / (s + kappa)) + tails[0] / kappa
        low, high = (kappa, high) if n * kappa < ridge + freedom * kappa else (low, kappa)
    T, missed = np.sum((s / (s + kappa)) ** 2), np.sum(t * (kappa / (s + kappa)) ** 2) + tails[1]
    found = power_law(n, a, noise, ridge, signal=0.4, signal_exponent=b)
    assert found.effective_ridge == pytest.approx(kappa, rel=1e-5)
    assert found.bias == pytest.approx(missed / (1 - T / n), rel=1e-4)
    assert found.variance == pytest.approx(noise * T / n / (1 - T / n), rel=1e-4)


def test_power_laws_meet_where_the_sums_take_over():
    risks = [power_law(n, 1.5, 1.0).variance for n in (20, 22, 24, 26, 28, 30)]
    np.testing.assert_allclose(risks, 0.5, rtol=0.1)


def test_an_exponent_that_leaves_no_eigenvalue_is_refused():
    with pytest.raises(ValueError, match="exponent = 1e\\+16 is too large for n = 50"):
        power_law(50, 1e16, 1.0)


@pytest.mark.parametrize(("p", "n"), [(5, 500), (40, 100), (30, 31)])
def test_more_samples_than_eigenvalues_cost_the_rank(p, n):
    """Nothing is left to interpolate with: p/n bounds the variance p/(n - p) up to n/(n - p)."""
    found = benign_overfitting(np.ones(p), n)
    assert (found.split, found.bound) == (p, pytest.approx(p / n))
    assert found.variance == pytest.approx(p / (n - p))
    assert math.inf == found.R
