"""Studies that users bring: a file that they name, or what an installed package offers."""

import hashlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from widelearn.experiments.errors import InputError, first_line
from widelearn.experiments.studies.spec import Spec
from widelearn.runtime.whole_files import read_regular

GROUP = "widelearn.studies"
MODULE = "widelearn_own_study"
# So many bytes of a Python file are read at most.
MOST = 1 << 24


def is_file(name: str) -> bool:
    """Whether a name means a Python file: only what ends so is ever loaded."""
    return name.endswith(".py")


def load(path: Path) -> Spec:
    """Run a Python file that the user named, as ``python FILE`` would, and return its SPEC.

    Raises
    ------
    InputError
        It cannot be read, it fails, or its SPEC is none.
    """
    try:
        source = read_regular(path, MOST)
    except FileNotFoundError as error:
        raise InputError(f"there is no file {path}") from error
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {first_line(error)}") from error
    module = _module(path)
    with _failures(path):
        exec(compile(source, str(path), "exec"), module.__dict__)  # noqa: S102 - the user named it, to be run
    return replace(_checked(getattr(module, "SPEC", None), str(path)), origin=hashlib.sha256(source).hexdigest())


def _module(path: Path) -> ModuleType:
    """Return an empty module of no name that imports know, so that its functions travel to other processes whole."""
    made = importlib.util.spec_from_loader(MODULE, None, origin=str(path))
    if made is None:  # pragma: no cover - for type checkers
        raise InputError(f"cannot read {path}")
    module = importlib.util.module_from_spec(made)
    module.__file__ = str(path)
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        # Behind all others: a file beside it shadows no package.
        sys.path.append(folder)
    return module


@contextmanager
def _failures(path: Path) -> Iterator[None]:
    """Say in one line what a file fails by, and where."""
    try:
        yield
    except SyntaxError as error:
        where = f", line {error.lineno}" if error.lineno else ""
        raise InputError(f"{path}{where}: {type(error).__name__}: {error.msg}") from error
    except (Exception, SystemExit) as error:
        raise InputError(blame(path, error)) from error


def blame(path: Path, error: BaseException) -> str:
    """Say what a file fails by, and in which line, if any of the file is on the way there."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    where = "" if line is None else f", line {line}"
    return f"{path}{where}: {type(error).__name__}: {first_line(error)}"


def _checked(spec: Any, where: str) -> Spec:
    if spec is None:
        raise InputError(f"{where} has no SPEC: end it with SPEC = widelearn.experiments.Spec(...)")
    if not isinstance(spec, Spec):
        raise InputError(f"the SPEC of {where} is a {type(spec).__name__}: make it by widelearn.experiments.Spec(...)")
    return spec


def offered() -> dict[str, EntryPoint]:
    """Return the studies that installed packages offer, none of which is loaded; InputError if two have one name."""
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=GROUP):
        if point.name in found and found[point.name].value != point.value:
            raise InputError(f"two packages offer a study {point.name!r}: {found[point.name].value}, {point.value}")
        found[point.name] = point
    return found


def package_of(point: EntryPoint) -> str:
    """Return name and version of the package that offers a study."""
    return "" if point.dist is None else f"{point.dist.name} {point.dist.version}"


def loaded(point: EntryPoint) -> Spec:
    """Return a study that an installed package offers."""
    what = f"{point.value} of {package_of(point) or 'a package'}"
    try:
        spec = point.load()
    except Exception as error:
        raise InputError(f"{what} cannot be loaded: {type(error).__name__}: {first_line(error)}") from error
    return replace(_checked(spec, what), origin=package_of(point))
