"""NTK Gram matrices beside neural-tangents, jitted and warm, in its own environment."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import widelearn as wl
from benches.job import Job, gaussian, largest_difference, timed
from benches.peer import Peer, environment

# depth, d, dtype, least ratio
CASES = (
    (1, 20, "float64", 6.0),
    (1, 784, "float64", 3.0),
    (5, 20, "float64", 12.0),
    (1, 20, "float32", 10.0),
    (1, 784, "float32", 5.5),
)
# Random rows are far from the coinciding ones at which the peer loses half its digits.
TOLERANCE = {"float64": 1e-12, "float32": 2e-6}


def jobs(folder: Path, python: str, quick: bool) -> Iterator[Job]:
    """Yield a job for each case; each dtype has its child, because jax has one precision in a process."""
    interpreter = environment(folder, python)
    n = 200 if quick else 4000
    for dtype in ("float64", "float32"):
        peer = Peer(interpreter, "peer_child.py", dtype)
        try:
            for depth, d, of_case, least in CASES:
                if of_case == dtype:
                    yield job(peer, depth, gaussian(n, d, dtype), least)
        finally:
            peer.close()


def job(peer: Peer, depth: int, x: np.ndarray, least: float) -> Job:
    kernel = wl.kernels.NTK(depth=depth)
    n, d = x.shape

    def difference() -> float:
        with tempfile.TemporaryDirectory() as folder:
            rows, result = Path(folder) / "x.npy", Path(folder) / "result.npy"
            np.save(rows, x)
            peer.ask(op="prepare", depth=depth, x=str(rows), result=str(result))
            theirs = np.load(result)
        ours = kernel(x)
        assert ours.dtype == theirs.dtype == x.dtype
        return largest_difference(ours, theirs)

    versions = peer.versions
    return Job(
        name=f"NTK depth {depth}",
        shape=f"n={n} d={d}",
        dtype=str(x.dtype),
        least=least,
        sides={
            "widelearn": timed(lambda: kernel(x)),
            f"neural-tangents {versions['neural-tangents']}": lambda: peer.ask(op="run")["seconds"],
        },
        difference=difference,
        tolerance=TOLERANCE[str(x.dtype)],
        flops=n * n * d,
        bytes=n * n * x.itemsize,
    )
