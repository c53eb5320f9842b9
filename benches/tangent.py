"""Tangent kernels of nets of PyTorch beside torch.func's own recipe, in an environment with torch."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benches.job import Job, gaussian, largest_difference
from benches.peer import Peer, torch_environment

# kind, d, width or channels: four layers, and a net of convolutions on 14 x 14 images, of 1e5 parameters each.
CASES = (("mlp", 20, 220), ("conv", 196, 50))
# How the kernel is made, and under which name.
WAYS = {"empirical": "Empirical", "factors": "Empirical of factors"}
# Sums of 1e5 products in another order.
TOLERANCE = 1e-10
GIB = 2.0**30


def jobs(folder: Path, threads: int, quick: bool) -> Iterator[Job]:
    """Yield a job for each net and way."""
    peer = Peer(torch_environment(folder), "torch_child.py")
    try:
        for kind, d, size in CASES:
            x = gaussian(100 if quick else 2000, d, "float64")
            for way in WAYS:
                yield job(peer, kind, way, x, 16 if quick else size, threads)
    finally:
        peer.close()


def job(peer: Peer, kind: str, way: str, x: np.ndarray, size: int, threads: int) -> Job:
    """Both sides run in the child: the nets are there."""
    n, d = x.shape
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "x.npy", x)
        about = peer.ask(op="prepare", kind=kind, d=d, size=size, x=f"{folder}/x.npy", threads=threads)
    held: dict[str, float] = {}

    def difference() -> float:
        with tempfile.TemporaryDirectory() as folder:
            for side in ("recipe", way):
                held[side] = peer.ask(op=side, result=f"{folder}/{side}.npy")["bytes"] / GIB
            found = [np.load(f"{folder}/{side}.npy") for side in (way, "recipe")]
            return largest_difference(*found)

    return Job(
        name=f"{WAYS[way]} {kind}",
        shape=f"n={n} d={d} P={about['parameters']}",
        dtype="float64",
        least=1.0,
        sides={
            "widelearn": lambda: peer.ask(op=way)["seconds"],
            f"torch.func {peer.versions['torch']}": lambda: peer.ask(op="recipe")["seconds"],
        },
        difference=difference,
        tolerance=TOLERANCE,
        flops=n * n * about["parameters"],
        bytes=n * n * x.itemsize,
        notes=lambda: {f"GiB of {side}": value for side, value in held.items()},
        most={f"GiB of {way}": 1.0},
        rounds=3,
    )
