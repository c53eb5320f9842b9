"""The memory budget: what the machine, its limits and the user leave to one call."""

import mmap
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import lru_cache, wraps
from pathlib import Path
from types import ModuleType
from typing import ParamSpec, TypeVar

from widelearn import _core
from widelearn.runtime.messages import in_range

resource: ModuleType | None
try:
    import resource
except ImportError:  # Not every system limits address spaces.
    resource = None

P = ParamSpec("P")
R = TypeVar("R")
VARIABLE = "WIDELEARN_MAX_MEMORY"
CGROUPS = "/sys/fs/cgroup"
# NumPy itself refuses what is smaller and still does not fit; probing the system for it would cost more than the call.
PROBE_FROM = 1 << 20
SUFFIXES = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}
NO_LIMIT = 1 << 62
# What a call may hold beyond the user's limit: small arrays, modules loaded late, freed pages not yet given back.
SLACK = 24 << 20
PAGE = mmap.PAGESIZE


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
        machine, and ``WIDELEARN_MAX_MEMORY`` (bytes, or a number with K, M, G or T for powers of 1024) less what this
        call holds already.

    Examples
    --------
    >>> from widelearn.runtime import check_memory
    >>> check_memory(1 << 60, "A matrix of 2^57 doubles", "Take fewer rows.")
    Traceback (most recent call last):
    ...
    MemoryError: A matrix of 2^57 doubles needs 1 EiB (1152921504606846976 bytes), but ... Take fewer rows.
    """
    room, limit = available_memory(need) if need >= PROBE_FROM else (user_limit(), VARIABLE)
    if need > room:
        raise MemoryError(
            f"{what} needs {readable(need)} ({need} bytes), but {readable(room)} ({room} bytes) are available"
            f" ({limit}). {instead}"
        )


def has_room(need: int) -> bool:
    """Whether a call may hold so many bytes; for few the system is not asked."""
    return need <= (available_memory(need)[0] if need >= PROBE_FROM else user_limit())


def available_memory(enough: int = NO_LIMIT) -> tuple[int, str]:
    """Return the bytes that one call may hold, and the limit that says so.

    Parameters
    ----------
    enough : int
        Bytes that the call needs: a control group that leaves them is not asked for its file cache.

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
        "control group": lambda: cgroup_left(enough=enough),
        "memory available": machine_left,
        VARIABLE: user_left,
    }
    room, name = min((probe(), name) for name, probe in limits.items())
    return max(room, 0), name


def user_limit() -> int:
    """Bytes that WIDELEARN_MAX_MEMORY allows to one call."""
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return NO_LIMIT
    match = re.fullmatch(r"(\d+\.?\d*|\.\d+)\s*(?:([KMGT])i?)?B?", text, flags=re.IGNORECASE | re.ASCII)
    if match is None:
        raise ValueError(f"{VARIABLE}={text!r} is no size: give bytes, or a number with K, M, G or T, as 1.5G.")
    return min(int(Decimal(match[1]) * (1 << SUFFIXES[(match[2] or "").upper()])), NO_LIMIT)


class OpenCalls:
    """The calls that are at work under the user's limit, and the memory that the process may come to hold with them."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.of_thread = threading.local()
        self.count = self.base = 0
        self.ceiling = NO_LIMIT

    @contextmanager
    def one(self) -> Iterator[None]:
        """Count a call, unless it is part of one that is counted."""
        if getattr(self.of_thread, "inside", False) or user_limit() == NO_LIMIT:
            yield
            return
        self.change(1)
        self.of_thread.inside = True
        try:
            yield
        finally:
            self.of_thread.inside = False
            self.change(-1)

    def change(self, by: int) -> None:
        """Count a call more or less; what the process held before the first of them is no call's."""
        with self.lock:
            self.base = self.base if self.count else held()
            self.count += by
            self.ceiling = self.base + self.count * (user_limit() + SLACK) if self.count else NO_LIMIT
            _core.cap_memory(self.ceiling if self.count else None)


OPEN_CALLS = OpenCalls()


