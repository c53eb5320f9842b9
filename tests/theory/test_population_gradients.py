"""Simplified gradients of mixtures and quadratics against quadrature, those of parities against every row."""

import itertools

import numpy as np
import pytest
from scipy.integrate import quad

from simulation import proves
from widelearn.theory import mixture_gradient, parity_gradient, quadratic_gradient, sampling_angle


def along(w, b, mean, cov):
    """E[x 1], E[1] and E[‖x‖² 1] over <w, x> > b for one Gaussian, by quadrature over s = <w, x>."""
    m, variance = w @ mean, w @ cov @ w
    slope = cov @ w / variance
    rest = np.trace(cov) - slope @ slope * variance

    def integral(f):
        density = lambda s: np.exp(-((s - m) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)  # noqa: E731
        top = m + 40 * np.sqrt(variance)
        nodes = [point for point in (m, b) if b < point < top]
        return (
            quad(lambda s: f(s) * density(s), b, top, epsabs=1e-14, limit=200, points=nodes or None)[0]
            if b < top
            else 0
        )

    at = lambda s: mean + slope * (s - m)  # noqa: E731
    G = [integral(lambda s, j=j: at(s)[j]) for j in range(len(w))]
    return np.array(G), integral(lambda s: 1.0), integral(lambda s: at(s) @ at(s) + rest)


def test_mixtures_by_quadrature(rng):
    for case in range(12):
        d, r = int(rng.integers(1, 5)), int(rng.integers(1, 4))
        size, long = 10.0 ** rng.integers(-2, 3), 10.0 ** rng.integers(-3, 4)
        means, labels, p = size * rng.standard_normal((r, d)), rng.standard_normal(r), rng.uniform(0.1, 1, r)
        W = long * rng.standard_normal((2, d))
        b = size * long * rng.standard_normal(2)
        if case % 2:
            roots = size * rng.standard_normal((r, d, d))
            covs, given = roots @ roots.transpose(0, 2, 1), {}
            given["covariances"] = covs
        else:
            given = {"scale": size * rng.uniform(0.2, 2, r)}
            covs = given["scale"][:, None, None] ** 2 * np.eye(d)
        found = mixture_gradient(W, b, means, labels, p, **given)
        for i in range(2):
            parts = [along(W[i], b[i], means[j], covs[j]) for j in range(r)]
            wanted = sum(q * y * part[0] for q, y, part in zip(p / p.sum(), labels, parts, strict=True))
            tol = 1e-9 * size * np.abs(labels).max()
            np.testing.assert_allclose(found.G[i], wanted, rtol=1e-8, atol=tol)
            activity = sum(q * part[1] for q, part in zip(p / p.sum(), parts, strict=True))
            assert found.activity[i] == pytest.approx(activity, rel=1e-8, abs=1e-9)
            energy = sum(q * y**2 * part[2] for q, y, part in zip(p / p.sum(), labels, parts, strict=True))
            assert found.energy[i] == pytest.approx(energy, rel=1e-8, abs=tol * size)


def test_neurons_that_do_not_vary():
    found = mixture_gradient(np.zeros((3, 2)), [-1.0, 0.0, 1.0], [[1.0, 2.0], [3.0, 0.0]], [1, -1])
    np.testing.assert_array_equal(found.activity, [1, 0, 0])
    np.testing.assert_allclose(found.G, [[-1, 1], [0, 0], [0, 0]])
    flat = mixture_gradient([[0.0, 1.0]], 0.5, [[1.0, 2.0]], [1], covariances=[[[1.0, 0.0], [0.0, 0.0]]])
    np.testing.assert_allclose(flat.G, [[1, 2]])
    # all neurons active: the mean of y x, which linear data show
    every = mixture_gradient(np.eye(2), -1e6, [[2.0, 0.0], [-2.0, 0.0]], [1, -1])
    np.testing.assert_allclose(every.G, [[2, 0], [2, 0]], atol=1e-12)


def test_quadratics_by_quadrature(rng):
    nodes, weights = np.polynomial.hermite_e.hermegauss(6)
    weights = weights / weights.sum()
    for _ in range(8):
        H = rng.standard_normal((3, 3)) * 10.0 ** rng.integers(-2, 3)
        H += H.T
        w = rng.standard_normal(3) * 10.0 ** rng.integers(-3, 4)
        u = w / np.linalg.norm(w)
        Q = np.linalg.qr(np.column_stack([u, rng.standard_normal((3, 2))]))[0]
        Q[:, 0] = u
        c = rng.uniform(-2, 2)

        def mean(z, Q=Q, H=H):
            """E[y x | z], z the part along u."""
            x = np.array([Q @ [z, s, t] for s in nodes for t in nodes])
            y = 0.5 * (np.einsum("ij,ij->i", x @ H, x) - np.trace(H))
            return (np.outer(weights, weights).ravel() * y) @ x * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)

        wanted = [quad(lambda z, j=j, f=mean: f(z)[j], c, 12, epsabs=1e-12)[0] for j in range(3)]
        found = quadratic_gradient(w[None], c * np.linalg.norm(w), H)[0]
        np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-9 * np.abs(H).max())


