"""The recipe for JAX gives the terms of a deep net: what theory says of their remainder, and of what is fitted."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "taylorized_of_jax.py"
SCRIPT = f"""
import math, runpy
import numpy as np
recipe = runpy.run_path({str(EXAMPLE)!r}, run_name="__main__")
jnp, derivative, theta, net = recipe["jnp"], recipe["derivative"], recipe["START"], recipe["net"]
import widelearn as wl
rng = np.random.default_rng(1)
X, delta = rng.standard_normal((60, 3)), rng.standard_normal(len(theta)) / 8
terms = np.array(recipe["terms"](X, delta, 4))
at = [np.asarray(net(theta + t * delta, X)) for t in (0.04, 0.02)]
for k in range(1, 5):
    rest = [f - net(theta, X) - sum(t**j * terms[j - 1] for j in range(1, k + 1)) for t, f in zip((0.04, 0.02), at)]
    print(f"remainder {{k}}: {{math.log2(np.linalg.norm(rest[0]) / np.linalg.norm(rest[1]))}}")
for name, f in [("tanh", jnp.tanh), ("softplus", lambda t: jnp.log1p(jnp.exp(t)))]:
    W0, W, a = rng.standard_normal((12, 3)), rng.standard_normal((12, 3)), rng.standard_normal((12, 2))
    own, g = wl.nets.Expansion(W0, a, name, (1, 2, 3, 4)).terms(X, W), [lambda t: f(X @ (W0 + t * W).T) @ a]
    for k in range(4):
        g.append(derivative(g[-1]))
    nested = recipe["jax"].jit(lambda t: [one(t) for one in g[1:]])(0.0)
    off = [np.abs(np.asarray(one) / math.factorial(k) - own[k - 1]).max() for k, one in enumerate(nested, 1)]
    print(f"{{name}}: {{max(off) / np.abs(own).max()}}")
jacobian = recipe["jax"].jit(recipe["jax"].vmap(recipe["jax"].grad(lambda p, x: net(p, x[None])[0]), (None, 0)))
f0, y = lambda X: net(theta, X), X[:, 0] * X[:, 1]
options = dict(terms=recipe["terms"], vjp=recipe["vjp"], n_parameters=len(theta), order=1)
model = wl.linearize(f0, alpha=3.0, **options).set_params(tol=1e-10).fit(X, y)
ridge = wl.linearize(f0, lambda X: jacobian(theta, X), 3.0).fit(X, y)
print(f"order 1: {{np.abs(model.predict(X) - ridge.predict(X)).max() / np.abs(y).max()}}")
"""


@pytest.fixture(scope="module")
def found():
    """What one process says: JAX's threads forbid forks."""
    command = [sys.executable, "-W", "error", "-c", SCRIPT]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr
    return {name: float(value) for name, value in re.findall(r"^(.*): (\S+)$", run.stdout, flags=re.MULTILINE)}


def test_what_an_order_leaves_is_of_the_next(found):
    for k in range(1, 5):
        # 1.1 times the order is .2 off or more.
        assert abs(found[f"remainder {k}"] - (k + 1)) < 0.1


def test_nested_derivatives_are_the_terms_of_our_nets(found):
    assert max(found[name] for name in ("tanh", "softplus")) < 1e-10


def test_order_1_is_the_linearised_net(found):
    # Descents end where values do not fall by 1e-14: places are known to the root of it, times their condition.
    assert found["order 1"] < 1e-6


def test_higher_orders_come_nearer_to_the_net_trained_whole(found):
    gaps = np.array([[found[f"step {step}, order {k}"] for k in (1, 2, 3)] for step in (0.1, 0.05)])
    # To leading order minimisers differ like the remainder, by step^(k+1): other orders are 1 off, and rivals nearer.
    assert (gaps[:, 1:] < gaps[:, :-1] / 2).all()
    assert (np.abs(np.log2(gaps[0] / gaps[1]) - [2, 3, 4]) < 0.5).all()
