"""Laws of inputs: their moments and truth, the same for the same seed, refusals."""

import numpy as np
import pytest

from widelearn import datasets
from widelearn.datasets.draws import normals


def test_sphere_and_cube():
    X = datasets.sphere(4000, 7, random_state=0)
    np.testing.assert_allclose(np.linalg.norm(X, axis=1), np.sqrt(7), rtol=1e-14)
    # entries of the covariance have standard error below 1.2/√4000
    assert np.abs(X.T @ X / 4000 - np.eye(7)).max() < 5 * 1.2 / np.sqrt(4000)
    Z = datasets.hypercube(4000, 7, random_state=0)
    assert set(np.unique(Z)) == {-1.0, 1.0}
    off = Z.T @ Z / 4000 - np.eye(7)
    assert np.abs(off).max() < 5 / np.sqrt(4000)
    assert np.abs(Z.mean(axis=0)).max() < 5 / np.sqrt(4000)


def test_spiked_inputs():
    data = datasets.spiked(500, 12, 3, radius=4.0, random_state=1)
    U = data.directions
    np.testing.assert_allclose(U @ U.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(data.z, axis=1), np.sqrt(3), rtol=1e-12)
    np.testing.assert_allclose(data.X @ U.T, 4 * data.z, atol=1e-12)
    rest = data.X - data.X @ U.T @ U
    np.testing.assert_allclose(np.linalg.norm(rest, axis=1), 3.0, rtol=1e-12)


def test_latent_inputs():
    n, p, d, mu = 6000, 12, 3, 2.0
    data = datasets.latent(n, p, d, mu, random_state=2)
    W = data.directions.T
    np.testing.assert_allclose(W.T @ W, p * mu / d * np.eye(d), atol=1e-12)
    noise = data.X - data.z @ W.T
    assert np.abs(noise.T @ noise / n - np.eye(p)).max() < 5 * 1.5 / np.sqrt(n)
    assert np.abs(noise.T @ data.z / n).max() < 5 / np.sqrt(n)


def test_elliptical_inputs():
    data = datasets.elliptical(3000, 40, scales=(0.5, 2.0), random_state=3)
    assert set(np.unique(data.scales)) == {0.5, 2.0}
    # ‖x‖²/d is s² up to √(2/40) for each row
    ratio = (data.X**2).mean(axis=1) / data.scales**2
    assert np.abs(ratio - 1).max() < 6 * np.sqrt(2 / 40)
    assert (datasets.elliptical(10_000, 50, random_state=0).X ** 2).mean() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    "draw",
    [
        lambda seed: datasets.sphere(5, 4, random_state=seed),
        lambda seed: datasets.hypercube(5, 40, random_state=seed),
        lambda seed: datasets.spiked(5, 4, 2, random_state=seed).X,
        lambda seed: datasets.latent(5, 4, 2, random_state=seed).X,
        lambda seed: datasets.elliptical(5, 4, random_state=seed).X,
    ],
)
def test_seeds(draw):
    np.testing.assert_array_equal(draw(3), draw(3))
    assert np.any(draw(3) != draw(4))
    assert np.any(draw(None) != draw(None))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: datasets.sphere(0, 3), "n must be a whole number of at least 1, got 0"),
        (lambda: datasets.hypercube(3, 2.5), "d must be a whole number of at least 1, got 2.5"),
        (lambda: datasets.spiked(3, 4, 4), "n_directions = 4 must be below d = 4"),
        (lambda: datasets.spiked(3, 4, 2, radius=0), "radius must be positive and finite, got 0"),
        (lambda: datasets.latent(3, 4, 5), "d = 5 hidden variables must not exceed p = 4"),
        (lambda: datasets.latent(3, 4, 2, mu=-1), "mu must be non-negative and finite, got -1"),
        (lambda: datasets.elliptical(3, 4, scales=(1, -1)), "scales must be positive"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(("n", "d"), [(0, 3), (1, 1), (2500, 1001), (1, (1 << 20) + 1), (7, 5)])
def test_rows_drawn_some_at_a_time_are_those_of_one_draw(n, d):
    drawn = normals(np.random.RandomState(3), n, d)
    np.testing.assert_array_equal(drawn, np.random.RandomState(3).standard_normal((n, d)))
