"""Writes torch_tangent.npz, run by an environment that has PyTorch, as ``python -m benches --torch`` makes.

A net of four layers and one of convolutions at rows X and new rows: outputs, Jacobians and tangent kernels by
torch.func's recipe, factors of the layers' gradients at X by the recipe in the docstring of Empirical, and the
predictions of the linearised net that torch has trained, by jvp and L-BFGS, on y.
"""

import inspect
import textwrap
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.func import functional_call, jacrev, jvp, vmap

from widelearn.kernels import Empirical

ALPHA = 0.1


def nets():
    """The nets, and the number of columns of their rows."""
    torch.manual_seed(0)
    dense = [nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1)]
    images = [nn.Unflatten(-1, (1, 6, 6)), nn.Conv2d(1, 3, 3), nn.GELU(), nn.AvgPool2d(2), nn.Flatten(-3)]
    return {"dense": (nn.Sequential(*dense), 5), "conv": (nn.Sequential(*images, nn.Linear(12, 2)), 36)}


def derivatives(net, params, rows):
    """Derivatives of the outputs at rows by every parameter."""
    return vmap(jacrev(lambda p, row: functional_call(net, p, (row,))), (None, 0))(params, rows)


def factors(net, X):
    """What layers are given at rows, and the derivatives of the outputs by what they give, by the docstring's words."""
    recipe = inspect.getdoc(Empirical).partition("PyTorch::\n")[2].partition("\nfloat64")[0]
    names = {"net": net, "torch": torch, "nn": nn}
    exec(textwrap.dedent(recipe), names)
    return names["factors"](X)


def trained(net, params, x, y, new):
    """Predictions of the linearised net whose movement minimises ‖y - f0 - J δ‖² + alpha ‖δ‖²."""
    move = {name: torch.zeros_like(part, requires_grad=True) for name, part in params.items()}

    def linear(rows):
        f0, moved = jvp(lambda p: functional_call(net, p, (rows,)), (params,), (move,))
        return f0 + moved

    def closure():
        optimiser.zero_grad()
        loss = ((y - linear(x)) ** 2).sum() + ALPHA * sum((part**2).sum() for part in move.values())
        loss.backward()
        return loss

    optimiser = torch.optim.LBFGS(
        list(move.values()), max_iter=2000, tolerance_grad=1e-10, tolerance_change=0, line_search_fn="strong_wolfe"
    )
    optimiser.step(closure)
    return linear(new).detach().numpy()


def main():
    rng, out = np.random.default_rng(0), {"alpha": np.array(ALPHA)}
    for name, (net, d) in nets().items():
        net = net.double()
        params = {key: part.detach() for key, part in net.named_parameters()}
        X, new = rng.standard_normal((12, d)), rng.standard_normal((5, d))
        x = torch.from_numpy(X)
        y = rng.standard_normal(net(x).shape)
        for kind, rows in (("X", X), ("new", new)):
            flat = [leaf.flatten(2) for leaf in derivatives(net, params, torch.from_numpy(rows)).values()]
            out |= {f"{name}_{kind}": rows, f"{name}_f0_{kind}": net(torch.from_numpy(rows)).detach().numpy()}
            out[f"{name}_J_{kind}"] = torch.cat(flat, dim=2).numpy()
            if kind == "X":
                for i, (delta, a) in enumerate(factors(net, X)):
                    out |= {f"{name}_delta_{i}": delta, f"{name}_a_{i}": a}
                out[f"{name}_K"] = sum(torch.einsum("ncp,mdp->ncmd", leaf, leaf) for leaf in flat).numpy()
        out |= {f"{name}_y": y, f"{name}_trained": trained(net, params, x, torch.from_numpy(y), torch.from_numpy(new))}
    np.savez_compressed(Path(__file__).with_suffix(".npz"), **out)


if __name__ == "__main__":
    main()
