"""Tangent kernels of finite networks beside neural-tangents, jitted and warm, in its own environment.

Ours are at the same weights: of two layers ``nets.TangentKernel``, of more ``kernels.Empirical`` on Jacobians that jax
makes here, as a user would, of the network written down without the peer's layers.
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

# kind, rows, d, width or channels, least ratio: two layers in the core; four layers, and a network of convolutions on
# 14 x 14 images, from their Jacobians. Of more images the peer takes minutes.
CASES = (("shallow", 1000, 20, 4500, 6.0), ("mlp", 1000, 20, 220, 1.0), ("conv", 100, 196, 16, 1.0))
# Sums of 1e5 products in another order.
TOLERANCE = 1e-10
GIB = 2.0**30


def jobs(folder: Path, python: str, quick: bool) -> Iterator[Job]:
    """Yield a job for each network."""
    peer = Peer(environment(folder, python), "finite_child.py")
    try:
        for kind, n, d, size, least in CASES:
            yield job(peer, kind, gaussian(50 if quick else n, d, "float64"), 16 if quick else size, least)
    finally:
        peer.close()


def job(peer: Peer, kind: str, x: np.ndarray, size: int, least: float) -> Job:
    n, d = x.shape
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "x.npy", x)
        request = {"kind": kind, "size": size, "x": f"{folder}/x.npy", "params": f"{folder}/params.npz"}
        number = peer.ask(op="prepare", **request)["parameters"]
        with np.load(f"{folder}/params.npz") as leaves:
            kernel = two_layers(*leaves.values()) if kind == "shallow" else of_jacobians(kind, list(leaves.values()))
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

    version = peer.versions["neural-tangents"]
    return Job(
        name=f"finite NTK {kind}",
        shape=f"n={n} d={d} P={number}",
        dtype="float64",
        least=least,
        sides={
            "widelearn": timed(lambda: kernel(x)),
            f"neural-tangents {version}, Jacobians": lambda: peer.ask(op="jacobians")["seconds"],
            "structured derivatives": lambda: peer.ask(op="structure")["seconds"],
        },
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
