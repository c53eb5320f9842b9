"""Tangent kernels of finite networks beside neural-tangents, jitted and warm, in its own environment.

Ours are at the same weights: of two layers ``nets.TangentKernel``, of more ``kernels.Empirical`` on Jacobians, or on
factors of the layers' gradients, that jax makes here, as a user would, of the network written down without the peer's
layers. Jacobians are beside Jacobians, the others beside the peer's structured derivatives.
"""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jax.scipy.special import erf

import widelearn as wl
from benches.job import Job, gaussian, largest_difference, timed
from benches.peer import Peer, environment
from benches.watch import Watch

# kind, what ours takes, rows, d, width or channels, least ratio: two layers in the core; four layers, and a network of
# convolutions on 14 x 14 images, from their Jacobians or factors. Of more images the peer takes minutes.
CASES = (
    ("shallow", "core", 1000, 20, 4500, 6.0),
    ("mlp", "Jacobians", 1000, 20, 220, 1.0),
    ("mlp", "factors", 1000, 20, 220, 1.0),
    ("conv", "Jacobians", 100, 196, 16, 1.0),
    ("conv", "factors", 100, 196, 16, 1.0),
)
# Sums of 1e5 products in another order.
TOLERANCE = 1e-10
GIB, STRUCTURE = 2.0**30, "structured derivatives"


def jobs(folder: Path, python: str, quick: bool) -> Iterator[Job]:
    """Yield a job for each network."""
    peer = Peer(environment(folder, python), "finite_child.py")
    try:
        for kind, way, n, d, size, least in CASES:
            yield job(peer, kind, way, gaussian(50 if quick else n, d, "float64"), 16 if quick else size, least)
    finally:
        peer.close()


def job(peer: Peer, kind: str, way: str, x: np.ndarray, size: int, least: float) -> Job:
    n, d = x.shape
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "x.npy", x)
        request = {"kind": kind, "size": size, "x": f"{folder}/x.npy", "params": f"{folder}/params.npz"}
        number = peer.ask(op="prepare", **request)["parameters"]
        with np.load(f"{folder}/params.npz") as leaves:
            kernel = two_layers(*leaves.values()) if way == "core" else OURS[way](kind, list(leaves.values()))
    held: dict[str, float] = {}

    def difference() -> float:
        kernel(x[:50])
        with Watch() as watch:
            ours = kernel(x)
        held["widelearn"] = watch.most / GIB
        with tempfile.TemporaryDirectory() as folder:
            gaps = []
            for side in ("jacobians", "structure"):
                held[side] = peer.ask(op=side, result=f"{folder}/{side}.npy")["bytes"] / GIB
                theirs = np.load(f"{folder}/{side}.npy")
                diagonal = np.abs(np.diag(ours) / np.diag(theirs) - 1).max()
                gaps += [largest_difference(ours, theirs), float(diagonal)]
        return max(gaps)

    jacobians = f"neural-tangents {peer.versions['neural-tangents']}, Jacobians"
    return Job(
        name=f"finite NTK {'of factors ' if way == 'factors' else ''}{kind}",
        shape=f"n={n} d={d} P={number}",
        dtype="float64",
        least=least,
        sides={
            "widelearn": timed(lambda: kernel(x)),
            jacobians: lambda: peer.ask(op="jacobians")["seconds"],
            STRUCTURE: lambda: peer.ask(op="structure")["seconds"],
        },
        ratio=lambda times: times[STRUCTURE if way == "factors" else jacobians] / times["widelearn"],
        difference=difference,
        tolerance=TOLERANCE,
        flops=n * n * number,
        bytes=n * n * x.itemsize,
        notes=lambda: {f"GiB of {side}": value for side, value in held.items()},
        most={"GiB of widelearn": 1.0},
        rounds=3,
    )


def two_layers(W: np.ndarray, b: np.ndarray, a: np.ndarray) -> wl.nets.TangentKernel:
    """Return the kernel of a network in the standard parameterisation, in which layers are W x + b."""
    return wl.nets.TangentKernel(wl.nets.TwoLayer(np.ascontiguousarray(W.T), -b.ravel(), a, "erf"))


def of_jacobians(kind: str, params: list[np.ndarray]) -> wl.kernels.Empirical:
    """Return the kernel of a network whose layers are W x / sqrt(fan in) + b."""
    # Without it everything is float32.
    jax.config.update("jax_enable_x64", True)
    flat, unravel = ravel_pytree(params)
    output: Callable[[list[Any], Any], Any] = dense if kind == "mlp" else conv
    jacobian = jax.jit(jax.vmap(jax.grad(lambda theta, row: output(unravel(theta), row)), (None, 0)))
    return wl.kernels.Empirical(lambda X: jacobian(flat, X))


