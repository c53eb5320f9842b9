"""Which modes are learned by when: rows, shares of a target and their order, against simulation and closed forms."""

import numpy as np
import pytest

from widelearn import forecast, kernels
from widelearn.theory import Spectrum, hermite_spectrum, learnability, samples_to_learn
from widelearn.theory.hermite_modes import HermiteSpectrum


def test_half_of_a_mode_is_learned_at_its_rows():
    """The state equation, solved for κ by another routine, gives the share that was asked for."""
    spectrum = Spectrum(np.arange(1.0, 40.0) ** -1.5, np.arange(1.0, 40.0), tail=0.01)
    for ridge, share in ((0.0, 0.5), (0.3, 0.5), (2.0, 0.9), (0.1, 0.2)):
        found = samples_to_learn(spectrum, ridge, share)
        # Both are good to 1e-12; a root of κ is as well conditioned as κ.
        shares = [learnability(spectrum, n, ridge)[k] for k, n in enumerate(found)]
        np.testing.assert_allclose(shares, share, rtol=1e-9)
    assert samples_to_learn(spectrum, [0.0, 1.0]).shape == (2, 39)
    assert samples_to_learn([1.0, 0.0], 0.0).tolist() == [0.5, np.inf]
    for share in (1.0, 0.0, -1.0):
        with pytest.raises(ValueError, match="share must be"):
            samples_to_learn(spectrum, 0.0, share)


def test_shares_are_those_of_the_target(rng):
    """A target of known modes and noise; a share's standard error is at most 2 / √n, and .1 is more than four."""
    X = rng.standard_normal((3000, 4)) * [2.0, 1.5, 1.0, 0.5]
    y = X[:, 0] + X[:, 1] * X[:, 2] + 1.5 * rng.standard_normal(3000)
    found = forecast.learning_order("rbf", X, y)
    by_mode = dict(zip(found.modes, found.shares, strict=True))
    parts = {(0,): 4.0, (1, 2): 1.5**2}
    whole = 4.0 + 1.5**2 + 1.5**2
    for mode, part in parts.items():
        assert by_mode[mode] == pytest.approx(part / whole, abs=0.1)
    others = [share for mode, share in by_mode.items() if mode not in parts and np.isfinite(share)]
    assert np.abs(others).max() < 0.02
    assert found.unexplained == pytest.approx(1.5**2 / whole, abs=0.1)
    assert found.unexplained == pytest.approx(1 - np.nansum(found.shares))
    # Half of a share from a target twice as long, and for a second one without any structure.
    both = forecast.learning_order("rbf", X, np.c_[2 * y, rng.standard_normal(3000)])
    assert both.shares[both.modes.index((0,))] == pytest.approx(by_mode[0,] / 2, abs=0.01)


def test_labels_are_told_as_their_codes(rng):
    X = rng.standard_normal((400, 2)) * [2.0, 1.0]
    codes = np.where(X[:, 0] > 0, 1.0, -1.0)
    by_codes = forecast.learning_order("rbf", X, codes)
    by_words = forecast.learning_order("rbf", X, np.where(codes > 0, "yes", "no"))
    np.testing.assert_allclose(by_words.shares, by_codes.shares, rtol=1e-9, atol=1e-12)
    # he_1 holds 2/π of a sign; .1 is more than three standard errors.
    assert by_words.shares[by_words.modes.index((0,))] == pytest.approx(2 / np.pi, abs=0.1)


@pytest.mark.parametrize(("degree", "share", "draws"), [(1, 0.5, 12), (2, 0.2, 4)])
def test_rows_are_those_of_simulated_kernel_ridge(rng, degree, share, draws):
    """Of all polynomials of a degree a share is learned from the rows that theory asks for, and not 1.1 times it.

    Gaussian rows of 40 alike directions and a wide kernel: the ansatz is exact but for terms of the order of one over
    the effective dimension, 40, and 3 % is what was seen of them.
    """
    d, ridge = 40, 1e-4
    kernel = kernels.RBF(gamma=1 / (8 * d))
    spectrum = hermite_spectrum(kernel, np.ones(d), 12341)
    own = [k for k, mode in enumerate(spectrum.modes) if len(mode) == degree]
    at = samples_to_learn(spectrum, ridge, share)[own]
    assert np.ptp(at) < 1e-6 * at[0]
    part = HermiteSpectrum(spectrum.eigenvalues[own], [spectrum.modes[k] for k in own], 0.0)
    found = []
    for _ in range(draws):
        X, x = rng.standard_normal((round(at[0]), d)), rng.standard_normal((1500, d))
        dual = np.linalg.solve(kernel(X) + ridge * np.eye(len(X)), part.features(X))
        truth = part.features(x)
        found.append(np.sum(truth * (kernel(x, X) @ dual)) / np.sum(truth**2))
    error = np.std(found, ddof=1) / np.sqrt(draws)
    assert error < 0.01 * share
    assert abs(np.mean(found) - share) < 0.03 * share + 3 * error
    assert abs(np.mean(found) - 1.1 * share) > 0.03 * 1.1 * share + 3 * error


