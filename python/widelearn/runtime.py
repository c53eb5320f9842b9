"""Threads, forked processes, the memory budget and versions: what the package asks of the machine."""

import math
import os
import platform
import re
import resource
import sys
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import scipy
import sklearn
import threadpoolctl
from numpy.typing import DTypeLike, NDArray

from widelearn import _core

# An array of any type and shape.
Array = NDArray[Any]
__version__ = _core.__version__
NoDerivativeError, NumberOverflowError = _core.NoDerivativeError, _core.NumberOverflowError
__all__ = [
    "NoDerivativeError",
    "NumberOverflowError",
    "__version__",
    "available_memory",
    "check_memory",
    "get_num_threads",
    "set_num_threads",
    "show_versions",
    "threads_source",
    "warn",
]

# NumPy itself refuses what is smaller and still does not fit; probing the system for it would cost more than the call.
PROBE_FROM = 1 << 20
SUFFIXES = {"": 0, "K": 10, "M": 20, "G": 30}
NO_LIMIT = 1 << 62
# Bytes of a cache line, and from which size on an array begins with one.
LINE = 64
ALIGN_FROM = 1 << 20
# Packages whose frames stand between a warning and the user's line.
CALLING = {"widelearn", "sklearn", "joblib", "dask", "distributed"}


def set_num_threads(k: int) -> None:
    """Set how many threads every later call may use.

    This wins over the environment variables ``WIDELEARN_NUM_THREADS``, ``RAYON_NUM_THREADS`` and ``OMP_NUM_THREADS``,
    which are read in that order when it was not called. Results have the same bits for every number of threads.

    Parameters
    ----------
    k : int
        Number of threads, at least 1.

    Raises
    ------
    ValueError
        If `k` is smaller than 1.

    Examples
    --------
    >>> import widelearn as wl
    >>> before = wl.get_num_threads()
    >>> wl.set_num_threads(1)
    >>> wl.get_num_threads()
    1
    >>> wl.set_num_threads(before)
    """
    if isinstance(k, bool) or k < 1:
        raise ValueError(f"The number of threads must be at least 1, got {k!r}.")
    _core.set_num_threads(k)


def get_num_threads() -> int:
    """Return how many threads a call may use.

    Returns
    -------
    int
        The width of the one pool that all calling threads share.

    Examples
    --------
    >>> import widelearn as wl
    >>> wl.get_num_threads() >= 1
    True
    """
    return _core.num_threads()[0]


def one_blas_thread() -> AbstractContextManager[object]:
    """Keep BLAS to one thread: its threads wait for one another longer than small products take."""
    return blas_controller().limit(limits=1, user_api="blas")


@cache
def blas_controller() -> threadpoolctl.ThreadpoolController:
    """Return the controller of the libraries that are loaded, looked up once."""
    return threadpoolctl.ThreadpoolController()


def threads_source() -> str:
    """Return what the number of threads comes from: ``set_num_threads``, an environment variable, or the machine.

    Returns
    -------
    str
        The name, as :func:`show_versions` prints it.

    Examples
    --------
    >>> import widelearn as wl
    >>> from widelearn.runtime import threads_source
    >>> wl.set_num_threads(wl.get_num_threads())
    >>> threads_source()
    'set_num_threads'
    """
    return _core.num_threads()[1]


def show_versions() -> None:
    """Print versions, the SIMD path, the threads and where their number came from, and the memory budget.

    Examples
    --------
    >>> import widelearn as wl
    >>> wl.show_versions()  # doctest: +ELLIPSIS
    widelearn: ...
    """
    threads, source = _core.num_threads()
    room, limit = available_memory()
    rows = {
        "widelearn": __version__,
        "python": f"{sys.version.split()[0]} ({sys.executable})",
        "platform": platform.platform(),
        **{module.__name__: module.__version__ for module in (np, scipy, sklearn, joblib, threadpoolctl)},
        "simd": f"{_core.simd()} (this machine has {', '.join(_core.simd_available())})",
        "threads": f"{threads} ({source})",
        "memory": f"{readable(room)} ({limit})" if room < NO_LIMIT else "no limit known",
    }
    for name, value in rows.items():
        print(f"{name}: {value}")


