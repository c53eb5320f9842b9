"""The state of an iteration in a file, which always holds a whole one and belongs to one problem alone."""

import hashlib
import io
import os
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from widelearn.ridge.operators import Operator
from widelearn.runtime import check_memory, warn
from widelearn.runtime.array_headers import read_header
from widelearn.runtime.whole_files import read_regular, replacing, sweep

State = Mapping[str, NDArray[Any]]
# What an array of a state must be: its lengths, ranges where several do, and its type.
Lengths = tuple[int | range, ...]
Shapes = Mapping[str, tuple[Lengths, Any]]
# Rows and columns whose crossing entries stand for the whole matrix.
SEEN = 16
# Seconds between two writes, at least; and how many times longer than the last write they are.
BETWEEN_WRITES, SHARE = 1.0, 10.0
# Bytes of a file beside its arrays: their names and headers.
HEADERS = 1 << 16
MARK = "fingerprint"
# Arrays of losses and residuals that are not known, or not yet.
MAY_BE_INFINITE = {"history", "best", "before", "least"}


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


class StateFile:
    """The file of a run's states: read at most once, then written whole, once a second at most, and at the end."""

    def __init__(self, path: str | os.PathLike[str], mark: str) -> None:
        self.path, self.mark = Path(path), mark
        if not self.path.parent.is_dir():
            raise FileNotFoundError(f"There is no folder {self.path.parent} for the checkpoint {self.path.name}.")
        sweep(self.path.parent)
        self.latest: State | None = None
        self.due = time.monotonic() + BETWEEN_WRITES
        self.failed = False

    def read(self, shapes: Shapes, most: int) -> dict[str, NDArray[Any]] | None:
        """Return the state, None if there is no file; `most` bytes are the most that its arrays may have."""
        try:
            need = 2 * min(most, self.path.stat().st_size)
            check_memory(need, f"The checkpoint {self.path}", "Take fewer rows or targets.")
            content = read_regular(self.path, most + HEADERS)
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                return unpacked(archive, self.mark, shapes, len(content))
        except FileNotFoundError:
            return None
        except AnotherProblemError as error:
            raise ValueError(
                f"{self.path} is the checkpoint of another problem: rows, kernel, targets, weights, penalties, the"
                " seed or other parameters differ. Remove it, or name another file."
            ) from error
        except (ValueError, OSError, EOFError, NotImplementedError, RuntimeError, zipfile.BadZipFile) as error:
            text = str(error).rstrip(".")
            raise ValueError(f"{self.path} is no checkpoint: {text}. Remove it, or name another file.") from error

    def keep(self, state: State) -> None:
        """Write a state if the last was written long enough ago; else remember it."""
        self.latest = state
        if time.monotonic() >= self.due:
            self.flush()

    def flush(self) -> None:
        """Write the state that is remembered; a write that fails is a warning, and the run goes on."""
        state, self.latest = self.latest, None
        if state is None:
            return
        start = time.monotonic()
        try:
            with replacing(self.path) as stream:
                np.savez(stream, **{MARK: np.array(self.mark)}, **state)  # type: ignore[arg-type]
        except OSError as error:
            if not self.failed:
                warn(f"The checkpoint was not written: {error}. The run goes on; what is at the path is as it was.")
            self.failed = True
        end = time.monotonic()
        self.due = end + max(BETWEEN_WRITES, SHARE * (end - start))


class AnotherProblemError(ValueError):
    """The file belongs to another problem."""


def unpacked(archive: zipfile.ZipFile, mark: str, shapes: Shapes, size: int) -> dict[str, NDArray[Any]]:
    """Return the arrays of a file, each of which is made only after its header was checked."""
    members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
    lacking = sorted({MARK, *shapes} - set(members))
    if lacking:
        raise ValueError(f"it lacks the array{'s' if len(lacking) > 1 else ''} {', '.join(lacking)}")
    for name in (MARK, *shapes):
        info = members[name]
        if info.compress_type != zipfile.ZIP_STORED or info.file_size > size:
            raise ValueError(f"the array {name} is compressed, which a checkpoint's are not")
    with archive.open(members[MARK]) as member:
        if str(checked(member, MARK, (), np.array(mark).dtype, size)) != mark:
            raise AnotherProblemError
    state = {}
    for name, (shape, dtype) in shapes.items():
        with archive.open(members[name]) as member:
            state[name] = checked(member, name, shape, np.dtype(dtype), size)
        if name not in MAY_BE_INFINITE and state[name].dtype.kind == "f" and not np.isfinite(state[name]).all():
            raise ValueError(f"the array {name} has NaN or infinity")
    return state


def checked(member: IO[bytes], name: str, shape: Lengths, dtype: Any, size: int) -> NDArray[Any]:
    """Return one array, if its header promises the shape and the type that are wanted, within a size in bytes."""
    found, fortran, kind = read_header(member, name)
    if name == MARK and kind != dtype:
        raise AnotherProblemError
    same = len(found) == len(shape) and all(
        have in want if isinstance(want, range) else have == want for want, have in zip(shape, found, strict=True)
    )
    if not same or kind != dtype:
        raise ValueError(f"the array {name} is {kind} of shape {found}, where {np.dtype(dtype)} of {shape} is wanted")
    need = int(np.prod(found, dtype=object)) * kind.itemsize
    content = member.read(need + 1) if need <= size else b""
    if len(content) != need:
        raise ValueError(f"the array {name} has {len(content)} bytes, not {need}")
    return np.frombuffer(content, kind).reshape(found, order="F" if fortran else "C").copy()
