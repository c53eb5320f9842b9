"""Write ensembles.npz: means and covariances of trained infinitely wide networks by neural-tangents 0.6.5, in float64.

Run it in an environment with `benches/peer_requirements.txt`. The file holds ``x`` (8, 3), ``y`` (8, 2) and ``x_test``
(4, 3). Under ``<ntk|nngp>_mean:<depth>`` and ``..._cov:<depth>`` are the results of gradient_descent_mse_ensemble there
at TIMES and at infinity; under ``mse:<depth>`` those of gradient_descent_mse from zero with the tangent kernel.
Networks are relu, of weight and bias variances SETTINGS.
"""

import warnings
from pathlib import Path

import jax
import numpy as np
from neural_tangents import predict, stax

jax.config.update("jax_enable_x64", True)

# Depth, weight variance, bias variance.
SETTINGS = ((2, 1.0, 0.0), (1, 1.7, 0.3))
# In the time of a loss for each target; its loss is a mean over targets, too.
TIMES = np.array([0.5, 20.0, 3e3])


def main():
    """Compute every case and save them beside this file."""
    rng = np.random.default_rng(20260102)
    x, y, x_test = rng.standard_normal((8, 3)), rng.standard_normal((8, 2)), rng.standard_normal((4, 3))
    out = {"x": x, "y": y, "x_test": x_test}
    for depth, w, b in SETTINGS:
        layers = [stax.Dense(1, w**0.5, b**0.5)]
        for _ in range(depth):
            layers += [stax.Relu(), stax.Dense(1, w**0.5, b**0.5)]
        kernel = stax.serial(*layers)[2]
        ensemble = predict.gradient_descent_mse_ensemble(kernel, x, y)
        for get in ("ntk", "nngp"):
            found = [
                ensemble(t=time, x_test=x_test, get=get, compute_cov=True) for time in (*(TIMES * y.shape[1]), None)
            ]
            out[f"{get}_mean:{depth}"] = np.array([one.mean for one in found])
            out[f"{get}_cov:{depth}"] = np.array([one.covariance for one in found])
        follow = predict.gradient_descent_mse(kernel(x, None, "ntk"), y)
        zero, zero_test, cross = np.zeros(y.shape), np.zeros((len(x_test), y.shape[1])), kernel(x_test, x, "ntk")
        paths = [follow(time, zero, zero_test, cross)[1] for time in (*(TIMES * y.shape[1]), None)]
        out[f"mse:{depth}"] = np.array(paths)
    assert all(np.isfinite(value).all() for value in out.values())
    np.savez(Path(__file__).with_suffix(".npz"), **out)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
