"""The side of PyTorch, run by its own interpreter: ``torch_child.py``, requests as JSON lines.

It holds nets, makes their Gram matrices by torch.func's own recipe (Jacobians of all rows, contracted leaf by leaf) and
by ``widelearn.kernels.Empirical`` on the same Jacobians in blocks, or on factors of the layers' gradients, as its
docstring has them, and says how much memory each came to hold.
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
from torch import nn  # noqa: E402
from torch.func import functional_call, jacrev, vmap  # noqa: E402
from watch import Watch  # noqa: E402

import widelearn as wl  # noqa: E402


def mlp(d, width):
    """Return a net of four layers."""
    layers = [nn.Linear(d, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh()]
    return nn.Sequential(*layers, nn.Linear(width, 1))


def conv(side, channels):
    """Return a small net of convolutions on images of one channel, given as rows."""
    layers = [nn.Unflatten(-1, (1, side, side)), nn.Conv2d(1, channels, 3), nn.Tanh(), nn.AvgPool2d(2)]
    layers += [nn.Conv2d(channels, channels, 3), nn.Tanh(), nn.Flatten(-3)]
    inner = ((side - 2) // 2 - 2) ** 2 * channels
    return nn.Sequential(*layers, nn.Linear(inner, 2 * channels), nn.Tanh(), nn.Linear(2 * channels, 1))


class Model:
    """A net with its Jacobian at rows."""

    def __init__(self, kind, d, size):
        torch.manual_seed(0)
        self.net = (mlp(d, size) if kind == "mlp" else conv(int(d**0.5), size)).double()
        self.params = {name: part.detach() for name, part in self.net.named_parameters()}

    def leaves(self, x):
        """Return the derivatives of the outputs at rows by every parameter, as torch.func gives them."""
        return vmap(jacrev(lambda params, row: functional_call(self.net, params, (row,))[0]), (None, 0))(self.params, x)

    def jacobian(self, X):
        """Return the same as one array (n, P)."""
        with torch.no_grad():
            leaves = self.leaves(torch.from_numpy(X))
            return torch.cat([leaf.flatten(1) for leaf in leaves.values()], dim=1).numpy()

    def factors(self, X):
        """Return what layers are given and what comes back to them, one backward pass for each output."""
        kept = []
        linear = [part for part in self.net.modules() if isinstance(part, nn.Linear | nn.Conv2d)]
        hooks = [part.register_forward_hook(lambda *call: kept.append(call)) for part in linear]
        f = self.net(torch.from_numpy(X)).flatten(1)
        for hook in hooks:
            hook.remove()
        outs = [out for *_, out in kept]
        slopes = [torch.autograd.grad(f_k.sum(), outs, retain_graph=True) for f_k in f.T]
        layers = []
        for (part, (a,), _), *delta in zip(kept, *slopes, strict=True):
            delta = torch.stack(delta, 1)
            if isinstance(part, nn.Conv2d):
                a = nn.functional.unfold(a, part.kernel_size, part.dilation, part.padding, part.stride).mT
                delta = delta.flatten(3).mT
            if part.bias is not None:
                a = torch.cat([a, torch.ones_like(a[..., :1])], -1)
            layers.append((delta.numpy(), a.detach().numpy()))
        return layers

    def recipe(self, X):
        """Return the matrix by torch.func's recipe: Jacobians of all rows on both sides, contracted."""
        with torch.no_grad():
            x = torch.from_numpy(X)
            first, second = self.leaves(x), self.leaves(x)
            pairs = zip(first.values(), second.values(), strict=True)
            return sum(torch.einsum("Nf,Mf->NM", a.flatten(1), b.flatten(1)) for a, b in pairs).numpy()


def main():
    model = X = None
    sides = {}
    for line in sys.stdin:
        request = json.loads(line)
        answer = {}
        if request["op"] == "versions":
            answer = {"torch": torch.__version__, "numpy": np.__version__}
        elif request["op"] == "prepare":
            model, X = Model(request["kind"], request["d"], request["size"]), np.load(request["x"])
            torch.set_num_threads(request["threads"])
            sides = {
                "recipe": model.recipe,
                "empirical": wl.kernels.Empirical(model.jacobian),
                "factors": wl.kernels.Empirical(factors=model.factors),
            }
            answer = {"parameters": sum(part.numel() for part in model.params.values())}
        else:
            side = sides[request["op"]]
            with Watch() as watch:
                start = time.perf_counter()
                result = side(X)
                answer = {"seconds": time.perf_counter() - start}
            answer["bytes"] = watch.most
            if "result" in request:
                np.save(request["result"], result)
            del result
        print(json.dumps(answer), file=ANSWERS, flush=True)


if __name__ == "__main__":
    main()
