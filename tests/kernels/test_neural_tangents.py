"""Tangent kernels of finite networks beside those of neural-tangents, in its parameterisation and the standard one."""

from pathlib import Path

import numpy as np
import pytest

from widelearn.kernels import Empirical
from widelearn.nets import TangentKernel, TwoLayer

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "finite_ntk.npz")
# Sums of some hundred products in another order.
TOLERANCE = 1e-13
# Standard deviation of the golden networks' biases.
B = 0.7


def parts(net):
    """Return the golden arrays of a network."""
    return {key.partition("_")[2]: GOLDEN[key] for key in GOLDEN.files if key.startswith(f"{net}_")}


def close(found, expected):
    """Whether arrays agree to rounding errors of the largest value."""
    return np.abs(found - expected).max() < TOLERANCE * np.abs(expected).max()


@pytest.mark.parametrize("net", ["dense", "conv", "ntk", "standard"])
def test_kernels_from_its_jacobians_are_its_kernels(net):
    of = parts(net)
    X, Y, full = of["X"], of["Y"], of["full"]
    (n, m, c, _), known = (
        full.shape,
        {row.tobytes(): J for x in "XY" for row, J in zip(of[x], of[f"J_{x}"], strict=True)},
    )

    def jacobian(rows):
        return np.stack([known[row.tobytes()] for row in rows])

    # Row by row, then output; it has both rows first.
    assert close(Empirical(jacobian, outputs="full")(X, Y), full.transpose(0, 2, 1, 3).reshape(n * c, m * c))
    apart = Empirical(jacobian, outputs="diagonal")(X, Y).reshape(n, c, m, c)
    assert close(np.einsum("icjc->ijc", apart), of["diagonal"])
    # Its default is a mean over the outputs, where "trace" is the sum.
    assert close(Empirical(jacobian)(X, Y), c * of["mean"])


def test_two_layer_nets_have_its_kernel_in_the_parameterisation_of_ntk():
    of = parts("ntk")
    (m, d), c = of["W"].shape, of["a"].shape[1]
    net = TwoLayer(of["W"] / np.sqrt(d), -B * of["b"], of["a"] / np.sqrt(m), "erf")
    kernel = TangentKernel(net, "W") * (1 / d) + TangentKernel(net, "b") * B**2 + TangentKernel(net, "a") * (1 / m)
    assert close(kernel(of["X"], of["Y"]), c * of["mean"])


def test_two_layer_nets_have_its_kernel_in_the_standard_parameterisation():
    of = parts("standard")
    net = TwoLayer(np.ascontiguousarray(of["W"]), -of["b"], of["a"], "erf")
    assert close(TangentKernel(net)(of["X"], of["Y"]), of["a"].shape[1] * of["mean"])
