"""Write finite_ntk.npz: tangent kernels of finite networks by neural-tangents 0.6.5, in float64.

Run it in an environment with `benches/peer_requirements.txt`. For each of NETS, the file holds rows ``<net>_X`` and
``<net>_Y``, their Jacobians ``<net>_J_X`` and ``<net>_J_Y`` (rows, outputs, parameters), and kernels of X and Y by
empirical_ntk_fn: ``<net>_full`` (x, y, output, output), ``<net>_diagonal`` (x, y, output), ``<net>_mean`` (x, y), its
default, a mean over the outputs. Of the networks with one hidden layer it holds the parameters, too. ``ntk`` and
``standard`` are its parameterisations: in the first, layers are W x / sqrt(fan in) + B b of standard normal W and b.
"""

import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import neural_tangents as nt
import numpy as np
from jax._src import source_info_util
from jax.flatten_util import ravel_pytree
from jax.interpreters import ad
from neural_tangents import stax

# Its structured derivatives look for these two where jax 0.4.30 no longer has them.
ad.source_info_util, ad.config = source_info_util, jax.config
jax.config.update("jax_enable_x64", True)

# Standard deviation of the first bias: a factor of it in the parameterisation "ntk".
B = 0.7


def one_hidden(parameterization):
    """Return a network of one hidden layer and two outputs, without an output bias."""
    kind = {"parameterization": parameterization}
    return stax.serial(stax.Dense(16, 1.0, B, **kind), stax.Erf(), stax.Dense(2, 1.0, None, **kind))


def dense():
    """Return a network of four layers and three outputs."""
    layers = [part for _ in range(3) for part in (stax.Dense(8, 1.2, B), stax.Erf())]
    return stax.serial(*layers, stax.Dense(3, 1.2, B))


def conv():
    """Return a small network of convolutions on 6 x 6 images of one channel, with two outputs."""
    body = (stax.Conv(3, (3, 3), W_std=1.5, b_std=B), stax.Relu(), stax.AvgPool((2, 2), (2, 2)), stax.Flatten())
    return stax.serial(*body, stax.Dense(2, 1.5, B))


NETS = {
    "ntk": (one_hidden("ntk"), (5,)),
    "standard": (one_hidden("standard"), (5,)),
    "dense": (dense(), (5,)),
    "conv": (conv(), (6, 6, 1)),
}


def jacobian(apply, params, x):
    """Return the derivatives of the outputs at rows by every parameter, in one array."""
    flat, unravel = ravel_pytree(params)
    return jax.vmap(jax.jacrev(lambda p, row: apply(unravel(p), row[None])[0]), (None, 0))(flat, x)


def main():
    """Compute every case and save them beside this file."""
    rng, out = np.random.default_rng(20260103), {}
    for name, ((init, apply, _), shape) in NETS.items():
        _, params = init(jax.random.key(len(name)), (-1, *shape))
        # Weights of any size, as training leaves them, and biases that are not zero.
        params = jax.tree.map(lambda part: jnp.asarray(part + 0.3 * rng.standard_normal(part.shape)), params)
        rows = {"X": rng.standard_normal((7, *shape)), "Y": rng.standard_normal((4, *shape))}
        for key, x in rows.items():
            out |= {f"{name}_{key}": x.reshape(len(x), -1), f"{name}_J_{key}": jacobian(apply, params, x)}
        for kind, axes in {"full": ((), ()), "diagonal": ((), (-1,)), "mean": ((-1,), ())}.items():
            found = [
                nt.empirical_ntk_fn(apply, *axes, vmap_axes=0, implementation=way)(rows["X"], rows["Y"], params)
                for way in (nt.NtkImplementation.JACOBIAN_CONTRACTION, nt.NtkImplementation.STRUCTURED_DERIVATIVES)
            ]
            assert np.allclose(*found, rtol=1e-12, atol=1e-12), (name, kind)
            out[f"{name}_{kind}"] = found[0]
        if name in ("ntk", "standard"):
            (W, b), _, (a, _) = params
            out |= {f"{name}_W": W.T, f"{name}_b": b.ravel(), f"{name}_a": a}
    assert all(np.isfinite(value).all() for value in out.values())
    np.savez_compressed(Path(__file__).with_suffix(".npz"), **out)
    for key, value in out.items():
        print(key, np.shape(value))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
