"""NNGP and NTK beside neural-tangents, whose values golden/ntk_peer.py keeps."""

from pathlib import Path

import numpy as np
import pytest

import widelearn as wl

GOLDEN = np.load(Path(__file__).parent / "golden" / "ntk_peer.npz")
# The activations whose closed forms are in the core; the file holds more.
ACTIVATIONS = {"relu": "relu"}
CASES = [key for key in GOLDEN.files if ":" in key and key.split(":")[1] in ACTIVATIONS]


def test_every_activation_has_its_cases():
    assert {key.split(":")[1] for key in CASES} == set(ACTIVATIONS)


@pytest.mark.parametrize("case", CASES)
def test_values_are_those_of_neural_tangents(case):
    kind, activation, weight_variance, bias_variance = case.split(":")
    unit = "_unit" if activation.startswith("hermite") else ""
    x, y = GOLDEN[f"x{unit}"], GOLDEN[f"y{unit}"]
    for depth, theirs in enumerate(GOLDEN[case], start=1):
        kernel = getattr(wl.kernels, kind.upper())(
            depth=depth,
            activation=ACTIVATIONS[activation],
            weight_variance=float(weight_variance),
            bias_variance=float(bias_variance),
        )
        scale = np.sqrt(np.outer(kernel.diag(x), kernel.diag(y)))
        # Rows at generic angles, where that library is exact to 1e-13 too.
        assert (np.abs(kernel(x, y) - theirs) <= 1e-12 * scale).all(), depth