def check_memory(need: int, what: str, instead: str) -> None:
    """Refuse what does not fit into memory, before anything is allocated.

    Parameters
    ----------
    need : int
        Bytes that the call will hold at once.
    what : str
        What needs them: the subject of the message.
    instead : str
        The cheaper way, as a sentence.

    Raises
    ------
    MemoryError
        If `need` exceeds the smallest of: what ``RLIMIT_AS`` and the control group leave, the memory available on the
        machine, and ``WIDELEARN_MAX_MEMORY`` (bytes, or with K, M or G for powers of 1024).

    Examples
    --------
    >>> from widelearn.runtime import check_memory
    >>> check_memory(1 << 60, "A matrix of 2^57 doubles", "Take fewer rows.")
    Traceback (most recent call last):
    ...
    MemoryError: A matrix of 2^57 doubles needs 1 EiB (1152921504606846976 bytes), but ... Take fewer rows.
    """
    room, limit = available_memory() if need >= PROBE_FROM else (user_limit(), "WIDELEARN_MAX_MEMORY")
    if need > room:
        raise MemoryError(
            f"{what} needs {readable(need)} ({need} bytes), but {readable(room)} ({room} bytes) are available"
            f" ({limit}). {instead}"
        )


def available_memory() -> tuple[int, str]:
    """Return the bytes that one call may hold, and the limit that says so.

    Returns
    -------
    room : int
        Bytes.
    limit : str
        The name of the smallest limit.

    Examples
    --------
    >>> from widelearn.runtime import available_memory
    >>> room, limit = available_memory()
    >>> room > 0
    True
    """
    limits = {
        "RLIMIT_AS": address_space_left,
        "control group": cgroup_left,
        "memory available": machine_left,
        "WIDELEARN_MAX_MEMORY": user_limit,
    }
    room, name = min((probe(), name) for name, probe in limits.items())
    return max(room, 0), name


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn of something in the user's line: the first frame outside this package and the libraries that call it.

    Parameters
    ----------
    message : str
        What happened, with its numbers and the remedy.
    category : type of Warning, default=UserWarning
        What filters tell it by.

    Examples
    --------
    >>> import warnings
    >>> from widelearn.runtime import warn
    >>> with warnings.catch_warnings(record=True, action="always") as caught:
    ...     warn("40 rows are few. Take more.")
    >>> str(caught[0].message)
    '40 rows are few. Take more.'
    """
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] in CALLING:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def empty(shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """Return an array like ``np.empty``, large ones on the boundary of a cache line, where the core writes fastest."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    if size < ALIGN_FROM:
        return np.empty(shape, dtype)
    buffer = np.empty(size + LINE, np.uint8)
    start = -buffer.ctypes.data % LINE
    return buffer[start : start + size].view(dtype).reshape(shape)


def row_blocks(n: int, size: int) -> list[slice]:
    """Cut `n` rows into slices of at most `size` rows: what is done block by block holds one block at a time."""
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def core_blocks(x: Array, size: int = 4096) -> Iterator[tuple[slice, Array]]:
    """Yield (rows, block) with C-contiguous blocks: all of `x` if it is so already, else copies of some of its rows."""
    ready = x.flags.c_contiguous and x.flags.aligned
    for rows in row_blocks(len(x), len(x) if ready else size):
        yield rows, np.require(x[rows], requirements=["C", "ALIGNED"])


