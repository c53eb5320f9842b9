"""Spectra of kernels on the sphere and the cube: golden values, high-precision oracles, data, refusals."""

import math

import mpmath
import numpy as np
import pytest
from scipy import special

from activation_values import NAMES, VALUES
from widelearn import kernels
from widelearn.theory import (
    Spectrum,
    hypercube_multiplicity,
    kernel_spectrum,
    neuron_spectrum,
    sphere_multiplicity,
)

# Multiplicities.


def test_multiplicities():
    for d in (3, 4, 24, 1000):
        for k in range(9):
            exact = math.comb(d + k - 1, k) - (math.comb(d + k - 3, k - 2) if k > 1 else 0)
            assert sphere_multiplicity(d, k) == pytest.approx(exact, rel=1e-14)
            assert hypercube_multiplicity(d, k) == pytest.approx(math.comb(d, k), rel=1e-14)
    assert sphere_multiplicity(10**9, 8) == pytest.approx(1e72 / math.factorial(8), rel=1e-7)
    with pytest.raises(ValueError, match="d must be a whole number of at least 3, got 2"):
        sphere_multiplicity(2, 1)


# Kernels on the sphere.


def exp_mass(d, k):
    """B_k E[e^t q_k(t)] = B_k Γ(d/2) 2^(d/2 - 1) I_{d/2 - 1 + k}(1), at 60 digits."""
    with mpmath.workdps(60):
        nu = mpmath.mpf(d) / 2 - 1
        value = mpmath.gamma(nu + 1) * mpmath.mpf(2) ** nu * mpmath.besseli(nu + k, 1)
        count = mpmath.binomial(d + k - 1, k) - (mpmath.binomial(d + k - 3, k - 2) if k > 1 else 0)
        return float(value * count)


@pytest.mark.parametrize("d", [3, 4, 7, 12, 16, 24, 40, 100, 1000])
def test_exponential_kernel(d):
    spectrum = kernel_spectrum(np.exp, d, 8)
    for k in range(9):
        assert spectrum.masses[k] == pytest.approx(exp_mass(d, k), rel=1e-9)
    assert spectrum.trace == pytest.approx(np.e, rel=1e-13)


@pytest.mark.parametrize(("d", "gamma"), [(3, 0.05), (6, 0.05), (24, 0.001), (24, 0.5), (10**4, 1e-6)])
def test_rbf_kernel_down_to_tiny_masses(d, gamma):
    """exp(-r (1 - t)) with r = 2 d γ: c_k = e^-r B_k Γ(ν + 1) (2/r)^ν I_{ν + k}(r), ν = d/2 - 1."""
    spectrum = kernel_spectrum(kernels.RBF(gamma=gamma), d, 8)
    with mpmath.workdps(60):
        r, nu = 2 * d * mpmath.mpf(repr(gamma)), mpmath.mpf(d) / 2 - 1
        for k in range(9):
            value = mpmath.exp(-r) * mpmath.gamma(nu + 1) * (2 / r) ** nu * mpmath.besseli(nu + k, r)
            value *= mpmath.binomial(d + k - 1, k) - (mpmath.binomial(d + k - 3, k - 2) if k > 1 else 0)
            if value > 1e-12:
                assert spectrum.masses[k] == pytest.approx(float(value), rel=1e-8)
            elif value < 0.99e-12:
                assert spectrum.masses[k] == 0


@pytest.mark.parametrize("d", [10**6, 10**9])
def test_exponential_kernel_in_high_dimension(d):
    """c_k = (1/k!) (1 + (1 - k(k - 1))/(2d) + O(1/d²)): one power above adds 1/(2d), and E t² is 1/(d + 2k)."""
    spectrum = kernel_spectrum(np.exp, d, 8)
    for k in range(9):
        expected = (1 + (1 - k * (k - 1)) / (2 * d)) / math.factorial(k)
        assert spectrum.masses[k] == pytest.approx(expected, rel=1e-8)
    assert np.all(spectrum.eigenvalues > 0)


