"""Files that appear whole or not at all, and that one process writes at a time."""

import contextlib
import errno
import hashlib
import os
import platform
import re
import secrets
import stat
from collections.abc import Iterator
from io import BufferedRandom, BufferedReader
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: nothing is locked, and so nothing is swept
    fcntl = None  # type: ignore[assignment]

# Host, process and a random part; what else has such a name is not ours.
MADE = re.compile(r"\.?widelearn-([0-9a-f]{8})-(\d{1,10})-[0-9a-f]{8}(\.tmp)?")
LOCK = re.compile(r"\.widelearn-[0-9a-f]{16}\.lock")
OPEN = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BufferedRandom]:
    """Yield a binary stream whose content takes the place of `path` when the block ends well.

    Even if the machine stops in between, `path` is the old file or the whole new one. What dead processes left in the
    folder is removed.

    Parameters
    ----------
    path : str or path-like
        Its folder must exist. A symlink there is replaced, never followed.

    Yields
    ------
    file object
        A file in the same folder, for this process alone.

    Raises
    ------
    OSError
        The disk is full, or the folder cannot be written to; it names `path`, which is as it was.
    """
    path = Path(path)
    sweep(path.parent)
    temporary, stream = _temporary(path)
    try:
        with _naming(path):
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
            os.replace(temporary, path)
        _sync_folder(path.parent)
    finally:
        with contextlib.suppress(OSError):
            stream.close()
        temporary.unlink(missing_ok=True)


def _temporary(path: Path) -> tuple[Path, BufferedRandom]:
    """Make an empty file beside `path`, locked as long as it is open."""
    while True:
        temporary = path.with_name(f".{own_name()}.tmp")
        with _naming(path):
            handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | OPEN, 0o666)
        lock(handle, wait=True)
        # One that sweeps may have been faster than the lock.
        if temporary.exists():
            break
        os.close(handle)
    with contextlib.suppress(OSError):
        mode = os.lstat(path).st_mode
        if stat.S_ISREG(mode):
            os.chmod(temporary, stat.S_IMODE(mode))
    return temporary, os.fdopen(handle, "w+b")


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name the file in an error of the system that does not; the user knows `path` alone."""
    try:
        yield
    except OSError as error:
        if error.filename is not None and not MADE.fullmatch(Path(os.fsdecode(error.filename)).name):
            raise
        raise OSError(error.errno or errno.EIO, error.strerror or str(error), str(path)) from error


def _sync_folder(folder: Path) -> None:
    """Make a rename durable, where the file system offers it."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def probe(folder: str | os.PathLike[str]) -> None:
    """Write a small file into a folder and remove it: OSError tells now, not after hours, that it cannot be done."""
    temporary, stream = _temporary(Path(folder, "probe"))
    try:
        with _naming(Path(folder)):
            stream.write(bytes(4096))
            stream.flush()
    finally:
        with contextlib.suppress(OSError):
            stream.close()
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def claim(path: str | os.PathLike[str]) -> Iterator[None]:
    """Keep other processes, and other calls of this one, from claiming `path` while the block runs.

    The claim is a lock on a small file beside `path`, which ends with its process; the block's end removes the file.
    Where the file system knows no locks, nothing is claimed.

    Parameters
    ----------
    path : str or path-like
        Need not exist, but its folder must.

    Raises
    ------
    BlockingIOError
        It is claimed already; the message names the process.
    """
    path = Path(path)
    beside = path.with_name(f".widelearn-{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]}.lock")
    handle = _claimed(path, beside)
    try:
        yield
    finally:
        if _is_at(beside, handle):
            beside.unlink(missing_ok=True)
        os.close(handle)


def _is_at(path: Path, handle: int) -> bool:
    """Whether an open file is still the one at a path."""
    try:
        return os.path.samestat(os.lstat(path), os.fstat(handle))
    except OSError:
        return False


