"""Processes that simulate cells side by side, each with one thread, so that results are the same for any number."""

import contextlib
import json
import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from multiprocessing.connection import Connection
from types import ModuleType
from typing import Self

from joblib import cpu_count
from threadpoolctl import threadpool_limits

from widelearn.experiments.studies.rows import Row
from widelearn.experiments.studies.spec import Cell, Seed, Simulate, Unit

Task = tuple[Unit, Cell, Seed]


class Workers:
    """Simulate in this process, or in as many as asked; those never outlive the block, nor this process."""

    def __init__(self, jobs: int = 1) -> None:
        self.jobs = min(jobs, int(cpu_count()))
        self._stack = contextlib.ExitStack()
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def each(self, simulate: Simulate, tasks: Sequence[Task]) -> Iterator[tuple[Unit, list[Row]]]:
        """Yield the rows of every task as it ends.

        Raises
        ------
        OSError
            A process was ended from outside.
        """
        if self.jobs == 1 or len(tasks) < 2:
            # On small matrices threads wait for each other, on a busy machine many times as long.
            with threadpool_limits(1):
                for unit, cell, seed in tasks:
                    yield unit, _rows(simulate, cell, seed)
            return
        with _no_interrupt(), _no_main():  # where the processes begin
            self._pool = self._pool or self._started()
            waiting = {self._pool.submit(_alone, simulate, cell, seed): unit for unit, cell, seed in tasks}
        try:
            for done in as_completed(waiting):
                yield waiting[done], done.result()
        except BrokenProcessPool as error:
            text = "a process of --jobs was ended, perhaps for want of memory: fewer --jobs and --resume go on"
            raise OSError(text) from error

    def _started(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe(duplex=False)
        pool = ProcessPoolExecutor(self.jobs, mp_context=context, initializer=_begin, initargs=(ours,))
        # Processes end when nobody can write any more: at the end of the block, or of this process.
        self._stack.callback(pool.shutdown, wait=True, cancel_futures=True)
        self._stack.enter_context(ours)
        self._stack.enter_context(theirs)
        return pool


@contextlib.contextmanager
def _no_interrupt() -> Iterator[None]:
    """Hold Ctrl-C back while the block runs, where the system can; processes that begin there never hear it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _no_main() -> Iterator[None]:
    """Let processes that begin in the block run nothing of this one's script: one without a guard would run twice."""
    before = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = before


def _begin(lifeline: Connection) -> None:
    """Begin a process: it is deaf to Ctrl-C, and ends with the one that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()


def _end_with(lifeline: Connection) -> None:
    with contextlib.suppress(EOFError, OSError):
        lifeline.recv_bytes()
    os._exit(1)


def _alone(simulate: Simulate, cell: Cell, seed: Seed) -> list[Row]:
    """Simulate in a process of its own."""
    _one_thread(simulate.__module__)
    return _rows(simulate, cell, seed)


@cache
def _one_thread(module: str) -> None:
    """Hold every library to one thread, those that the module of a study loaded too."""
    threadpool_limits(1)


def _rows(simulate: Simulate, cell: Cell, seed: Seed) -> list[Row]:
    """Return rows as they are read back from a file."""
    found: list[Row] = json.loads(json.dumps(simulate(cell, seed), allow_nan=False))
    return found
