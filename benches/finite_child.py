"""The side of neural-tangents for finite networks, run by its own interpreter: ``finite_child.py``, JSON lines.

It makes the tangent kernels of networks of its own layers at given rows by ``empirical_ntk_fn``, jitted and warm: by
contraction of Jacobians, which is its default, or by structured derivatives, which it calls the fastest.
"""

import json
import os
import sys
import time

# Answers leave by the real stdout; whatever the libraries print goes to stderr.
ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

import jax  # noqa: E402

jax.config.update("jax_enable_x64", True)

from jax._src import source_info_util  # noqa: E402
from jax.interpreters import ad  # noqa: E402

# Structured derivatives look for these two where jax 0.4.30 no longer has them.
ad.source_info_util, ad.config = source_info_util, jax.config

import neural_tangents as nt  # noqa: E402
import numpy as np  # noqa: E402
from neural_tangents import stax  # noqa: E402
from watch import Watch  # noqa: E402


def network(kind, size):
    """Return a network of its layers, in its parameterisation; "shallow" is in the standard one."""
    if kind == "shallow":
        standard = {"parameterization": "standard"}
        return stax.serial(stax.Dense(size, 1.0, 1.0, **standard), stax.Erf(), stax.Dense(1, 1.0, None, **standard))
    if kind == "mlp":
        layers = [part for _ in range(3) for part in (stax.Dense(size, 1.0, 1.0), stax.Erf())]
        return stax.serial(*layers, stax.Dense(1, 1.0, 1.0))
    layers = [stax.Conv(size, (3, 3), W_std=1.0, b_std=1.0), stax.Erf(), stax.AvgPool((2, 2), (2, 2))]
    layers += [stax.Conv(size, (3, 3), W_std=1.0, b_std=1.0), stax.Erf(), stax.Flatten()]
    return stax.serial(*layers, stax.Dense(2 * size, 1.0, 1.0), stax.Erf(), stax.Dense(1, 1.0, 1.0))


def prepare(request):
    """Return the kernel's functions by name, the rows and the parameters, which are written for the other side."""
    X = np.load(request["x"])
    d = X.shape[1]
    X = X.reshape(len(X), *((int(d**0.5), int(d**0.5), 1) if request["kind"] == "conv" else (d,)))
    init, apply, _ = network(request["kind"], request["size"])
    _, params = init(jax.random.key(0), (-1, *X.shape[1:]))
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(params)]
    np.savez(request["params"], *leaves)
    ways = {"jacobians": 1, "structure": 3}
    kernels = {name: jax.jit(nt.empirical_ntk_fn(apply, vmap_axes=0, implementation=way)) for name, way in ways.items()}
    return kernels, jax.device_put(X), params, sum(leaf.size for leaf in leaves)


def main():
    kernels = X = params = None
    for line in sys.stdin:
        request = json.loads(line)
        answer = {}
        if request["op"] == "versions":
            answer = {"neural-tangents": nt.__version__, "jax": jax.__version__, "numpy": np.__version__}
        elif request["op"] == "prepare":
            kernels, X, params, number = prepare(request)
            answer = {"parameters": number}
        else:
            kernel = kernels[request["op"]]
            if "result" in request:
                np.save(request["result"], np.asarray(kernel(X, None, params)))
            with Watch() as watch:
                start = time.perf_counter()
                result = kernel(X, None, params).block_until_ready()
                answer = {"seconds": time.perf_counter() - start}
            answer["bytes"] = watch.most
            del result
        print(json.dumps(answer), file=ANSWERS, flush=True)


if __name__ == "__main__":
    main()
