"""Expressions of PyTorch beside ours, run by its own interpreter: ``eager_child.py``, requests as JSON lines.

Both sides of a job live here, on the same arrays: ours, the eager expression that a user of torch writes with what it
needs made before, and the same compiled where that is asked for.
"""

import json
import os
import sys
import time

# Answers leave by the real stdout; whatever the libraries print goes to stderr.
ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

import numpy as np  # noqa: E402
import torch  # noqa: E402

import widelearn as wl  # noqa: E402
from widelearn.estimators.two_layer.fit import drawn_seed  # noqa: E402
from widelearn.kernels import NTK, RBF  # noqa: E402

GAMMA, ALPHA, RATE = 0.5, 0.1, 1e-3


def problem(n, d, dtype):
    x = (np.random.default_rng(0).standard_normal((n, d)) / np.sqrt(d)).astype(dtype)
    return x, np.sin(3 * x[:, 0]) + x[:, min(1, d - 1)]


def features(d, rows, n, p):
    """Return the values of rows by ridge regression on Fourier features, of the same frequencies."""
    x, y = problem(n, d, "float32")
    model = wl.FeatureRidge(wl.FourierFeatures(RBF(GAMMA), p, random_state=0)).fit(x, y)
    w = torch.from_numpy(np.ascontiguousarray(model.features_.directions().T, "float32"))
    coef = torch.from_numpy(np.sqrt(2 / p, dtype=np.float32) * model.coef_)
    few, b = x[:rows].copy(), float(model.intercept_)
    given = torch.from_numpy(few)

    def eager():
        angles = given @ w
        return torch.cat([angles.sin(), angles.cos()], 1) @ coef + b

    return lambda: model.predict(few), eager


def kernel(rows, n, dtype):
    """Return the values of rows by kernel ridge regression."""
    x, y = problem(n, 20, dtype)
    model = wl.KernelRidge(RBF(GAMMA), ALPHA, fit_intercept=False).fit(x, y)
    few = x[:rows] + np.array(0.1, dtype)
    given, fitted, dual = (torch.from_numpy(a) for a in (few, x, model.dual_coef_.astype(dtype)))
    squares, turned = (fitted * fitted).sum(1), fitted.T.contiguous()

    def eager():
        distances = (given * given).sum(1)[:, None] + squares - 2 * (given @ turned)
        return torch.exp(-GAMMA * distances.clamp(min=0)) @ dual

    return lambda: model.predict(few), eager


def gram(name, d, n, dtype):
    """Return a kernel matrix."""
    x = problem(n, d, dtype)[0]
    given = torch.from_numpy(x)
    if name == "RBF":

        def eager():
            squares = (given * given).sum(1)
            return torch.exp(-GAMMA * (squares[:, None] + squares - 2 * (given @ given.T)).clamp(min=0))

        ours = RBF(GAMMA)
    else:

        def eager():
            inner = given @ given.T / d
            sizes = inner.diagonal().sqrt()
            size = sizes[:, None] * sizes
            cosine = (inner / size).clamp(-1, 1)
            angle = torch.acos(cosine)
            arc = (torch.pi - angle) / (2 * torch.pi)
            return size * ((1 - cosine * cosine).sqrt() / (2 * torch.pi) + arc * cosine) + arc * inner

        ours = NTK()
    return lambda: ours(x), eager


def net(batch, width, n, d):
    """Return the outputs after passes over minibatches by Adam, from one start and in one order."""
    x, y = problem(n, d, "float32")
    x *= np.float32(d**0.5)
    rng, passes = np.random.default_rng(1), 2
    start = [(rng.standard_normal(s) / np.sqrt(s[-1])).astype("float32") for s in ((width, d), (width,), (1, width))]
    init = (start[0], -start[1], start[2].T)
    options = {"init": init, "scaling": None, "alpha": 1e-3, "batch_size": batch, "max_iter": passes, "tol": None}
    model = wl.TwoLayerRegressor(width, learning_rate_init=RATE, random_state=0, **options)
    given, wanted = torch.from_numpy(x), torch.from_numpy(y[:, None].astype("float32"))
    seed = drawn_seed(model)
    orders = [np.random.default_rng([seed, 2, t]).permutation(n) for t in range(passes)]

    def eager():
        first, last = torch.nn.Linear(d, width), torch.nn.Linear(width, 1, bias=False)
        with torch.no_grad():
            for part, value in zip((first.weight, first.bias, last.weight), start, strict=True):
                part.copy_(torch.from_numpy(value))
        module = torch.nn.Sequential(first, torch.nn.ReLU(), last)
        penalised = [{"params": [first.weight, last.weight], "weight_decay": 1e-3}, {"params": [first.bias]}]
        optimiser = torch.optim.Adam(penalised, lr=RATE)
        for order in orders:
            for rows in np.array_split(order, range(batch, n, batch)):
                optimiser.zero_grad()
                some = torch.from_numpy(rows)
                (0.5 * (module(given[some]) - wanted[some]).square().mean()).backward()
                optimiser.step()
        with torch.no_grad():
            return module(given)[:, 0]

    return lambda: model.fit(x, y).predict(x), eager


CASES = {"features": features, "kernel": kernel, "gram": gram, "net": net}


def main():
    sides = {}
    for line in sys.stdin:
        request = json.loads(line)
        answer = {}
        if request["op"] == "versions":
            answer = {"torch": torch.__version__, "numpy": np.__version__}
        elif request["op"] == "prepare":
            torch.set_num_threads(request["threads"])
            ours, eager = CASES[request["case"]](**request["options"])
            sides = {"widelearn": ours, "eager": eager}
            if request["compiled"]:
                sides["compiled"] = torch.compile(eager)
        else:
            side, calls = sides[request["op"]], request["calls"]
            start = time.perf_counter()
            for _ in range(calls):
                result = side()
            answer = {"seconds": (time.perf_counter() - start) / calls}
            if "result" in request:
                np.save(request["result"], np.asarray(result))
            del result
        print(json.dumps(answer), file=ANSWERS, flush=True)


if __name__ == "__main__":
    main()