def every_row(W, b, groups, rate, background):
    """G, activity and energy of a grouped parity by adding up all rows."""
    groups = np.atleast_2d(groups)
    (r, k), d = groups.shape, W.shape[1]
    hidden, rest = groups.ravel(), np.setdiff1d(np.arange(d), groups)
    found = np.zeros((len(W), d + 2))
    for outside in itertools.product([-1, 0, 1], repeat=len(rest)):
        p = np.prod([background if bit else 1 - 2 * background for bit in outside])
        shown = [(g, s) for g in range(r) for s in (1, -1)]
        rows = [
            (np.array(bits), (1 - 2 * r * rate) / 2 ** (r * k)) for bits in itertools.product([-1, 1], repeat=r * k)
        ]
        rows += [(np.where(np.repeat(np.arange(r), k) == g, s, 0), rate) for g, s in shown]
        for bits, share in rows if p else ():
            x = np.zeros(d)
            x[rest], x[hidden] = outside, bits
            on = (W @ x > b + 1e-12) * p * share
            y = np.sign(x[groups].prod(axis=1).sum())
            found += on[:, None] * np.concatenate([y * x, [1, x @ x]])
    return found


@pytest.mark.parametrize(
    ("groups", "d", "rate", "background"),
    [
        ([1, 3], 7, 0, 0.5),
        ([0, 2, 4], 7, 0.25, 0.5),
        ([5, 0, 2, 4], 6, 0.1, 0.3),
        ([0, 1, 2], 3, 0.2, 0.5),
        ([[0, 5], [1, 3], [2, 6]], 8, 0.1, 0.2),
        ([[4], [0], [2]], 7, 1 / 6, 0.1),
        ([[0, 2, 4], [1, 3, 5], [6, 7, 8]], 10, 1 / 12, 0.01),
    ],
)
def test_parities_by_all_rows(rng, groups, d, rate, background):
    W = rng.choice([-0.3, 0.3], (6, d))
    b = np.array([0.0, 0.3, -0.6, 0.9, 0.45, 0.3 * (d + 1)])
    found = parity_gradient(W, b, groups, group_rate=rate, background=background)
    wanted = every_row(W, b, groups, rate, background)
    np.testing.assert_allclose(np.column_stack(found), wanted, rtol=1e-12, atol=1e-14)
    # longer weights are the same neuron
    again = parity_gradient(4e5 * W, 4e5 * b, groups, group_rate=rate, background=background)
    np.testing.assert_allclose(again.G, found.G, rtol=1e-12, atol=1e-15)


def test_the_majority_shows_a_parity_by_its_gap():
    """Barak's numbers: G is half of the majority's coefficients of degree k - 1 and k + 1."""
    cube = np.array(list(itertools.product([-1.0, 1.0], repeat=11)))
    majority = np.sign(cube.sum(axis=1))
    found = parity_gradient(np.ones((1, 11)), 0.0, [0, 1, 2, 3]).G[0]
    assert found[0] == pytest.approx(np.mean(majority * cube[:, :3].prod(axis=1)) / 2, rel=1e-12)
    assert found[-1] == pytest.approx(np.mean(majority * cube[:, :5].prod(axis=1)) / 2, rel=1e-12)
    assert abs(found[0]) > 1.2 * abs(found[-1])


def test_sampling_errors(rng):
    """The mean of n rows is off by (energy - ‖G‖²)/n, and by the angle that says so."""
    means, labels, d, n = np.zeros((4, 60)), np.array([1, 1, -1, -1]), 60, 400
    means[[0, 1, 2, 3], [0, 0, 1, 1]] = [4.0, -4.0, 4.0, -4.0]
    w, b = rng.standard_normal(d), 2.0
    law = mixture_gradient(w[None], b, means, labels, scale=1.0)
    errors, tangents = [], []
    for _ in range(2500):
        cluster = rng.integers(0, 4, n)
        X = means[cluster] + rng.standard_normal((n, d))
        G = (labels[cluster] * (X @ w > b)) @ X / n
        error = G - law.G[0]
        errors.append(error @ error)
        across = error - law.G[0] * (error @ law.G[0]) / (law.G[0] @ law.G[0])
        tangents.append(np.linalg.norm(across) / (G @ law.G[0]) * np.linalg.norm(law.G[0]))
    length = np.linalg.norm(law.G[0])
    proves(errors, (law.energy[0] - length**2) / n, 0.03)
    angle = sampling_angle(length, law.energy[0], n)
    assert np.degrees(np.arctan(np.sqrt(np.mean(np.square(tangents))))) == pytest.approx(angle, rel=0.15)
    assert sampling_angle([0.0, 1.0], 4.0, 10**12)[0] == 90
