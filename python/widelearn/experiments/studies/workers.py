"""Processes that simulate cells side by side, each with its threads, so that rows are the same whatever runs them."""

import contextlib
import json
import multiprocessing
import os
import pickle
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
from typing import Any, Protocol, Self

from joblib import cpu_count, wrap_non_picklable_objects
from threadpoolctl import threadpool_limits

from widelearn.experiments.studies.rows import Row
from widelearn.experiments.studies.spec import Cell, Seed, Simulate, Unit

Task = tuple[Unit, Cell, Seed]


class Workers(Protocol):
    """Whoever simulates: a block in which tasks can be given away."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def each(self, simulate: Simulate, tasks: Sequence[Task], threads: int = 1) -> Iterator[tuple[Unit, list[Row]]]:
        """Yield the rows of every task as it ends."""
        ...


class Processes:
    """Simulate in this process, or in as many as asked; those never outlive the block, nor this process."""

    def __init__(self, jobs: int = 1) -> None:
        self.jobs = jobs
        self._stack = contextlib.ExitStack()
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def each(self, simulate: Simulate, tasks: Sequence[Task], threads: int = 1) -> Iterator[tuple[Unit, list[Row]]]:
        """Yield the rows of every task as it ends.

        Raises
        ------
        OSError
            A process was ended from outside.
        """
        jobs = min(self.jobs, max(1, int(cpu_count()) // threads))
        if jobs == 1 or len(tasks) < 2:
            # On small matrices threads wait for each other, on a busy machine many times as long.
            with threadpool_limits(threads):
                for unit, cell, seed in tasks:
                    yield unit, _rows(simulate, cell, seed)
            return
        packed = packed_of(simulate)
        with _no_interrupt(), _no_main():  # where the processes begin
            self._pool = self._pool or self._started(jobs)
            waiting = {self._pool.submit(alone, packed, cell, seed, threads): unit for unit, cell, seed in tasks}
        try:
            for done in as_completed(waiting):
                yield waiting[done], done.result()
        except BrokenProcessPool as error:
            text = "a process of --jobs was ended, perhaps for want of memory: fewer --jobs and --resume go on"
            raise OSError(text) from error

    def _started(self, jobs: int) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe(duplex=False)
        pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin, initargs=(ours,))
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


def packed_of(simulate: Simulate) -> bytes:
    """Return a function as bytes: its name, or all of one from a file or a script that other processes do not know."""
    return pickle.dumps(wrap_non_picklable_objects(simulate, keep_wrapper=False))


def alone(packed: bytes, cell: Cell, seed: Seed, threads: int) -> list[Row]:
    """Simulate in a process of its own: `packed` is the function."""
    simulate = _unpacked(packed)
    _hold(simulate.__module__, threads)
    try:
        return _rows(simulate, cell, seed)
    except Exception as error:
        if _travels(error):
            raise
        raise RuntimeError(f"{type(error).__name__}: {error}") from None


@cache
def _unpacked(packed: bytes) -> Any:
    return pickle.loads(packed)  # noqa: S301 - from the process that started this one


_held: tuple[str, int] | None = None


def _hold(module: str, threads: int) -> None:
    """Hold every library to its threads, those that the module of a study loaded too."""
    global _held
    if _held != (module, threads):
        threadpool_limits(threads)
        _held = module, threads


def _travels(error: Exception) -> bool:
    """Whether another process can read an error: the class of one may be known here alone."""
    try:
        return isinstance(pickle.loads(pickle.dumps(error)), type(error))  # noqa: S301 - ours, a line before
    except Exception:  # noqa: BLE001 - whatever a class of anyone does when it is copied
        return False


def _rows(simulate: Simulate, cell: Cell, seed: Seed) -> list[Row]:
    """Return rows as they are read back from a file."""
    given: Any = simulate(cell, seed)
    rows = given if isinstance(given, list | tuple) else [given]
    wrong = [one for one in rows if not (isinstance(one, dict) and one.keys() >= {"series", "x", "value"})]
    if wrong or rows is not given:
        shown = repr(wrong[0] if wrong else given)[:60]
        raise TypeError(f"simulate must return a list of rows.value(series, x, found), and holds or is {shown}")
    found: list[Row] = json.loads(json.dumps(rows, allow_nan=False))
    return found