def test_sphere_golden():
    for d, golden in (
        (24, [1.021034851, 1.019403430, 0.4877948916, 0.1499124542, 0.03342781269]),
        (100, [1.005012275, 1.004913763, 0.4973854291, 0.1625295159, 0.03945684459]),
    ):
        np.testing.assert_allclose(kernel_spectrum(np.exp, d, 4).masses, golden, rtol=1e-8)
    tangent = [0.0040289164, 0.25, 0.1589972, 0, 0.026855014, 0, 0.012246464]
    np.testing.assert_allclose(kernel_spectrum(relu_tangent, 40, 6).masses, tangent, atol=5e-8)
    np.testing.assert_allclose(kernel_spectrum(Finite("FiniteNTK", "relu"), 40, 6).masses, tangent, atol=5e-8)
    random = [0.16115666, 0.25, 0.078517133, 0, 0.0063562163, 0, 0.0018485228]
    np.testing.assert_allclose(kernel_spectrum(Finite("FiniteRF", "relu"), 40, 6).masses, random, atol=5e-9)


def relu_tangent(t):
    return (0.5 - np.arccos(np.clip(t, -1, 1)) / (2 * np.pi)) * t


def Finite(kind, activation):  # noqa: N802
    """A kernel object of a class of this name, as theory sees it."""
    parameters = {"width": 7, "activation": activation, "random_state": 0}
    return type(kind, (), {"get_params": lambda self, deep=True: parameters})()


@pytest.mark.parametrize("d", [3, 8, 40, 1000, 10**6, 10**9])
@pytest.mark.parametrize("name", ["relu", "leaky_relu", "relu2"])
def test_two_ways_agree(d, name):
    """One neuron's moments squared against the closed form of the kernel: no line of code in common."""
    spectrum = kernel_spectrum(Finite("FiniteRF", name), d, 8)
    moments = {"relu": 1.0, "leaky_relu": 1.0, "relu2": (d + 2) / d}[name]
    other = kernel_spectrum(kernels.NNGP(activation=name), d, 8)
    # moments are known to 1e-15 of the root of the trace, so their squares to 2e-15 sqrt(c_k trace)
    slack = 1e-9 * spectrum.masses + 1e-15 * spectrum.trace
    assert np.all(np.abs(spectrum.masses - other.masses / moments) <= slack)
    assert spectrum.trace == pytest.approx(other.trace / moments, rel=1e-12)
    tangent = kernel_spectrum(Finite("FiniteNTK", "relu"), d, 8)
    np.testing.assert_allclose(tangent.masses, kernel_spectrum(relu_tangent, d, 8).masses, rtol=1e-9)


@pytest.mark.parametrize(("d", "degree"), [(3, 1500), (40, 600)])
def test_high_degrees_of_relu(d, degree):
    """relu is (t + |t|) / 2: even masses by E[|t| q_k+2] = -(k - 1) / (k + d + 1) E[|t| q_k], odd ones are zero."""
    with mpmath.workdps(30):
        # E|t| on the sphere, t = x.x'/d.
        moment = mpmath.gamma(mpmath.mpf(d) / 2) / (mpmath.sqrt(mpmath.pi) * mpmath.gamma((mpmath.mpf(d) + 1) / 2))
        wanted = []
        for k in range(0, degree + 1, 2):
            wanted.append(float(d * mpmath.mpf(sphere_multiplicity(d, k)) * moment**2 / 4))
            moment *= -mpmath.mpf(k - 1) / (k + d + 1)
    found = neuron_spectrum("relu", d, degree)
    np.testing.assert_allclose(found.masses[::2][:20], wanted[:20], rtol=1e-11)
    # A coefficient has an error of rounding, beside E relu² = 1/2; masses of 1e-12 of that count as none.
    kept = np.array(wanted) > 6e-13
    np.testing.assert_allclose(np.sqrt(found.masses[::2][kept]), np.sqrt(wanted)[kept], rtol=0, atol=1e-13)
    assert (found.masses[::2][~kept] <= 6e-13).all()
    assert not found.masses[3::2].any()
    assert found.masses.sum() + found.tail == pytest.approx(0.5, abs=6e-13 * (1 + np.sum(~kept)))


