"""Experiments on real tables: read, prepare, split, tune, measure, store."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from widelearn.experiments.tables.preparation import TablePreparation as TablePreparation

# Where each public name lives; loaded at its first use, for pandas and the command line are optional.
_HOMES = {"TablePreparation": "tables.preparation"}
__all__ = ["TablePreparation"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
