"""Experiments: comparisons on your tables, studies of theory against simulation, and studies of your own.

What stands here loads when it is first used, for pandas and the command line are optional.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from widelearn.experiments.comparison.frames import compare as compare
    from widelearn.experiments.studies.experiment import report as report
    from widelearn.experiments.studies.experiment import run as run
    from widelearn.experiments.studies.spec import Spec as Spec
    from widelearn.experiments.tables.preparation import TablePreparation as TablePreparation

# Where each public name lives.
_HOMES = {
    "Spec": "studies.spec",
    "TablePreparation": "tables.preparation",
    "compare": "comparison.frames",
    "report": "studies.experiment",
    "run": "studies.experiment",
}
__all__ = ["Spec", "TablePreparation", "compare", "report", "run"]


def __getattr__(name: str) -> Any:
    if name == "studies":
        return import_module(f"{__name__}.studies")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "studies"})
