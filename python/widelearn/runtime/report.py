"""What the package says of itself and of the machine."""

import platform
import sys

import joblib
import numpy as np
import scipy
import sklearn
import threadpoolctl

from widelearn import _core
from widelearn.runtime.memory import NO_LIMIT, available_memory, readable

__version__ = _core.__version__


def show_versions() -> None:
    """Print versions, the SIMD path, the threads and where their number came from, and the memory budget.

    Examples
    --------
    >>> import widelearn as wl
    >>> wl.show_versions()  # doctest: +ELLIPSIS
    widelearn: ...
    """
    threads, source = _core.num_threads()
    rows = {
        "widelearn": __version__,
        "python": f"{sys.version.split()[0]} ({sys.executable})",
        "platform": platform.platform(),
        **{module.__name__: module.__version__ for module in (np, scipy, sklearn, joblib, threadpoolctl)},
        "simd": f"{_core.simd()} (this machine has {', '.join(_core.simd_available())})",
        "threads": f"{threads} ({source})",
        "memory": memory_line(),
    }
    for name, value in rows.items():
        print(f"{name}: {value}")


def memory_line() -> str:
    """Return what one call may hold, and what says so; or what is wrong with the user's limit."""
    try:
        room, limit = available_memory()
    except ValueError as wrong:
        return str(wrong)
    return f"{readable(room)} ({limit})" if room < NO_LIMIT else "no limit known"
