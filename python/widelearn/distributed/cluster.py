"""The scheduler that computes: its errors, and the threads of its workers."""

import sys
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import Any

import dask
from dask.base import get_scheduler

from widelearn.runtime import get_num_threads, set_num_threads, threads_source


def compute(*values: Any) -> tuple[Any, ...]:
    """Return what the current scheduler makes of lazy values."""
    with reached():
        return dask.compute(*values)


def persist(value: Any) -> Any:
    """Return a lazy value that the current scheduler computes and keeps."""
    with reached():
        return dask.persist(value)[0]


def replicate(value: Any) -> None:
    """Copy what is persisted to every worker: the scheduler sends tasks to those that have what they need."""
    client = current_client()
    if client is not None:
        from distributed import futures_of

        with reached():
            client.replicate(futures_of(value))


@contextmanager
def reached() -> Iterator[None]:
    """Say clearly that a scheduler cannot be reached."""
    client = current_client()
    if client is None:
        yield
        return
    from distributed.comm import CommClosedError

    lost = (
        f"The Dask scheduler at {getattr(client.scheduler, 'address', '')} {{}}. The estimator is as it"
        " was: start a scheduler, connect with distributed.Client(address), and call again."
    )
    if client.status != "running":
        raise RuntimeError(lost.format(f"cannot be reached: the connection is {client.status!r}"))
    try:
        yield
    except (CancelledError, CommClosedError) as error:
        raise RuntimeError(lost.format(f"was lost before it had answered ({type(error).__name__})")) from error


def current_client() -> Any:
    """Return the ``distributed.Client`` that would compute now, None if it is another scheduler."""
    client = getattr(get_scheduler(), "__self__", None)
    return client if hasattr(client, "scheduler_info") else None


def use_own_threads() -> None:
    """Let the core use as many threads as the Dask worker has that runs this task.

    Dask starts worker processes with OMP_NUM_THREADS=1, for tasks that each use one thread. All calls of the core in
    one process share one pool, so that a worker of many threads would have one at work.
    """
    if "distributed" not in sys.modules or threads_source() != "OMP_NUM_THREADS":
        return
    from distributed import get_worker

    try:
        given = get_worker().state.nthreads
    except ValueError:
        return
    if given > get_num_threads():
        set_num_threads(given)


@contextmanager
def numbered(number: int) -> Iterator[None]:
    """Name the block in its errors."""
    try:
        yield
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"Block {number}: {error}") from error