def dense(params: list[Any], x: Any) -> Any:
    """Return the output at one row of a network of dense layers."""
    *hidden, last = zip(params[::2], params[1::2], strict=True)
    for W, b in hidden:
        x = erf(x @ W / jnp.sqrt(len(W)) + b[0])
    return (x @ last[0] / jnp.sqrt(len(last[0])) + last[1][0])[0]


def conv(params: list[Any], x: Any) -> Any:
    """Return the output at one image, given as a row, of two layers of convolutions and two dense ones."""
    side = int(len(x) ** 0.5)
    first = erf(convolved(x.reshape(1, side, side, 1), *params[:2]))
    half = (side - 2) // 2
    pooled = first[:, : 2 * half, : 2 * half].reshape(1, half, 2, half, 2, -1).mean((2, 4))
    return dense(params[4:], erf(convolved(pooled, *params[2:4])).ravel())


def convolved(images: Any, W: Any, b: Any) -> Any:
    order = ("NHWC", "HWIO", "NHWC")
    found = jax.lax.conv_general_dilated(images, W, (1, 1), "VALID", dimension_numbers=order)
    return found / jnp.sqrt(W[..., 0].size) + b


def of_factors(kind: str, params: list[np.ndarray]) -> wl.kernels.Empirical:
    """Return the same kernel, of what the layers are given and the output's derivatives by what they give."""
    jax.config.update("jax_enable_x64", True)
    output = shifted_dense if kind == "mlp" else shifted_conv
    layers = [(inputs_first(W), b.ravel()) for W, b in zip(params[::2], params[1::2], strict=True)]

    @jax.jit
    def factors(X: Any) -> list[Any]:
        gives = jax.eval_shape(lambda X: output(layers, [0.0] * len(layers), X)[1][1], X)
        shifts = [jnp.zeros(one.shape) for one in gives]
        values, back, (given, _) = jax.vjp(lambda shifts: output(layers, shifts, X), shifts, has_aux=True)
        return list(zip(back(jnp.ones_like(values))[0], given, strict=True))

    return wl.kernels.Empirical(factors=factors)


OURS = {"Jacobians": of_jacobians, "factors": of_factors}


def inputs_first(W: np.ndarray) -> np.ndarray:
    """Return a layer's matrix (in, out); of a convolution's (3, 3, channels, out) channels come first."""
    return W if W.ndim == 2 else W.transpose(2, 0, 1, 3).reshape(-1, W.shape[-1])


def shifted_dense(layers: list[Any], shifts: list[Any], x: Any) -> Any:
    """Return the outputs at rows, and what the layers are given and give; that is shifted."""
    given, gives = [], []
    for (W, b), shift in zip(layers, shifts, strict=True):
        x = erf(x) if gives else x
        x = x / jnp.sqrt(len(W))
        given.append(jnp.concatenate([x, jnp.ones_like(x[..., :1])], axis=-1))
        x = x @ W + b + shift
        gives.append(x)
    return x[..., 0], (given, gives)


def shifted_conv(layers: list[Any], shifts: list[Any], x: Any) -> Any:
    """Return the same of two layers of convolutions and two dense ones, at images given as rows."""
    n, side = len(x), int(x.shape[1] ** 0.5)
    first = shifted_dense(layers[:1], shifts[:1], patches(x.reshape(n, side, side, 1)))[1]
    half = (side - 2) // 2
    images = erf(first[1][0]).reshape(n, side - 2, side - 2, -1)[:, : 2 * half, : 2 * half]
    pooled = images.reshape(n, half, 2, half, 2, -1).mean((2, 4))
    second = shifted_dense(layers[1:2], shifts[1:2], patches(pooled))[1]
    values, last = shifted_dense(layers[2:], shifts[2:], erf(second[1][0]).reshape(n, -1))
    return values, ([*first[0], *second[0], *last[0]], [*first[1], *second[1], *last[1]])


def patches(images: Any) -> Any:
    """Return what a convolution of 3 x 3 is given at every place, (n, T, 9 channels)."""
    order = ("NHWC", "HWIO", "NHWC")
    found = jax.lax.conv_general_dilated_patches(images, (3, 3), (1, 1), "VALID", dimension_numbers=order)
    return found.reshape(len(images), -1, found.shape[-1])
