"""Models of any size have their laziness, or are refused with the size that they reach."""

import numpy as np
import pytest

from widelearn.diagnostics import Snapshots, laziness
from widelearn.runtime import NumberOverflowError

X, FRESH = np.random.default_rng(0).standard_normal((2, 8, 3))
THETAS = np.random.default_rng(1).standard_normal((3, 3))


def outputs_times(size):
    """A model times a number, and its targets."""
    path = Snapshots(THETAS, lambda t, X: size * np.sin(X @ t), lambda t, X: size * np.cos(X @ t)[:, None] * X)
    return laziness(path, X, FRESH, size * X[:, 0])


def parameters_times(size):
    """A model of parameters that are counted in another unit."""
    path = Snapshots(
        size * THETAS, lambda t, X: np.sin(X @ (t / size)), lambda t, X: np.cos(X @ (t / size))[:, None] * X / size
    )
    return laziness(path, X, FRESH, X[:, 0])


@pytest.mark.parametrize("exponent", [-70, -9, 9, 70])
def test_laziness_is_the_same_in_every_unit(exponent):
    wanted = outputs_times(1.0)
    for report in (outputs_times(10.0**exponent), parameters_times(10.0**exponent)):
        np.testing.assert_allclose(report.drift, wanted.drift, rtol=1e-9)
        np.testing.assert_allclose(report.drift_fresh, wanted.drift_fresh, rtol=1e-9)
        np.testing.assert_allclose(report.alignment, wanted.alignment, rtol=1e-9)
        np.testing.assert_allclose(report.margin, wanted.margin, rtol=1e-6)


@pytest.mark.parametrize("exponent", [77, 150, 160, 200, 305])
def test_models_beyond_doubles_are_refused_with_their_size(exponent):
    with pytest.raises(NumberOverflowError, match=r"gradients reach .* up to 1e\+75 is computed with: divide outputs"):
        outputs_times(10.0**exponent)
    with pytest.raises(NumberOverflowError, match=r"movements reach .* up to 1e\+75"):
        parameters_times(10.0**exponent)
    # A model that grows along the way.
    scales = np.array([1.0, 1.0, 10.0**exponent])[:, None]
    with pytest.raises(NumberOverflowError, match=r"up to 1e\+75 is computed with"):
        laziness(Snapshots(scales * THETAS, lambda t, X: X @ t, lambda t, X: X * (1 + (t**2).sum())), X)