def _claimed(path: Path, beside: Path) -> int:
    """Open and lock the file beside a path; return its handle."""
    while True:
        handle = os.open(beside, os.O_RDWR | os.O_CREAT | OPEN, 0o666)
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            os.close(handle)
            raise OSError(errno.EEXIST, "is no lock of ours, remove it", str(beside))
        if lock(handle) is False:
            owner = os.read(handle, 64).decode("ascii", errors="replace")
            os.close(handle)
            name = f"process {owner}" if owner.isdigit() else "another process"
            raise BlockingIOError(errno.EAGAIN, f"in use by {name}: wait for it, or name another place", str(path))
        # The one before may have removed the file while this one waited to lock it.
        if _is_at(beside, handle):
            with contextlib.suppress(OSError):
                os.ftruncate(handle, 0)
                os.write(handle, str(os.getpid()).encode())
            return handle
        os.close(handle)


def lock(handle: int, wait: bool = False) -> bool | None:
    """Lock an open file or folder; False if another holds it, None where there are no locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def is_ours(name: str) -> bool:
    """Whether a file of this name is a temporary one, or a lock, that this package made."""
    return bool(LOCK.fullmatch(name) or (MADE.fullmatch(name) and name.endswith(".tmp")))


def own_name() -> str:
    """Return a new name that tells the host and the process: ``widelearn-<host>-<process>-<random>``."""
    return f"widelearn-{_host()}-{os.getpid()}-{secrets.token_hex(4)}"


def _host() -> str:
    return hashlib.sha256(platform.node().encode(errors="surrogateescape")).hexdigest()[:8]


def sweep(folder: str | os.PathLike[str]) -> None:
    """Remove the temporary and lock files that dead processes of this package left in a folder; no others.

    Parameters
    ----------
    folder : str or path-like
        Nothing happens if it cannot be read.
    """
    left = []
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        left = [entry.name for entry in entries if is_ours(entry.name)]
    for name in left:
        path = Path(folder, name)
        with contextlib.suppress(OSError), abandoned(path) as dead:
            if dead:
                path.unlink()


@contextlib.contextmanager
def abandoned(path: Path) -> Iterator[bool]:
    """Tell whether the process that made a file or folder of ours is dead; while the block runs it stays so."""
    access = os.O_RDONLY if path.is_dir() else os.O_RDWR
    handle = os.open(path, access | OPEN)
    try:
        locked = lock(handle)
        yield _is_gone(path.name) if locked is None else locked
    finally:
        os.close(handle)


def _is_gone(name: str) -> bool:
    """Whether a name tells a process of this host that is no more: the judge where there are no locks."""
    match = MADE.fullmatch(name)
    if fcntl is None or match is None or match[1] != _host():
        return False
    try:
        os.kill(int(match[2]), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False


@contextlib.contextmanager
def opened_regular(path: str | os.PathLike[str]) -> Iterator[tuple[BufferedReader, int]]:
    """Open a file that may come from anyone, and tell its size.

    Parameters
    ----------
    path : str or path-like

    Yields
    ------
    stream : file object
    size : int
        Bytes.

    Raises
    ------
    ValueError
        It is a folder, a pipe or a device.
    FileNotFoundError
        It is not there.
    """
    # Without O_NONBLOCK a pipe without a writer would be waited for.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise ValueError(f"{path} is not a regular file.")
        with os.fdopen(handle, "rb", closefd=False) as stream:
            yield stream, found.st_size
    finally:
        os.close(handle)


def read_regular(path: str | os.PathLike[str], most: int) -> bytes:
    """Return the bytes of a file that may come from anyone.

    Parameters
    ----------
    path : str or path-like
    most : int
        So many bytes are the most that it may hold.

    Returns
    -------
    bytes

    Raises
    ------
    ValueError
        It is larger, or a folder, a pipe or a device.
    FileNotFoundError
        It is not there.
    """
    with opened_regular(path) as (stream, size):
        content = stream.read(most + 1) if size <= most else b""
    if max(size, len(content)) > most:
        raise ValueError(f"{path} has {max(size, len(content))} bytes: at most {most} are read.")
    return content
