"""Tangent kernels and linearised nets beside PyTorch's: golden arrays of its Jacobians, kernels and training."""

from pathlib import Path

import numpy as np
import pytest

import widelearn as wl
from widelearn.kernels import Empirical

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "torch_tangent.npz")


@pytest.fixture(params=["dense", "conv"])
def net(request):
    """The golden arrays of a net, and its outputs and Jacobian as functions of the rows there are."""
    parts = {key.partition("_")[2]: GOLDEN[key] for key in GOLDEN.files if key.startswith(request.param)}
    known = {row.tobytes(): (kind, i) for kind in ("X", "new") for i, row in enumerate(parts[kind])}

    def function(name):
        return lambda rows: np.stack([parts[f"{name}_{kind}"][i] for kind, i in (known[row.tobytes()] for row in rows)])

    return parts, function("f0"), function("J")


def test_kernels_are_those_of_the_recipe_of_torch(net):
    parts, _, jacobian = net
    X, K = parts["X"], parts["K"]
    n, c = K.shape[:2]
    scale = np.abs(K).max()
    for source in (jacobian, parts["J_X"]):
        full = Empirical(source, outputs="full")(X)
        assert np.abs(full - K.reshape(n * c, n * c)).max() < 1e-13 * scale
        assert np.abs(Empirical(source)(X) - np.einsum("icjc->ij", K)).max() < 1e-13 * scale


def test_kernels_of_the_factors_of_layers_are_those_of_the_jacobian(net):
    parts, f0, _ = net
    X, K = parts["X"], parts["K"]
    n, c = K.shape[:2]
    places = {row.tobytes(): i for i, row in enumerate(X)}
    layers = [(parts[f"delta_{i}"], parts[f"a_{i}"]) for i in range(sum(key.startswith("a_") for key in parts))]

    def factors(rows):
        at = [places[row.tobytes()] for row in rows]
        return [(delta[at], a[at]) for delta, a in layers]

    full = Empirical(factors=factors, outputs="full")(X)
    assert np.abs(full - K.reshape(n * c, n * c)).max() < 1e-13 * np.abs(K).max()
    alpha = float(GOLDEN["alpha"])
    fits = [
        wl.linearize(f0, alpha=alpha, **one).fit(X, parts["y"]) for one in ({"factors": factors}, {"jacobian": net[2]})
    ]
    found, wanted = (fit.predict(X) for fit in fits)
    assert np.abs(found - wanted).max() < 1e-11 * np.abs(wanted).max()


def test_linearised_nets_predict_what_torch_trains_them_to(net):
    parts, f0, jacobian = net
    model = wl.linearize(f0, jacobian, alpha=float(GOLDEN["alpha"])).fit(parts["X"], parts["y"])
    found = model.predict(parts["new"])
    assert np.abs(found - parts["trained"]).max() < 1e-4 * np.abs(parts["trained"]).max()
    # Training has moved the net: its own outputs would not pass.
    assert np.abs(parts["f0_new"] - parts["trained"]).max() > 0.1 * np.abs(parts["trained"]).max()
