"""Predictions, kernel matrices of few columns and minibatches beside what a user of PyTorch writes for them."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benches.job import Job, largest_difference
from benches.peer import Peer, torch_environment

# Of values, and of kernels between rows in other places, relative to the largest.
TOLERANCE = {"float32": 1e-3, "float64": 1e-7}
# Outputs of float32 nets after 200 steps, whose roundings grow.
TRAINED = 5e-3


def jobs(folder: Path, threads: int, quick: bool) -> Iterator[Job]:
    """Yield a job for each case."""
    peer = Peer(torch_environment(folder), "eager_child.py")
    try:
        for one in cases(quick):
            yield job(peer, threads, **one)
    finally:
        peer.close()


def cases(quick: bool) -> Iterator[dict[str, Any]]:
    """Yield names, shapes, options of the child, and what is asked."""
    n, p = (300, 64) if quick else (6000, 4096)
    for d in (784, 20):
        for rows in (1, 100):
            options = {"d": d, "rows": rows, "n": n, "p": p}
            name = f"FeatureRidge beside torch, {rows} {'row' if rows == 1 else 'rows'}"
            yield {"name": name, "case": "features", "options": options, "calls": 50, "flops": rows * p * (d + 4)}
    n = 300 if quick else 5000
    for dtype in TOLERANCE:
        for rows in (1, 100):
            name = f"KernelRidge beside torch, {rows} {'row' if rows == 1 else 'rows'}"
            options = {"rows": rows, "n": n, "dtype": dtype}
            yield {"name": name, "case": "kernel", "options": options, "calls": 50, "flops": rows * n * 60}
    n = 300 if quick else 4000
    for kernel, least in (("RBF", 2.5), ("NTK", 2.0)):
        for dtype in TOLERANCE:
            for d in range(1, 6):
                options = {"name": kernel, "d": d, "n": n, "dtype": dtype}
                more = {"compiled": not quick, "least": least, "bytes": n * n * np.dtype(dtype).itemsize}
                yield {"name": f"{kernel} Gram of few columns", "case": "gram", "options": options, **more}
    n, d, width = (200, 8, 32) if quick else (6400, 64, 512)
    options = {"batch": 64, "width": width, "n": n, "d": d}
    yield {"name": "minibatches", "case": "net", "options": options, "least": 2.0, "flops": 8 * n * d * width}


def job(
    peer: Peer,
    threads: int,
    *,
    name: str,
    case: str,
    options: dict[str, Any],
    calls: int = 1,
    compiled: bool = False,
    least: float = 1.0,
    **costs: float,
) -> Job:
    """Both sides run in the child; where one is compiled, it is the other one that ours is held to."""
    dtype = str(options.get("dtype", "float32"))

    def side(op: str) -> float:
        return float(peer.ask(op=op, calls=calls)["seconds"])

    def difference() -> float:
        # First of all that a job does.
        peer.ask(op="prepare", case=case, options=options, threads=threads, compiled=compiled)
        with tempfile.TemporaryDirectory() as folder:
            found = []
            for op in ("widelearn", "eager"):
                peer.ask(op=op, calls=1, result=f"{folder}/{op}.npy")
                found.append(np.load(f"{folder}/{op}.npy").astype(float))
        ours, theirs = found
        if case == "gram":
            return largest_difference(ours, theirs)
        return float(np.abs(ours - theirs).max() / np.abs(theirs).max())

    sides = {"widelearn": lambda: side("widelearn"), f"torch {peer.versions['torch']}": lambda: side("eager")}
    if compiled:
        sides["torch.compile"] = lambda: side("compiled")
    return Job(
        name=name,
        shape=" ".join(f"{key}={value}" for key, value in options.items() if key not in ("dtype", "name")),
        dtype=dtype,
        least=least,
        sides=sides,
        difference=difference,
        tolerance=TRAINED if case == "net" else TOLERANCE[dtype],
        # The faster of theirs.
        ratio=lambda times: min(list(times.values())[1:]) / next(iter(times.values())),
        **costs,
    )
