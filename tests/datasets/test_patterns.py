"""Dictionary patterns and separable rows follow their truth; noise turns as many labels as it should."""

import itertools

import numpy as np
import pytest

from widelearn import datasets


def share(hits, p):
    """Whether a share of hits is p, within five standard errors."""
    return abs(np.mean(hits) - p) <= 5 * np.sqrt(p * (1 - p) / len(hits))


@pytest.mark.parametrize(
    ("labels", "k", "ones"),
    [("parity", 3, {1, 3}), ("threshold", 5, {3, 4, 5}), ([0, 2], 4, {0, 2}), ("threshold", 2, {2})],
)
@pytest.mark.parametrize("dictionary", ["orthonormal", "incoherent"])
def test_patterns_decide_the_label(labels, k, ones, dictionary):
    data = datasets.dictionary_pattern(
        3000, 24, k, random_state=1, n_atoms=20, labels=labels, dictionary=dictionary, background=0.3, mix=0.4
    )
    counts = data.codes[:, data.support].sum(axis=1)
    np.testing.assert_array_equal(data.y == 1, np.isin(counts, list(ones)))
    np.testing.assert_array_equal(data.bayes(data.X), data.y)
    rest = np.setdiff1d(np.arange(20), data.support)
    assert share(data.codes[:, rest].ravel(), 0.3)
    assert share(data.uniform, 0.6)
    assert np.all(np.isin(counts[~data.uniform], [0, k]))
    for bit in data.support:
        assert share(data.codes[:, bit], 0.5)
    # rows are in units: mean 0, E‖x‖² = d
    assert np.abs(data.X.mean(axis=0)).max() < 6 * data.X.std(axis=0).max() / np.sqrt(3000)
    squares = np.sum(data.X**2, axis=1)
    assert abs(squares.mean() - 24) < 5 * squares.std() / np.sqrt(3000)
    along = data.atoms[data.support].sum(axis=0)
    np.testing.assert_allclose(data.directions[0], along / np.linalg.norm(along), atol=1e-12)


def test_orthonormal_patterns_are_a_rotated_parity():
    data = datasets.dictionary_pattern(500, 30, 3, random_state=0, labels="parity")
    np.testing.assert_allclose(data.atoms @ data.atoms.T, np.eye(30), atol=1e-12)
    bits = 2 * data.codes[:, data.support] - 1
    np.testing.assert_array_equal(bits.prod(axis=1), data.y)


def test_the_pattern_twin_has_no_structure():
    seen, twin = (
        datasets.dictionary_pattern(4000, 20, 5, kind, 3, background=0.2) for kind in ("structured", "uniform")
    )
    np.testing.assert_array_equal(seen.support, twin.support)
    np.testing.assert_array_equal(seen.atoms, twin.atoms)
    assert twin.uniform.all()
    assert share(twin.codes.ravel(), 0.5)
    bits = {kind: 2 * data.codes[:, data.support] - 1 for kind, data in (("seen", seen), ("twin", twin))}
    assert np.abs(twin.y @ bits["twin"] / 4000).max() < 5 / np.sqrt(4000)
    assert np.abs(seen.y @ bits["seen"] / 4000 - 0.5).max() < 5 / np.sqrt(4000)


def test_more_rows_of_one_problem():
    first = datasets.dictionary_pattern(50, 8, 3, random_state=0, n_atoms=12, dictionary="incoherent")
    more = datasets.dictionary_pattern(70, 8, 3, random_state=1, atoms=first.atoms, support=first.support)
    np.testing.assert_array_equal(more.support, first.support)
    np.testing.assert_array_equal(more.atoms, first.atoms)
    # more atoms than features: rows do not say their codes, and no best rule is claimed
    assert "bayes" not in first
    assert "bayes" not in more


def test_separable_rows():
    data = datasets.linearly_separable(20_000, 6, 0.7, random_state=0, label_noise=0.1)
    u, along = data.directions[0], data.X @ data.directions[0]
    assert np.abs(along).min() >= 0.7
    assert share(data.bayes(data.X) == data.y, 0.9)
    assert share(along > 0, 0.5)
    clean = np.sign(along) @ data.X / 20_000
    np.testing.assert_allclose(clean, (0.7 + np.sqrt(2 / np.pi)) * u, atol=5 / np.sqrt(20_000))
    across = data.X - np.outer(along, u)
    assert np.sum(across**2) / 20_000 == pytest.approx(5, rel=0.05)
    same = datasets.linearly_separable(10, 6, random_state=5, directions=data.directions)
    np.testing.assert_array_equal(same.directions, data.directions)


def test_label_noise_of_mixtures():
    given = {"means": 9 * np.eye(3), "labels": ["a", "b", "c"], "random_state": 4}
    clean, noisy = (datasets.gaussian_mixture(9000, 3, label_noise=noise, **given) for noise in (0.0, 0.3))
    np.testing.assert_array_equal(clean.X, noisy.X)
    assert share(noisy.y != clean.y, 0.3)
    for one, other in itertools.permutations("abc", 2):
        assert share(noisy.y[clean.y == one] == other, 0.15)
    np.testing.assert_array_equal(noisy.bayes(noisy.X), clean.bayes(clean.X))


@pytest.mark.parametrize("weights", [[1, 1], [3, 1], [0, 1]])
@pytest.mark.parametrize(("gap", "noise"), [(2.5, 0.0), (1.0, 0.2), (0.0, 0.1)])
def test_two_clusters_have_a_closed_accuracy(weights, gap, noise):
    given = {"means": [[0.0, 0.0, 1.0], [0.6 * gap, -0.8 * gap, 1.0]], "labels": ["a", "b"], "scale": 0.5}
    data = datasets.gaussian_mixture(40_000, 3, weights=weights, label_noise=noise, random_state=2, **given)
    assert share(data.bayes(data.X) == data.y, min(data.bayes_accuracy, 1 - 1e-9))
    # clusters of several scales or more clusters have no such number
    assert "bayes_accuracy" not in datasets.gaussian_mixture(9, 3, 3, random_state=0)
    assert "bayes_accuracy" not in datasets.gaussian_mixture(9, 3, 2, random_state=0, scale=[1.0, 2.0])
    assert "bayes_accuracy" not in datasets.gaussian_mixture(9, 3, 2, random_state=0, labels=[1, 1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: datasets.dictionary_pattern(5, 4, 6), "k = 6 hidden patterns must not exceed n_atoms = 4"),
        (lambda: datasets.dictionary_pattern(5, 4, 2, n_atoms=9), "take incoherent ones"),
        (lambda: datasets.dictionary_pattern(5, 4, 2, "grouped"), "kind must be one of"),
        (lambda: datasets.dictionary_pattern(5, 4, 2, labels=[0, 1, 2]), "not all"),
        (lambda: datasets.dictionary_pattern(5, 4, 2, labels="odd"), "parity, threshold or counts from 0 to 2"),
        (lambda: datasets.dictionary_pattern(5, 4, 2, background=0.0), "background must be"),
        (lambda: datasets.dictionary_pattern(5, 4, 2, atoms=np.ones((3, 4))), "unit vectors, got lengths 2"),
        (lambda: datasets.dictionary_pattern(5, 4, 2, atoms=np.eye(4), n_atoms=3), "does not fit 4 atoms"),
        (lambda: datasets.linearly_separable(5, 4, -1), "margin must be"),
        (lambda: datasets.gaussian_mixture(5, 4, 1, label_noise=0.1), "needs another label"),
    ],
)
def test_wrong_problems_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