def test_networks_may_have_rows_of_any_length(rng):
    """relu networks without biases are homogeneous; the kernel's diagonal at rows of the mean length is the trace."""
    X = rng.standard_normal((300, 5))
    X -= X.mean(axis=0)
    for kernel in (kernels.NTK(), kernels.NNGP(depth=2), kernels.ArcCosine(order=1)):
        one, three = (forecast.learning_order(kernel, scale * X, alpha=scale**2) for scale in (1.0, 3.0))
        np.testing.assert_allclose(three.eigenvalues, 9 * one.eigenvalues, rtol=1e-9)
        np.testing.assert_allclose(three.n, one.n, rtol=1e-9)
        assert one.modes == three.modes
    length = np.square(X).sum() / 300
    unit = X * np.sqrt(5 / length)
    known = hermite_spectrum(kernels.NTK(), np.linalg.eigvalsh(unit.T @ unit / 300), 50)
    found = forecast.learning_order("ntk", unit, n_modes=50)
    np.testing.assert_allclose(found.eigenvalues, known.eigenvalues, rtol=1e-9)
    with pytest.raises(ValueError, match="must add up to 5"):
        forecast.learning_order(kernels.NTK(activation="erf"), X)


def test_columns_without_variance_change_nothing_but_the_default_width(rng):
    X = rng.standard_normal((200, 3)) * [3.0, 2.0, 1.0]
    wider = np.c_[X, np.ones(200), X[:, 0]]
    found = forecast.learning_order(kernels.RBF(gamma=0.2), wider[:, :4])
    same = forecast.learning_order(kernels.RBF(gamma=0.2), X)
    assert found.modes == same.modes
    np.testing.assert_allclose(found.n, same.n, rtol=1e-6)
    assert found.directions.shape == (3, 4)
    assert forecast.learning_order("ntk", wider - wider.mean(axis=0), X[:, 0]).directions.shape == (3, 5)


def test_alike_modes_are_counted_and_told():
    signs = np.array(np.meshgrid(*[[-1.0, 1.0]] * 7)).reshape(7, -1).T
    found = forecast.learning_order("rbf", signs, signs[:, 0], n_modes=36)
    assert found.multiplicities[:8].tolist() == [1, *[7] * 7]
    assert found.degrees[:8].tolist() == [0, *[1] * 7]
    lines = found.table(most=3).splitlines()
    assert len(lines) == 5
    assert lines[0].split() == ["mode", "degree", "eigenvalue", "alike", "rows", "share"]
    assert lines[-1].startswith("in no mode told, or noise")
    bare = forecast.learning_order("rbf", signs, n_modes=9)
    assert bare.table().splitlines()[-1].startswith("z0^2" if bare.modes[8] == (0, 0) else "z0 z1")
    assert np.isnan(bare.unexplained)
    for order in (found, bare):
        ax = order.plot()
        labels = [line.get_label() for line in ax.lines]
        assert {"degree 1", "degree 2"} <= set(labels)


@pytest.mark.parametrize(
    ("kernel", "change", "options", "message"),
    [
        ("rbf", lambda X: X[:99], {}, "99 rows are too few"),
        ("rbf", lambda X: 0 * X + 1, {}, "do not vary"),
        ("ntk", lambda X: X + 1, {}, "Centre the columns"),
        ("rbf", lambda X: X, {"alpha": -1.0}, "alpha must be non-negative"),
        ("rbf", lambda X: X, {"y": np.ones(120)}, "constant"),
        ("rbf", lambda X: X, {"y": np.arange(119)}, "inconsistent numbers of samples"),
        ("rbf", lambda X: X, {"n_modes": 0}, "n_modes must be a whole number"),
        (kernels.RBF(gamma=[1.0, 2.0]), lambda X: X, {}, "multiply the columns"),
        (kernels.RBF(gamma="scale"), lambda X: X, {}, "gamma must be one number"),
        (kernels.Matern(), lambda X: X, {}, "must add up to 2"),
    ],
)
def test_wrong_input_is_refused(rng, kernel, change, options, message):
    X = rng.standard_normal((120, 2))
    with pytest.raises(ValueError, match=message):
        forecast.learning_order(kernel, change(X - X.mean(axis=0)), **options)
