"""Write ntk_peer.npz: NNGP and NTK values of neural-tangents 0.6.5 for X ≠ Y, depths 1-6, in float64.

Run it in an environment with `benches/peer_requirements.txt`. The file holds ``x`` and ``y`` (rows of
different norms), ``x_unit`` and ``y_unit`` (rows of norm √d, for Hermite activations) and, under
``<nngp|ntk>:<activation>:<weight variance>:<bias variance>``, arrays (depths, len(x), len(y)) for
``Dense, act, Dense, ..., act, Dense``: depths 1 to 6, or 1 alone for step, relu2 and relu3.
"""

import warnings
from pathlib import Path

import jax
import numpy as np
from neural_tangents import stax

jax.config.update("jax_enable_x64", True)

# Name here -> (layer there, factor of that layer's output).
ACTIVATIONS = {
    "relu": (stax.Relu(), 1.0),
    "leaky_relu": (stax.LeakyRelu(0.01), 1.0),
    "leaky_relu=0.3": (stax.LeakyRelu(0.3), 1.0),
    "step": (stax.RectifiedMonomial(0), 1.0),
    "erf": (stax.Erf(), 1.0),
    "cos": (stax.Cos(), 1.0),
    "sin": (stax.Sin(), 1.0),
    "exp": (stax.Exp(), 1.0),
    "identity": (stax.Identity(), 1.0),
    "quadratic": (stax.Monomial(2), 1 / 2),
    "cubic": (stax.Monomial(3), 1 / 6),
    "relu2": (stax.RectifiedMonomial(2), 1 / 2),
    "relu3": (stax.RectifiedMonomial(3), 1 / 6),
    # Its Hermite layer assumes preactivations of variance 1.
    "hermite1": (stax.Hermite(1), 1.0),
    "hermite2": (stax.Hermite(2), 1.0),
    "hermite3": (stax.Hermite(3), 1.0),
    "hermite5": (stax.Hermite(5), 1.0),
}
# (weight variance, bias variance); smaller where six layers would overflow.
SETTINGS = ((1.0, 0.0), (1.7, 0.3))
OWN_SETTINGS = {
    "exp": ((0.1, 0.0), (0.15, 0.05)),
    "quadratic": ((0.3, 0.1), (0.4, 0.2)),
    "cubic": ((0.3, 0.1), (0.4, 0.2)),
} | dict.fromkeys((name for name in ACTIVATIONS if name.startswith("hermite")), ((1.0, 0.0),))
# Its rectified monomials give NaN from the second layer on.
OWN_DEPTHS = dict.fromkeys(("step", "relu2", "relu3"), (1,))


def network(layer, factor, depth, weight_variance, bias_variance):
    """Build the kernel function; a factor of the activation is a factor of the weights that follow it."""
    bias = bias_variance**0.5
    layers = [stax.Dense(1, weight_variance**0.5, bias)]
    for _ in range(depth):
        layers += [layer, stax.Dense(1, factor * weight_variance**0.5, bias)]
    return stax.serial(*layers)[2]


def main():
    """Compute every case and save them beside this file."""
    rng = np.random.default_rng(20260101)
    x, y = rng.standard_normal((6, 4)), rng.standard_normal((5, 4))
    x, y = x * np.linspace(0.3, 2.0, 6)[:, None], y * np.linspace(1.5, 0.5, 5)[:, None]
    unit = {key: np.sqrt(4) * z / np.linalg.norm(z, axis=1, keepdims=True) for key, z in (("x", x), ("y", y))}
    out = {"x": x, "y": y, "x_unit": unit["x"], "y_unit": unit["y"]}
    for name, (layer, factor) in ACTIVATIONS.items():
        left, right = (unit["x"], unit["y"]) if name.startswith("hermite") else (x, y)
        for w, b in OWN_SETTINGS.get(name, SETTINGS):
            kernels = [network(layer, factor, depth, w, b) for depth in OWN_DEPTHS.get(name, range(1, 7))]
            # The tangent kernel of the step is infinite on the diagonal.
            for kind in ("nngp",) if name == "step" else ("nngp", "ntk"):
                out[f"{kind}:{name}:{w}:{b}"] = np.array([kernel(left, right, kind) for kernel in kernels])
                assert np.isfinite(out[f"{kind}:{name}:{w}:{b}"]).all(), (kind, name, w, b)
    np.savez(Path(__file__).with_suffix(".npz"), **out)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
