"""
The tangent kernel of a JAX net by the factors of its layers
============================================================

The gradient of a layer's matrix is an outer product: of the derivatives by what the layer gives, and of what it is
given. A convolution sums such products over the patches that it sees. ``Empirical`` takes these factors in place of
the Jacobian, which it never forms where their products are less work. JAX's ``vjp`` of shifts of what the layers give
finds them, in one pass back for every output.

Needs ``pip install jax``. The recipe for PyTorch is in the docstring of ``Empirical``.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jax.lax import conv_general_dilated_patches

import widelearn as wl

# Without it everything is float32.
jax.config.update("jax_enable_x64", True)

# Patches of 3 x 3 of images of 8 x 8, 5 channels, then two dense layers, and 2 outputs.
SIDE, OUTPUTS = 8, 2
SHAPES = [(9 + 1, 5), (36 * 5 + 1, 20), (20 + 1, OUTPUTS)]
KEYS = jax.random.split(jax.random.key(0), len(SHAPES))
# The last row of a matrix is the bias.
PARAMS = [jax.random.normal(key, shape) / jnp.sqrt(shape[0]) for key, shape in zip(KEYS, SHAPES, strict=True)]


def net(params, shifts, X):
    """Return the outputs at rows of X (n, 64), and what every layer is given; what it gives is shifted."""
    patches = conv_general_dilated_patches(X.reshape(-1, 1, SIDE, SIDE), (3, 3), (1, 1), "VALID")
    x, given = jnp.moveaxis(patches, 1, -1).reshape(len(X), -1, 9), []
    for W, shift in zip(params, shifts, strict=True):
        if len(given) == 1:
            x = x.reshape(len(X), -1)
        given.append(jnp.concatenate([x, jnp.ones_like(x[..., :1])], axis=-1))
        z = given[-1] @ W + shift
        x = jnp.tanh(z)
    return z, given


@jax.jit
def factors(X):
    """Return for every layer the outputs' derivatives by what it gives, and what it is given."""
    shifts = [jnp.zeros((len(X), 36, 5)), *(jnp.zeros((len(X), out)) for _, out in SHAPES[1:])]
    z, back, given = jax.vjp(lambda shifts: net(PARAMS, shifts, X), shifts, has_aux=True)
    slopes = [back(jnp.zeros_like(z).at[:, k].set(1.0))[0] for k in range(OUTPUTS)]
    return [(jnp.stack(delta, axis=1), a) for *delta, a in zip(*slopes, given, strict=True)]


@jax.jit
def jacobian(X):
    """Return the outputs' derivatives by all parameters, (n, 2, P)."""
    flat, unravel = ravel_pytree(PARAMS)
    return jax.vmap(jax.jacrev(lambda theta, x: net(unravel(theta), [0.0] * 3, x[None])[0][0]), (None, 0))(flat, X)


if __name__ == "__main__":
    X = np.random.default_rng(0).standard_normal((100, SIDE**2))
    J = np.asarray(jacobian(X))
    for outputs, K in (("trace", np.einsum("icp,jcp->ij", J, J)), ("full", np.einsum("icp,jdp->icjd", J, J))):
        found = wl.kernels.Empirical(factors=factors, outputs=outputs)(X)
        print(f"{outputs} beside J Jᵀ: {np.abs(found - K.reshape(found.shape)).max() / np.abs(K).max():.1e}")
    fits = [wl.linearize(None, **one).fit(X, X[:, :2]) for one in ({"jacobian": jacobian}, {"factors": factors})]
    first, second = (fit.predict(X + 0.1) for fit in fits)
    print(f"parameters: {J.shape[2]}")
    print(f"linearised net by factors beside that by J: {np.abs(first - second).max() / np.abs(first).max():.1e}")