def test_more_degrees_than_terms_of_a_series():
    few, many = (kernel_spectrum(np.exp, 30, degree) for degree in (20, 700))
    np.testing.assert_allclose(few.masses, many.masses[:21], rtol=1e-11)
    assert not many.masses[100:].any()


def test_parity_zeros_are_exact():
    for d in (3, 40, 10**9):
        assert np.all(kernel_spectrum(kernels.NNGP(), d, 9).masses[3::2] == 0)
        assert np.all(kernel_spectrum(relu_tangent, d, 9).masses[3::2] == 0)
        assert np.all(kernel_spectrum(lambda t: t**2, d, 6).masses[[1, 3, 4, 5, 6]] == 0)
        assert kernel_spectrum(lambda t: t**2, d, 2).tail == 0


def test_deep_kernels_tend_to_their_power_series():
    """c_k -> h^(k)(0)/k! as d grows; here by the products' rule for e^t · 1/(2 - t)."""
    spectrum = kernel_spectrum(lambda t: np.exp(t) / (2 - t), 10**9, 5)
    series = np.convolve(1 / special.factorial(np.arange(6)), 0.5 ** np.arange(1, 7))[:6]
    np.testing.assert_allclose(spectrum.masses, series, rtol=1e-7)


KERNELS = [
    kernels.Linear(),
    kernels.Polynomial(degree=3),
    kernels.Polynomial(degree=2, gamma=0.3, coef0=0.0),
    kernels.RBF(),
    kernels.RBF(gamma=0.05),
    kernels.Laplace(gamma=0.2),
    kernels.Laplace(gamma=0.1, power=1.5),
    *(kernels.Matern(length_scale=2.0, nu=nu) for nu in (0.5, 1.5, 2.5)),
    *(kernels.ArcCosine(order) for order in (0, 1, 2)),
    kernels.NNGP(depth=3, weight_variance=1.3, bias_variance=0.2),
    kernels.NTK(depth=3, weight_variance=2.0, bias_variance=0.1),
    kernels.NTK(activation=("leaky_relu", 0.3)),
    *(
        kernels.NTK(depth=2, activation=name, weight_variance=1.5, bias_variance=0.1)
        for name in ("erf", "cos", "sin", "exp", "identity", "quadratic", "cubic", "hermite3")
    ),
    kernels.NNGP(activation="step"),
    0.3 * kernels.RBF() + kernels.NTK(),
    kernels.Linear() * kernels.RBF() + 2.0,
]


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_spectra_rebuild_kernels(kernel, rng):
    """Σ c_k q_k(t) is the kernel's own value on the sphere and on the cube."""
    d = 8
    X = rng.standard_normal((6, d))
    X *= np.sqrt(d) / np.linalg.norm(X, axis=1, keepdims=True)
    for domain, rows, degree in (("sphere", X, 60), ("hypercube", rng.choice([-1.0, 1.0], (6, d)), d)):
        spectrum = kernel_spectrum(kernel, d, degree, domain)
        t = rows @ rows.T / d
        values = np.zeros_like(t)
        here, below = np.ones_like(t), np.zeros_like(t)
        for k in range(degree + 1):
            values += spectrum.masses[k] * here
            up = (k + d - 2) / (2 * k + d - 2) if domain == "sphere" else (d - k) / d
            here, below = (t * here - (1 - up) * below) / up if up else here, here
        off = ~np.eye(6, dtype=bool)
        exact = kernel(rows)
        # what lies beyond the degrees, spread over directions
        slack = 2 * spectrum.tail / np.sqrt(sphere_multiplicity(d, 20)) + 1e-9 * spectrum.trace
        assert np.abs(values - exact)[off].max() <= slack
        assert spectrum.trace == pytest.approx(float(exact[0, 0]), rel=1e-10)  # masses below 1e-12 are dropped
        if domain == "hypercube":
            assert spectrum.tail == 0


