"""What tests of theory draw, and how they compare with it."""

import numpy as np
import pytest


def sphere(rng, n, d, radius=None):
    """Rows uniform on a sphere, of radius √d if none is given."""
    X = rng.standard_normal((n, d))
    return X * (np.sqrt(d) if radius is None else radius) / np.linalg.norm(X, axis=1, keepdims=True)


def polynomial_target(rng, d, linear, quadratic):
    """A function with these squared masses in degree 1 and 2."""
    b = rng.standard_normal(d)
    b /= np.linalg.norm(b)
    A = rng.standard_normal((d, d))
    A = (A + A.T) / 2
    A -= np.trace(A) / d * np.eye(d)
    # E ⟨x, A x⟩² = 2d/(d + 2) ‖A‖² on the sphere, A traceless
    A *= np.sqrt(quadratic * (d + 2) / (2 * d)) / np.linalg.norm(A)
    return lambda X: np.sqrt(linear) * X @ b + np.einsum("ij,ij->i", X @ A, X)


def near(value, text):
    """A golden value is right to 1e-8 or to one unit of its last digit."""
    assert value == pytest.approx(float(text), rel=1e-8, abs=10.0 ** -len(text.partition(".")[2])), text


def agrees(rows, theory, share):
    """The mean over draws is within max(3 standard errors, a share of the prediction)."""
    mean, error = np.mean(rows), np.std(rows, ddof=1) / np.sqrt(len(rows))
    assert abs(mean - theory) <= max(3 * error, share * theory), (mean, theory, error)


def proves(rows, theory, share):
    """The mean over draws agrees with the prediction, and would not with one a tenth larger."""
    agrees(rows, theory, share)
    with pytest.raises(AssertionError):
        agrees(rows, 1.1 * theory, share)