def user_limit() -> int:
    """Bytes that WIDELEARN_MAX_MEMORY allows."""
    text = os.environ.get("WIDELEARN_MAX_MEMORY", "").strip()
    if not text:
        return NO_LIMIT
    match = re.fullmatch(r"(\d+)\s*([KMG]?)", text, flags=re.IGNORECASE)
    if match is None:
        raise ValueError(f"WIDELEARN_MAX_MEMORY={text!r} is neither bytes nor a whole number with K, M or G.")
    return int(match[1]) << SUFFIXES[match[2].upper()]


def address_space_left() -> int:
    """Bytes that RLIMIT_AS leaves."""
    soft = resource.getrlimit(resource.RLIMIT_AS)[0]
    if soft == resource.RLIM_INFINITY:
        return NO_LIMIT
    pages = read_text("/proc/self/statm").split()
    return soft - (int(pages[0]) * resource.getpagesize() if pages else 0)


def machine_left() -> int:
    """Bytes that the machine can still hand out without swapping; all it has where the system does not say."""
    match = re.search(r"^MemAvailable:\s+(\d+) kB", read_text("/proc/meminfo"), flags=re.MULTILINE)
    if match:
        return int(match[1]) << 10
    return os.sysconf("SC_PHYS_PAGES") * resource.getpagesize() if hasattr(os, "sysconf") else NO_LIMIT


def cgroup_left(root: Path = Path("/sys/fs/cgroup"), membership: str | None = None) -> int:
    """Bytes that the control groups (version 2 or 1) above this process leave; file cache counts as free."""
    rooms = [NO_LIMIT]
    for line in (read_text("/proc/self/cgroup") if membership is None else membership).splitlines():
        controllers, path = line.split(":", 2)[1:]
        if controllers == "":
            top, names = root, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            top, names = root / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        # Inside a container the path may be the host's: then only the top of the tree is there to read.
        here = top / path.strip("/")
        groups = [here, *here.parents]
        rooms += [group_left(group, *names) for group in groups[: groups.index(top) + 1]]
    return min(rooms)


def group_left(group: Path, limit_name: str, usage_name: str, cache_name: str) -> int:
    """Bytes that one control group leaves."""
    limit, usage = read_text(group / limit_name).strip(), read_text(group / usage_name).strip()
    if not limit.isdigit() or not usage.isdigit():
        return NO_LIMIT
    cache = re.search(rf"^{cache_name} (\d+)$", read_text(group / "memory.stat"), flags=re.MULTILINE)
    return int(limit) - int(usage) + (int(cache[1]) if cache else 0)


def read_text(path: str | Path) -> str:
    """Return the text of a system file, empty where the system has no such file."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""


def readable(size: int) -> str:
    """Return bytes as people read them: 1288490188800 -> 1.17 TiB."""
    value, units = float(size), ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
    while value >= 1024 and len(units) > 1:
        value /= 1024
        units.pop(0)
    return f"{value:.3g} {units[0]}"


class PoolController(threadpoolctl.LibController):
    """The core's thread pool, for ``threadpoolctl.threadpool_info`` and ``threadpool_limits``.

    Examples
    --------
    >>> import threadpoolctl
    >>> import widelearn as wl
    >>> with threadpoolctl.threadpool_limits(1, user_api="widelearn"):
    ...     wl.get_num_threads()
    1
    """

    user_api = "widelearn"
    internal_api = "widelearn"
    filename_prefixes = ("_core",)
    check_symbols = ("widelearn_get_num_threads", "widelearn_set_num_threads")

    # threadpoolctl builds a controller for every library named like ours before it looks for the symbols.
    def get_num_threads(self) -> int | None:
        """Return the width of the pool."""
        return _core.num_threads()[0] if self._get_symbol("widelearn_get_num_threads") else None

    def set_num_threads(self, num_threads: int) -> None:
        """Limit the width of the pool."""
        if self._get_symbol("widelearn_set_num_threads"):
            _core.set_num_threads(num_threads)

    def get_version(self) -> str | None:
        """Return the version of the package."""
        return __version__ if self._get_symbol("widelearn_get_version") else None


threadpoolctl.register(PoolController)
