"""The stub names what the compiled core holds; `mypy.stubtest` compares the rest in .ci/run."""

import ast
import inspect
from importlib import resources

import pytest

from widelearn import _core

STUB = ast.parse((resources.files("widelearn") / "_core.pyi").read_text(encoding="utf-8"))
FUNCTIONS = {node.name: node for node in STUB.body if isinstance(node, ast.FunctionDef)}
CLASSES = {node.name: node for node in STUB.body if isinstance(node, ast.ClassDef)}
NAMES = {*FUNCTIONS, *CLASSES} | {
    node.target.id
    for node in STUB.body
    # `X: TypeAlias = ...` exists for type checkers alone.
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and "TypeAlias" not in ast.dump(node)
}


def test_stub_and_binary_hold_the_same_names():
    in_binary = {name for name in dir(_core) if not name.startswith("_")} | {"__version__"}
    assert in_binary == NAMES


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_stub_and_binary_take_the_same_arguments(name):
    arguments = FUNCTIONS[name].args
    stated = [arg.arg for arg in arguments.posonlyargs + arguments.args + arguments.kwonlyargs]
    assert list(inspect.signature(getattr(_core, name)).parameters) == stated


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_stub_and_binary_have_classes_with_the_same_bases_and_words(name):
    found = getattr(_core, name)
    bases = [base.__name__ for base in found.__bases__ if base is not object]
    assert bases == [ast.unparse(base) for base in CLASSES[name].bases]
    assert found.__doc__ == ast.get_docstring(CLASSES[name])
    assert found.__module__ == "widelearn._core"


def test_package_is_typed():
    assert (resources.files("widelearn") / "py.typed").is_file()
