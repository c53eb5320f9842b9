"""The state of an iteration in a file, which always holds a whole one and belongs to one problem alone."""

import hashlib
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from widelearn.ridge.operators import Operator

# Rows and columns whose crossing entries stand for the whole matrix.
SEEN = 16


def fingerprint(A: Operator, *parts: NDArray[Any]) -> str:
    """Return a digest of the size and type of a matrix, of some of its entries and of arrays."""
    n = A.shape[0]
    some = np.linspace(0, n - 1, min(SEEN, n)).astype(np.intp)
    digest = hashlib.sha256()
    for part in (A.entries(some, some), A.diag(), *parts):
        array = np.ascontiguousarray(part)
        digest.update(f"{array.shape} {array.dtype};".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def write(path: Path, fingerprint: str, state: dict[str, NDArray[Any]]) -> None:
    """Write a state beside its place and move it there."""
    beside = path.with_name(path.name + ".part")
    with open(beside, "wb") as file:
        np.savez(file, fingerprint=np.array(fingerprint), **state)  # type: ignore[arg-type]
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)


def read(path: Path, fingerprint: str) -> dict[str, NDArray[Any]] | None:
    """Return the state at a path; None if there is none, and another problem's is refused."""
    if not path.exists():
        return None
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            state = dict(arrays)
        found = str(state.pop("fingerprint"))
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is no checkpoint: {error}. Remove it, or name another file.") from error
    if found != fingerprint:
        raise ValueError(
            f"{path} is the checkpoint of another problem: rows, kernel, targets, weights, penalties, the seed or"
            " other parameters differ. Remove it, or name another file."
        )
    return state
