"""Tangent kernels of nets of PyTorch beside torch.func's own recipe, in an environment with torch."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benches.job import Job, gaussian, largest_difference
from benches.peer import Peer, torch_environment

# kind, d, width or channels: four layers, and a net of convolutions on 14 x 14 images, of 1e5 parameters each.
CASES = (("mlp", 20, 220), ("conv", 196, 50))
# Sums of 1e5 products in another order.
TOLERANCE = 1e-10
GIB = 2.0**30


def jobs(folder: Path, threads: int, quick: bool) -> Iterator[Job]:
    """Yield a job for each net."""
    peer = Peer(torch_environment(folder), "torch_child.py")
    try:
        for kind, d, size in CASES:
            yield job(peer, kind, gaussian(100 if quick else 2000, d, "float64"), 16 if quick else size, threads)
    finally:
        peer.close()


def job(peer: Peer, kind: str, x: np.ndarray, size: int, threads: int) -> Job:
    """Both sides run in the child: the nets are there."""
    n, d = x.shape
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "x.npy", x)
        about = peer.ask(op="prepare", kind=kind, d=d, size=size, x=f"{folder}/x.npy", threads=threads)
    held: dict[str, float] = {}

    def difference() -> float:
        with tempfile.TemporaryDirectory() as folder:
            for side in ("recipe", "empirical"):
                held[side] = peer.ask(op=side, result=f"{folder}/{side}.npy")["bytes"] / GIB
            found = [np.load(f"{folder}/{side}.npy") for side in ("empirical", "recipe")]
            return largest_difference(*found)

    return Job(
        name=f"Empirical {kind}",
        shape=f"n={n} d={d} P={about['parameters']}",
        dtype="float64",
        least=1.0,
        sides={
            "widelearn": lambda: peer.ask(op="empirical")["seconds"],
            f"torch.func {peer.versions['torch']}": lambda: peer.ask(op="recipe")["seconds"],
        },
        difference=difference,
        tolerance=TOLERANCE,
        flops=n * n * about["parameters"],
        bytes=n * n * x.itemsize,
        notes=lambda: {f"GiB of {side}": value for side, value in held.items()},
        most={"GiB of empirical": 1.0},
        rounds=3,
    )