def test_gram_matrices_have_these_eigenvalues():
    """On the whole cube of dimension 8 the kernel matrix over 2^d is the integral operator itself."""
    d = 8
    X = 1.0 - 2 * ((np.arange(2**d)[:, None] >> np.arange(d)) & 1)
    for kernel in (kernels.NTK(depth=2), kernels.Laplace(norm=1), kernels.RBF(gamma=0.4)):
        spectrum = kernel_spectrum(kernel, d, d, "hypercube")
        values = np.sort(np.linalg.eigvalsh(kernel(X) / 2**d))
        expected = np.sort(np.repeat(spectrum.eigenvalues, spectrum.multiplicities.astype(int)))
        np.testing.assert_allclose(values, expected, atol=1e-13 * spectrum.trace)


@pytest.mark.parametrize("d", [12, 300, 10**4])
def test_high_dimensional_cubes(d):
    """s_k = 2^-d Σ_j C(d, j) h(1 - 2j/d) κ_k(j) at 80 digits."""
    with mpmath.workdps(80):
        middle, width = d // 2, min(d // 2, int(25 * math.sqrt(d)))
        j = range(middle - width, min(middle + width, d) + 1)
        weights = [mpmath.binomial(d, i) / mpmath.mpf(2) ** d for i in j]
        t = [1 - mpmath.mpf(2 * i) / d for i in j]
        below, here = [mpmath.mpf(0)] * len(t), [mpmath.mpf(1)] * len(t)
        exact = []
        for k in range(9):
            inner = mpmath.fsum(w * mpmath.exp(x) * q for w, x, q in zip(weights, t, here, strict=True))
            exact.append(float(inner * mpmath.binomial(d, k)))
            here, below = [(d * x * q - k * b) / (d - k) for x, q, b in zip(t, here, below, strict=True)], here
    masses = kernel_spectrum(np.exp, d, 8, "hypercube").masses
    np.testing.assert_allclose(masses, exact, rtol=1e-9)


def test_taylor_kernels_and_polynomials():
    """(d t)^2 E[σ''(u) σ''(v)] / 4 with σ = t³/6: σ'' = t, so d² t³ / 4."""

    def get_params(self, deep=True):
        return {"order": 2, "activation": "cubic"}

    kernel = type("TaylorKernel", (), {"get_params": get_params})()
    ours = kernel_spectrum(kernel, 10, 5)
    np.testing.assert_allclose(ours.masses, kernel_spectrum(lambda t: 25 * t**3, 10, 5).masses, atol=1e-11)
    dots = type("DotProduct", (), {"get_params": lambda self, deep=True: {"coefficients": (0.0, 1.0, 0.5)}})()
    np.testing.assert_allclose(
        kernel_spectrum(dots, 10, 3).masses, kernel_spectrum(lambda t: t + t**2 / 2, 10, 3).masses, atol=1e-14
    )


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("step", "hermite0")])
def test_finite_networks_mean_their_limits(name, rng):
    """(1/N) Σ_j over many weights on the sphere, against Σ c_k q_k."""
    d, width = 5, 40_000
    X = rng.standard_normal((3, d))
    X *= np.sqrt(d) / np.linalg.norm(X, axis=1, keepdims=True)
    W = rng.standard_normal((d, width))
    Z = X @ (W / np.linalg.norm(W, axis=0))
    S = VALUES[name](Z)
    products = S[0] * S[1], S[0] * S[2], S[0] ** 2
    kernel = kernel_spectrum(Finite("FiniteRF", name), d, 40)
    found = [evaluate(kernel, d, X[0] @ X[k] / d) for k in (1, 2, 0)]
    for product, theory in zip(products, found, strict=True):
        assert abs(product.mean() - theory) < 4.5 * product.std() / np.sqrt(width) + kernel.tail


