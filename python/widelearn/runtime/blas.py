"""BLAS kept to one thread while calls want it so, and left as it was found when the last of them ends."""

import functools
import math
import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from numbers import Real
from types import TracebackType
from typing import Any, TypeVar, cast

import threadpoolctl

from widelearn.runtime.memory import capped

Function = TypeVar("Function", bound=Callable[..., Any])

# Up to so many rows dense problems take one thread of BLAS, so that their bits are the same for any number.
FEW = 512


def one_blas_thread() -> AbstractContextManager[object]:
    """Keep BLAS to one thread: its threads wait for one another longer than small products take.

    Any number of threads may be inside at once. The first saves the settings, which hold for the whole process, and
    the last restores those that nobody has changed meanwhile.
    """
    return Hold()


def one_blas_thread_for(size: float) -> AbstractContextManager[object]:
    """Keep BLAS to one thread for problems of few rows: more would gain little, and each number gives other bits."""
    return one_blas_thread() if size <= FEW else nullcontext()


def in_few_rows_one_thread(function: Function) -> Function:
    """Let a public function of rows, a matrix or an operator, which come first, be one call under the user's limit.

    It keeps BLAS to one thread if these are few.
    """
    function = cast("Function", capped(function))

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        with one_blas_thread_for(row_count(next(iter([*args, *kwargs.values()]), None))):
            return function(*args, **kwargs)

    return cast("Function", called)


def row_count(rows: Any) -> float:
    """Return how many rows an array, a sequence or an operator has, infinitely many where it does not say."""
    shape = getattr(rows, "shape", None)
    if isinstance(shape, tuple) and shape:
        # A Dask dataframe does not know yet how many it has.
        return float(shape[0]) if isinstance(shape[0], Real) else math.inf
    return float(len(rows)) if isinstance(rows, list | tuple) else math.inf


class Hold:
    """One call's wish for one thread of BLAS, from ``__enter__`` to ``__exit__``, or to its end if that is missed."""

    def __init__(self) -> None:
        self.own: list[tuple[Any, int]] = []

    def __enter__(self) -> None:
        self.own = limit(of_threads())
        SETTINGS.enter(self)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        SETTINGS.leave(id(self))
        restore(self.own)

    def __del__(self) -> None:
        # An interrupt may fall between the wish and the block that would end it.
        if id(self) in SETTINGS.inside:
            SETTINGS.leave(id(self))


class Settings:
    """The threads of the BLAS libraries as they were before anyone wished for one, and whose wishes last.

    Every step may be the last before an interrupt, and may be done twice.
    """

    def __init__(self) -> None:
        # Reentrant, for collecting garbage may end a wish within a step.
        self.lock = threading.RLock()
        # The thread of every wish.
        self.inside: dict[int, int] = {}
        self.before: list[tuple[Any, int]] = []

    def enter(self, hold: Hold) -> None:
        """Add a wish, the first of which saves the settings."""
        with self.lock:
            self.inside[id(hold)] = threading.get_ident()
            if not self.before:
                self.before = [(library, library.get_num_threads()) for library in of_processes()]
                limit(of_processes())

    def leave(self, key: int) -> None:
        """Drop a wish, the last of which restores the settings."""
        with self.lock:
            self.inside.pop(key, None)
            if not self.inside:
                restore(self.before)
                self.before = []

    def forked(self) -> None:
        """Forget the wishes of threads that a forked child does not have."""
        self.lock = threading.RLock()
        here = threading.get_ident()
        for key in [key for key, thread in self.inside.items() if thread != here]:
            self.leave(key)


def limit(libraries: list[Any]) -> list[tuple[Any, int]]:
    """Set libraries to one thread, and return them with the numbers before."""
    before = [(library, library.get_num_threads()) for library in libraries]
    for library in libraries:
        set_threads(library, 1)
    return before


def restore(before: list[tuple[Any, int]]) -> None:
    """Give libraries their numbers back, but for those that somebody has set to another meanwhile."""
    for library, threads in before:
        if library.get_num_threads() == 1:
            set_threads(library, threads)


def set_threads(library: Any, threads: int) -> None:
    """Set a library's number of threads, from whichever thread this is."""
    # threadpoolctl >= 3.8 lets one thread of the process do so, and ignores the others; here the last one must.
    getattr(library, "_real_set_num_threads", library.set_num_threads)(threads)


@cache
def libraries() -> list[Any]:
    """Return the BLAS libraries that are loaded, looked up once."""
    return [library for library in threadpoolctl.ThreadpoolController().lib_controllers if library.user_api == "blas"]


@cache
def of_threads() -> list[Any]:
    """Return the libraries in which every thread has a number of its own."""
    return [library for library in libraries() if getattr(library, "threading_layer", None) == "openmp"]


@cache
def of_processes() -> list[Any]:
    """Return the libraries in which one number holds for all threads."""
    return [library for library in libraries() if library not in of_threads()]


SETTINGS = Settings()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=SETTINGS.forked)
