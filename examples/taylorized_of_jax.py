"""
A JAX net trained by its Taylor terms, to orders 1 to 3
=======================================================

``linearize`` with ``terms`` fits a net's expansion in its parameters: nested ``jax.jvp`` gives the terms along a
movement, ``jax.vjp`` the gradient of their sum. Where parameters move little, it comes near to the net that is trained
as a whole: half the step from the first outputs to the targets, and the gap of order k falls about 2^(k+1)-fold.

Needs ``pip install jax``. PyTorch has ``jvp`` and ``vjp`` in ``torch.func``.
"""

import math
from functools import partial
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from scipy.optimize import minimize

import widelearn as wl

jax.config.update("jax_enable_x64", True)
WIDTHS, ALPHA = (3, 16, 16, 1), 3.0


def start(rng):
    """Return the layers of a net, a matrix and a vector each."""
    return [(rng.standard_normal((a, b)) / np.sqrt(a), np.zeros(b)) for a, b in pairwise(WIDTHS)]


START, UNRAVEL = ravel_pytree(start(np.random.default_rng(0)))


@jax.jit
def net(theta, X):
    """Return the net's outputs at rows, (n,)."""
    *hidden, (W, b) = UNRAVEL(theta)
    for V, c in hidden:
        X = jnp.tanh(X @ V + c)
    return (X @ W + b)[:, 0]


def derivative(g):
    """Return the derivative of a function of one number."""
    return lambda t: jax.jvp(g, (t,), (1.0,))[1]


@partial(jax.jit, static_argnums=2)
def terms(X, delta, order):
    """Return d^j/dt^j f(θ0 + tΔ) / j! at t = 0 for j = 1 to order, each (n,)."""
    g, found = lambda t: net(START + t * delta, X), []
    for j in range(1, order + 1):
        g = derivative(g)
        found.append(g(0.0) / math.factorial(j))
    return found


@partial(jax.jit, static_argnums=3)
def vjp(X, delta, U, order):
    """Return the gradient of Σ_i U_i Σ_j T_j(x_i, Δ) by Δ, (P,), for U (n, 1)."""
    return jax.vjp(lambda delta: sum(terms(X, delta, order)), delta)[1](U[:, 0])[0]


def trained(X, y):
    """Return θ of the whole net, trained with the penalty alpha ‖θ - θ0‖²."""
    loss = jax.jit(jax.value_and_grad(lambda d: jnp.sum((y - net(START + d, X)) ** 2) + ALPHA * jnp.sum(d**2)))
    return START + minimize(loss, 0 * START, jac=True, method="L-BFGS-B", options={"ftol": 0.0, "gtol": 1e-9}).x


if __name__ == "__main__":
    X, new = np.random.default_rng(1).standard_normal((2, 60, 3))
    f0 = partial(net, START)
    for step in (0.1, 0.05):
        y = f0(X) + step * X[:, 0] * X[:, 1]
        whole = net(trained(X, y), new)
        for k in (1, 2, 3):
            model = wl.linearize(f0, alpha=ALPHA, order=k, terms=terms, vjp=vjp, n_parameters=len(START)).fit(X, y)
            print(f"step {step}, order {k}: {np.abs(model.predict(new) - whole).max():.3e}")
