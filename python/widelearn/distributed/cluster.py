"""The scheduler that computes: its errors, its workers' threads, and tasks that it does not look into."""

import sys
from collections.abc import Hashable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import Any

import dask
from dask.base import get_scheduler, is_dask_collection
from dask.optimization import cull

from widelearn.runtime import get_num_threads, set_num_threads, threads_source

# The number of a block, and its rows, targets and weights.
Block = tuple[Any, ...]


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


class Recipe:
    """How to make the blocks of one task: a graph of their own, which the scheduler does not look into.

    Otherwise each block is a task before the one that uses it. The scheduler hands such tasks to a worker that is busy
    and lets another one, which needs what they make, wait until it looks for work to move, once a second.
    """

    def __init__(self, graph: dict[Hashable, Any], blocks: list[Block]) -> None:
        self.graph = graph
        self.blocks = [tuple(Named(part.key) if is_dask_collection(part) else part for part in b) for b in blocks]

    def make(self) -> list[Block]:
        """Return the blocks."""
        keys = [part.key for block in self.blocks for part in block if isinstance(part, Named)]
        made = dict(zip(keys, dask.get(self.graph, keys), strict=True))
        return [tuple(made[part.key] if isinstance(part, Named) else part for part in b) for b in self.blocks]


class Named:
    """Stands for what a key of the graph makes."""

    def __init__(self, key: Hashable) -> None:
        self.key = key


def recipes_of(groups: list[list[Block]]) -> list[Any]:
    """Return each group of lazy blocks as a recipe; as it is, if what it needs is there already or needed by others."""
    lazy = [part for group in groups for block in group for part in block if is_dask_collection(part)]
    graphs = {id(graph): graph for graph in (part.__dask_graph__() for part in lazy)}
    whole = {key: task for graph in graphs.values() for key, task in dict(graph).items()}
    keys = [[part.key for block in group for part in block if is_dask_collection(part)] for group in groups]
    parts = [cull(whole, needed)[0] for needed in keys]
    alone = sum(map(len, parts)) == len({key for part in parts for key in part})
    # What a worker holds is a distributed.Future, which this file does not import: its task goes to that worker.
    if not alone or any(hasattr(task, "client") and hasattr(task, "key") for part in parts for task in part.values()):
        return groups
    return [Recipe(part, group) for part, group in zip(parts, groups, strict=True)]
