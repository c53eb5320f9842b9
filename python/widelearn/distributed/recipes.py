"""Tasks that make blocks, carried out inside the task that uses them."""

from collections.abc import Hashable
from typing import Any

import dask
from dask.base import is_dask_collection
from dask.optimization import cull

# The number of a block, and its rows, targets and weights.
Block = tuple[Any, ...]


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
    graphs = {id(graph): graph for group in groups for block in group for graph in graphs_of(block)}
    whole = {key: task for graph in graphs.values() for key, task in dict(graph).items()}
    keys = [[part.key for block in group for part in block if is_dask_collection(part)] for group in groups]
    parts = [cull(whole, needed)[0] for needed in keys]
    alone = sum(map(len, parts)) == len({key for part in parts for key in part})
    # What a worker holds is a future: its task goes to that worker.
    if not alone or any(is_future(task) for part in parts for task in part.values()):
        return groups
    return [Recipe(part, group) for part, group in zip(parts, groups, strict=True)]


def graphs_of(block: Block) -> list[Any]:
    """Return the graphs of a block's lazy parts."""
    return [part.__dask_graph__() for part in block if is_dask_collection(part)]


def is_future(task: Any) -> bool:
    """Whether it is a ``distributed.Future``, which this module does not import."""
    return hasattr(task, "client") and hasattr(task, "key")