def capped(function: Callable[P, R]) -> Callable[P, R]:
    """Make a public function one call under the user's limit: what it holds counts, whoever allocates it."""
    function = in_range(function)

    @wraps(function)
    def counted(*args: P.args, **kwargs: P.kwargs) -> R:
        if not os.environ.get(VARIABLE):
            return function(*args, **kwargs)
        with OPEN_CALLS.one():
            return function(*args, **kwargs)

    return counted


def user_left() -> int:
    """Bytes that WIDELEARN_MAX_MEMORY still allows to the calls at work."""
    limit, ceiling = user_limit(), OPEN_CALLS.ceiling
    return limit if NO_LIMIT in (limit, ceiling) else min(limit, ceiling - held())


def held() -> int:
    """Bytes that this process has written to and not given back; 0 where the system does not say."""
    pages = read_text("/proc/self/statm").split()
    return (int(pages[1]) - int(pages[2])) * PAGE if pages else 0


def address_space_left() -> int:
    """Bytes that RLIMIT_AS leaves."""
    if resource is None:
        return NO_LIMIT
    soft: int = resource.getrlimit(resource.RLIMIT_AS)[0]
    if soft == resource.RLIM_INFINITY:
        return NO_LIMIT
    pages = read_text("/proc/self/statm").split()
    return soft - (int(pages[0]) * PAGE if pages else 0)


def machine_left() -> int:
    """Bytes that the machine can still hand out without swapping; all it has where the system does not say."""
    match = re.search(r"^MemAvailable:\s+(\d+) kB", read_text("/proc/meminfo"), flags=re.MULTILINE)
    if match:
        return int(match[1]) << 10
    return os.sysconf("SC_PHYS_PAGES") * PAGE if hasattr(os, "sysconf") else NO_LIMIT


def cgroup_left(root: str = CGROUPS, membership: str | None = None, enough: int = NO_LIMIT) -> int:
    """Bytes that the control groups (version 2 or 1) above this process leave; file cache counts as free.

    The cache is counted only where less than `enough` would be left.
    """
    text = read_text("/proc/self/cgroup") if membership is None else membership
    return min((group_left(group, enough) for group in control_groups(text, str(root))), default=NO_LIMIT)


@lru_cache(maxsize=4)
def control_groups(membership: str, root: str) -> list[tuple[str, ...]]:
    """Name the files of limit, usage and statistics of each control group, and what the last calls its file cache."""
    found = []
    for line in membership.splitlines():
        controllers, path = line.split(":", 2)[1:]
        if controllers == "":
            top, names = Path(root), ("memory.max", "memory.current", "memory.stat")
        elif "memory" in controllers.split(","):
            top, names = Path(root, "memory"), ("memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat")
        else:
            continue
        # Inside a container the path may be the host's: then only the top of the tree is there to read.
        here = top / path.strip("/")
        groups = [here, *here.parents]
        cache = "total_inactive_file" if controllers else "inactive_file"
        found += [(*(str(group / name) for name in names), cache) for group in groups[: groups.index(top) + 1]]
    return found


def group_left(group: tuple[str, ...], enough: int) -> int:
    """Bytes that one control group leaves, if it has limits."""
    limit_file, usage_file, statistics_file, cache_name = group
    limit = read_text(limit_file).strip()
    usage = read_text(usage_file).strip() if limit.isdigit() else ""
    if not usage.isdigit():
        return NO_LIMIT
    left = int(limit) - int(usage)
    if left >= enough:
        return left
    cache = re.search(rf"^{cache_name} (\d+)$", read_text(statistics_file), flags=re.MULTILINE)
    return left + (int(cache[1]) if cache else 0)


def read_text(path: str) -> str:
    """Return the text of a system file, empty where the system has no such file."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


def readable(size: int) -> str:
    """Return bytes as people read them: 1288490188800 -> 1.17 TiB."""
    value, units = float(min(size, 1 << 1000)), ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
    while value >= 1024 and len(units) > 1:
        value /= 1024
        units.pop(0)
    return f"{value:.3g} {units[0]}"