def evaluate(spectrum, d, t):
    return sum(
        c * special.eval_gegenbauer(k, d / 2 - 1, t) / special.eval_gegenbauer(k, d / 2 - 1, 1.0)
        for k, c in enumerate(spectrum.masses)
    )


@pytest.mark.parametrize(
    ("kernel", "d", "degree", "domain", "message"),
    [
        (lambda t: t - 0.9 * t**2, 10, 3, "sphere", "not positive semidefinite on the sphere of dimension 10: its deg"),
        (lambda t: 1 - t, 10, 3, "sphere", "not positive semidefinite"),
        (lambda t: np.cos(t), 10, 3, "hypercube", "not positive semidefinite on the hypercube"),
        (lambda t: 1 + t - 0.1 * t**8, 10, 3, "sphere", "degrees beyond 3|degree-"),
        (np.exp, 2, 3, "sphere", "d must be a whole number of at least 3, got 2"),
        (np.exp, 5, 6, "hypercube", "degrees up to 5, got degree 6"),
        (np.exp, 5, 10_001, "sphere", "degree must be a whole number of at least 0 and at most 10000, got 10001"),
        (np.exp, 5, 3, "cube", "domain must be 'sphere' or 'hypercube', got 'cube'"),
        ("rbff", 5, 3, "sphere", "Unknown kernel 'rbff'. The names are: laplace, laplacian"),
        (kernels.Laplace(norm=1), 5, 3, "sphere", "no function of the inner product on the sphere"),
        (kernels.NTK(activation="step"), 5, 3, "sphere", "infinite diagonal"),
        (lambda t: 1 / (1 - t), 5, 3, "sphere", r"h\(1\) is inf"),
        (lambda t: np.abs(t) ** 3, 10**9, 8, "sphere", "its degree-6 part has the trace -"),
        (lambda t: np.exp(np.real(t)), 10**9, 8, "sphere", "is known only to"),
    ],
)
def test_refusals(kernel, d, degree, domain, message):
    with np.errstate(divide="ignore"), pytest.raises(ValueError, match=message):
        kernel_spectrum(kernel, d, degree, domain)


@pytest.mark.parametrize("name", ["tanh", "erf", "gelu", "swish"])
def test_smooth_activations_on_the_cube(name, rng):
    """Limits of FiniteRF without a closed form, as functions of t: against many weights on the sphere."""
    d, width = 4, 40_000
    X = rng.choice([-1.0, 1.0], (3, d))
    W = rng.standard_normal((d, width))
    S = VALUES[name](X @ (W / np.linalg.norm(W, axis=0)))
    spectrum = kernel_spectrum(Finite("FiniteRF", name), d, d, "hypercube")
    t = X @ X.T / d
    values = sum(
        c
        * sum((-1) ** i * math.comb(k, i) * special.binom(d - k, np.round(d * (1 - t) / 2) - i) for i in range(k + 1))
        / special.binom(d, np.round(d * (1 - t) / 2))
        for k, c in enumerate(spectrum.masses)
    )
    for i in range(3):
        product = S[0] * S[i]
        assert abs(product.mean() - values[0, i]) < 4.5 * product.std() / np.sqrt(width) + 1e-12


def test_strings_and_types():
    np.testing.assert_array_equal(kernel_spectrum("ntk", 9, 4).masses, kernel_spectrum(kernels.NTK(), 9, 4).masses)
    with pytest.raises(TypeError, match=r"A kernel is an object of widelearn.kernels"):
        kernel_spectrum(3.0, 9, 4)
    with pytest.raises(ValueError, match=r"A function \(X, Y\) inside a sum"):
        kernel_spectrum(kernels.Sum(kernels.RBF(), np.exp), 9, 4)
    assert Spectrum([1.0, 2.0]).trace == 3.0
