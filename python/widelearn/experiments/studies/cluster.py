"""Workers of a Dask cluster that simulate cells: what they need is the package of the same version."""

import contextlib
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Self

from widelearn.distributed import tasks
from widelearn.experiments.errors import InputError, complain
from widelearn.experiments.provenance import versions
from widelearn.experiments.studies.rows import Row
from widelearn.experiments.studies.spec import Cell, Seed, Simulate, Unit
from widelearn.experiments.studies.workers import Task, alone, packed_of

# What rows depend on; a worker draws no figures.
NEEDED = ("widelearn", "python", "numpy", "scipy", "scikit-learn")


class Cluster:
    """Simulate on the workers of a Dask scheduler."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._stack = contextlib.ExitStack()
        self._client: Any = None

    def __enter__(self) -> Self:
        try:
            self._client = self._stack.enter_context(tasks.connected(self.address))
        except ConnectionError as error:
            raise InputError(f"--dask: {error}") from error
        if not self._client.scheduler_info()["workers"]:
            complain(f"the Dask scheduler at {self.address} has no workers yet: waiting for one")
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def each(self, simulate: Simulate, tasks_: Sequence[Task], threads: int = 1) -> Iterator[tuple[Unit, list[Row]]]:
        """Yield the rows of every task as it ends.

        Raises
        ------
        OSError
            The scheduler was lost.
        InputError
            A worker has other versions.
        """
        packed, ours = packed_of(simulate), needed()
        calls = {unit: (ours, packed, cell, seed, threads) for unit, cell, seed in tasks_}
        yield from tasks.each(self._client, simulated, calls)


@cache
def needed() -> tuple[tuple[str, str], ...]:
    """Return the versions that rows depend on."""
    there = versions()
    return tuple((name, there[name]) for name in NEEDED)


def simulated(ours: tuple[tuple[str, str], ...], packed: bytes, cell: Cell, seed: Seed, threads: int) -> list[Row]:
    """Simulate on a worker, if its versions are those of who asks."""
    if needed() != ours:
        other = ", ".join(
            f"{name} {now}, not {then}" for (name, now), (_, then) in zip(needed(), ours, strict=True) if now != then
        )
        raise InputError(f"a Dask worker has {other}: give all machines the same versions")
    return alone(packed, cell, seed, threads)
