"""Further splits of one table, each with a seed of its own."""

from collections.abc import Iterator
from dataclasses import replace

from widelearn.experiments.errors import InputError
from widelearn.experiments.tables.problem import Problem, Request, build
from widelearn.experiments.tables.table import Table


def check(request: Request, number: int) -> None:
    """Refuse a number of splits that cannot be."""
    if number < 1:
        raise InputError(f"--repeat {number} is less than 1")
    if number > 1 and request.time is not None:
        raise InputError("--repeat and --time cannot be combined: the latest rows are the same in every split")


def further(table: Table, request: Request, number: int) -> Iterator[tuple[int, Problem]]:
    """Yield the splits after the first, of `number` in all: the seeds that follow the request's."""
    for seed in range(request.seed + 1, request.seed + number):
        yield seed % 2**32, build(table, replace(request, seed=seed % 2**32))
