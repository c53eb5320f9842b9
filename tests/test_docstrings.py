"""Public docstrings say what the house asks for, and their examples run."""

import doctest
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable
from types import ModuleType

import pytest

import widelearn as wl
from widelearn.kernels.base import Kernel, as_kernel

MODULES = [
    importlib.import_module(found.name)
    for found in pkgutil.walk_packages(wl.__path__, "widelearn.")
    if not found.name.endswith("._core")
]
# What users and outside checks call: these rooms' public names, with full docstrings.
SURFACE = (
    "kernels",
    "features",
    "ridge",
    "nets",
    "estimators",
    "theory",
    "datasets",
    "diagnostics",
    "forecast",
    "persistence",
)


def public(module: ModuleType) -> dict[str, object]:
    """The classes and functions a module offers: its `__all__`, or what it defines without an underscore."""
    own = [name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
    names = getattr(module, "__all__", [name for name in own if not name.startswith("_")])
    return {name: value for name in names if callable(value := getattr(module, name))}


EVERYTHING = {f"{module.__name__}.{name}": value for module in MODULES for name, value in public(module).items()}
API = {
    f"{room}.{name}": value
    for room in SURFACE
    if f"widelearn.{room}" in {module.__name__ for module in MODULES}
    for name, value in public(importlib.import_module(f"widelearn.{room}")).items()
}


def sections(doc: str) -> dict[str, str]:
    """Split a numpydoc docstring: heading -> text; the summary and what follows it are under ''."""
    pieces = re.split(r"^([A-Z][\w ]+)\n-{3,}\n", doc, flags=re.MULTILINE)
    return {"": pieces[0], **dict(zip(pieces[1::2], pieces[2::2], strict=True))}


def documented(section: str) -> set[str]:
    """The names a Parameters section explains: `a, b : type`, one line for several if they belong together."""
    heads = re.findall(r"^(\*{0,2}\w[\w, *]*?)(?: ?:.*)?$", section, flags=re.MULTILINE)
    return {name.strip(" *") for head in heads for name in head.split(",")}


def faults(name: str, value: Callable[..., object]) -> list[str]:
    """What a public docstring lacks."""
    doc = inspect.getdoc(value) or ""
    found = sections(doc)
    summary = doc.split("\n\n")[0]
    wanted = set(inspect.signature(value).parameters) - {"self"}
    body = inspect.getsource(value)
    missing = []
    if not re.match(r"[A-Z].*\.$", summary, flags=re.DOTALL):
        missing.append("a summary sentence")
    if unexplained := wanted - documented(found.get("Parameters", "")):
        missing.append(f"parameters {sorted(unexplained)}")
    if inspect.isfunction(value) and re.search(r"^\s+return \S", body, flags=re.MULTILINE) and "Returns" not in found:
        missing.append("Returns")
    if inspect.isfunction(value) and re.search(r"^\s+raise \w+\(", body, flags=re.MULTILINE) and "Raises" not in found:
        missing.append("Raises")
    if ">>> " not in found.get("Examples", ""):
        missing.append("Examples")
    return [f"{name}: {what} missing" for what in missing]


def test_there_is_a_surface():
    assert len(API) > 10
    assert set(SURFACE[:4]) <= {name.split(".")[0] for name in API}


@pytest.mark.parametrize("name", sorted(API))
def test_public_names_are_documented_in_full(name):
    assert faults(name, API[name]) == []


@pytest.mark.parametrize("name", sorted(EVERYTHING))
def test_every_public_object_has_a_docstring(name):
    value = EVERYTHING[name]
    methods = inspect.getmembers(value, inspect.isfunction) if inspect.isclass(value) else []
    ours = [(method, code) for method, code in methods if code.__module__.startswith("widelearn.")]
    assert inspect.getdoc(value), name
    assert [method for method, code in ours if not method.startswith("_") and not inspect.getdoc(code)] == []


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_modules_say_what_they_are(module):
    assert module.__doc__


@pytest.mark.parametrize("module", [wl, *MODULES], ids=lambda module: module.__name__)
def test_doctests(module):
    result = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE, report=True)
    assert result.failed == 0


def test_doctests_exist():
    finder = doctest.DocTestFinder()
    assert sum(len(test.examples) for module in MODULES for test in finder.find(module)) > 20


def test_faults_are_found():
    def lacking(a, b):
        """no sentence

        Parameters
        ----------
        a : float
            First.
        """
        if a:
            raise ValueError("no")
        return b

    def complete(a, b, *, c=0):
        """Add numbers.

        Parameters
        ----------
        a, b : float
            Terms.
        c : float, default=0
            Another.

        Returns
        -------
        float
            The sum.

        Examples
        --------
        >>> complete(1, 2)
        3
        """
        return a + b + c

    assert [fault.split(": ")[1] for fault in faults("f", lacking)] == [
        "a summary sentence missing",
        "parameters ['b'] missing",
        "Returns missing",
        "Raises missing",
        "Examples missing",
    ]
    assert faults("f", complete) == []


@pytest.mark.parametrize(
    "name", [name for name in wl.__all__ if "one of the names" in (getattr(wl, name).__doc__ or "")]
)
def test_all_names_of_kernels_are_told(name):
    told = " ".join(getattr(wl, name).__doc__.split()).split("one of the names", 1)[1].split(", a function")[0]
    assert set(re.findall(r'"(\w+)"', told)) == set(Kernel.names)
    assert all(as_kernel(word) for word in Kernel.names)
