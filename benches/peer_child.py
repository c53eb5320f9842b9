"""The neural-tangents side, run by its own interpreter: ``peer_child.py float64|float32``, requests as JSON lines."""

import json
import os
import sys
import time

# Answers leave by the real stdout; whatever the libraries print goes to stderr.
ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

import jax  # noqa: E402

jax.config.update("jax_enable_x64", sys.argv[1] == "float64")

import neural_tangents  # noqa: E402
import numpy as np  # noqa: E402
from neural_tangents import stax  # noqa: E402


def tangent_kernel(depth):
    layers = [stax.Dense(1, 1.0, 0.0)]
    for _ in range(depth):
        layers += [stax.Relu(), stax.Dense(1, 1.0, 0.0)]
    kernel = stax.serial(*layers)[2]
    return jax.jit(lambda x: kernel(x, None, "ntk"))


def main():
    gram = x = None
    for line in sys.stdin:
        request = json.loads(line)
        answer = {}
        if request["op"] == "versions":
            answer = {"neural-tangents": neural_tangents.__version__, "jax": jax.__version__, "numpy": np.__version__}
        elif request["op"] == "prepare":
            gram, x = tangent_kernel(request["depth"]), jax.device_put(np.load(request["x"]))
            np.save(request["result"], np.asarray(gram(x).block_until_ready()))
        elif request["op"] == "run":
            start = time.perf_counter()
            result = gram(x).block_until_ready()
            answer = {"seconds": time.perf_counter() - start}
            del result
        print(json.dumps(answer), file=ANSWERS, flush=True)


if __name__ == "__main__":
    main()
