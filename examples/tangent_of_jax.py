"""
The tangent kernel of a JAX net, and the net linearised
=======================================================

A net of any kind has a tangent kernel: the inner products of its gradients. ``Empirical`` takes them from a function
that gives the Jacobian of some rows, here by ``jax.jacrev``, or from products with it, here by ``jax.jvp`` and
``jax.vjp``; ``linearize`` fits the net's own outputs plus what a movement of its parameters adds to first order.

Needs ``pip install jax``. PyTorch's Jacobian is ``vmap(jacrev(f), (None, 0))(params, x)`` of ``torch.func``, flattened.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

import widelearn as wl

# Without it everything is float32.
jax.config.update("jax_enable_x64", True)


def start(widths, seed=0):
    """Return the layers of a net, a matrix and a vector each."""
    sizes = zip(jax.random.split(jax.random.key(seed), len(widths) - 1), widths[:-1], widths[1:], strict=True)
    return [(jax.random.normal(key, (a, b)) / jnp.sqrt(a), jnp.zeros(b)) for key, a, b in sizes]


def net(params, x):
    """Return the net's output at one row."""
    for W, b in params[:-1]:
        x = jnp.tanh(x @ W + b)
    return (x @ params[-1][0] + params[-1][1])[0]


PARAMS, UNRAVEL = ravel_pytree(start((3, 32, 32, 1)))


def of_rows(params, X):
    """Return the net's outputs at rows, (n,)."""
    return jax.vmap(lambda x: net(UNRAVEL(params), x))(X)


outputs = jax.jit(partial(of_rows, PARAMS))


@jax.jit
def jacobian(X):
    """Return their derivatives by the parameters, (n, P)."""
    return jax.vmap(jax.grad(lambda params, x: net(UNRAVEL(params), x)), (None, 0))(PARAMS, X)


@jax.jit
def jvp(X, theta):
    """Return J θ, (n,)."""
    return jax.jvp(lambda params: of_rows(params, X), (PARAMS,), (theta,))[1]


@jax.jit
def vjp(X, U):
    """Return Jᵀ u, (P,), for u (n, 1)."""
    return jax.vjp(lambda params: of_rows(params, X), PARAMS)[1](U[:, 0])[0]


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    X, new = rng.standard_normal((200, 3)), rng.standard_normal((100, 3))
    y, truth = (np.sin(rows[:, 0]) + rows[:, 1] * rows[:, 2] for rows in (X, new))
    kernel = wl.kernels.Empirical(jacobian, jvp=jvp, vjp=vjp)
    J = np.asarray(jacobian(X))
    print(f"parameters: {J.shape[1]}")
    print(f"kernel beside J Jᵀ: {np.abs(kernel(X) - J @ J.T).max() / np.abs(J @ J.T).max():.1e}")
    print(f"products beside J Jᵀ: {np.abs(kernel.dot(X, None, y) - J @ (J.T @ y)).max():.1e}")
    linear = wl.linearize(outputs, jacobian, alpha=1e-2).fit(X, y)
    ridge = wl.KernelRidge(kernel, alpha=1e-2, fit_intercept=False).fit(X, y - np.asarray(outputs(X)))
    gap = linear.predict(new) - outputs(new) - ridge.predict(new)
    print(f"linearised net beside kernel ridge: {np.abs(gap).max():.1e}")
    print(f"unexplained variance of new rows: {np.mean((linear.predict(new) - truth) ** 2) / truth.var():.3f}")
