"""The house's measures: sizes of files and functions, depth of estimators, words of sister classes, signatures."""

import ast
import importlib
import inspect
import re
import sys
import typing
from collections import Counter
from itertools import combinations, takewhile
from pathlib import Path
from types import FunctionType

import pytest
from sklearn.base import BaseEstimator

import widelearn as wl
from source import CORE, PACKAGE, ROOT, code_files, plant

FILE_LINES, FUNCTION_LINES = 400, 60
OWN_CLASSES, FOREIGN_CALLS = 4, 5
# Characters of a signature, and of each parameter where there are many.
SIGNATURE, PARAMETER = 400, 45
# Families of classes whose entries of one name are read side by side.
SISTERS = [
    ("FeatureRidge", "FeatureRidgeCV", "FeatureRidgeClassifier", "FeatureRidgeClassifierCV"),
    ("KernelRidge", "KernelRidgeCV", "KernelRidgeClassifier", "KernelRidgeClassifierCV"),
    ("GradientFlowRegressor", "GradientFlowClassifier"),
    ("RecursiveFeatureMachine", "RecursiveFeatureMachineClassifier"),
    ("TaylorRegressor", "TaylorClassifier"),
    ("TwoLayerRegressor", "TwoLayerClassifier"),
    ("RandomFeatures", "FourierFeatures", "TangentFeatures", "NTKFeatures", "NystromFeatures", "NeuralRepresentation"),
    ("NTK", "NNGP"),
]
# Family and entry -> why its classes explain it in different words.
DIFFERENT = {
    ("KernelRidge", "kernel"): "those that choose take a list of kernels, too",
    ("RandomFeatures", "n_components"): "numbers and defaults fit the map",
    ("RandomFeatures", "activation"): "maps call different derivatives",
    ("RandomFeatures", "weights"): "a law of neurons, or of the directions of frequencies",
    ("RandomFeatures", "kernel"): "Fourier features take kernels with a spectral measure",
    ("RandomFeatures", "bias_scale"): "a representation needs biases, for steps without are odd",
    ("RandomFeatures", "random_state"): "Nyström features keep no seed, they keep rows",
    ("RandomFeatures", "n_features_in_"): "Nyström features take kernel matrices, too",
    ("NTK", "activation"): "the NTK needs a derivative",
}
RUST_FUNCTION = re.compile(r'^(\s*)(?:pub(?:\([^)]*\))? )?(?:(?:const|async|unsafe|extern "C") )*fn (\w+)')


def docstring_lines(node: ast.AST) -> int:
    body = getattr(node, "body", [])
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return first.end_lineno - first.lineno + 1
    return 0


def only_stores(node: ast.FunctionDef) -> bool:
    """Whether a constructor does nothing but keep its parameters, so that its lines are a table of them."""
    return node.name == "__init__" and all(
        isinstance(line, ast.Assign | ast.Expr) and re.fullmatch(r"self\.(\w+) = \1|super\(\).*|'.*", ast.unparse(line))
        for line in node.body[1 if docstring_lines(node) else 0 :]
    )


def python_functions(source: str) -> list[tuple[str, int]]:
    """Name and lines of every function, its docstring not counted."""
    return [
        (node.name, node.end_lineno - node.lineno + 1 - docstring_lines(node))
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not only_stores(node)
    ]


def rust_functions(source: str) -> list[tuple[str, int]]:
    """Name and lines of every function, to the brace that rustfmt puts under its first letter."""
    lines = source.splitlines()
    found = []
    for start, line in enumerate(lines):
        if match := RUST_FUNCTION.match(line):
            ends = (
                at
                for at in range(start, len(lines))
                if lines[at] in {f"{match[1]}}}", f"{match[1]});"} or lines[start][-1] in ";}"
            )
            found.append((match[2], next(ends, start) - start + 1))
    return found


def size_faults(path: Path, name: str) -> list[str]:
    source = path.read_text(encoding="utf-8")
    lines = len(source.splitlines())
    faults = [f"{name}: {lines} lines, at most {FILE_LINES}"] if lines > FILE_LINES else []
    functions = python_functions(source) if path.suffix == ".py" else rust_functions(source)
    long = [
        f"{name}: {what} has {size} lines, at most {FUNCTION_LINES}"
        for what, size in functions
        if size > FUNCTION_LINES
    ]
    return faults + long


def test_files_and_functions_keep_their_sizes():
    files = code_files(".py", ".rs")
    assert len(files) > 200
    assert [fault for path in files for fault in size_faults(path, str(path.relative_to(ROOT)))] == []


LONG = "def f():\n" + "    x = 1\n" * 60
RUST_LONG = "impl A {\n    pub(crate) unsafe fn f() {\n" + "        x();\n" * 60 + "    }\n}\n"


@pytest.mark.parametrize(
    ("file", "source", "fault"),
    [
        ("a.py", "x = 1\n" * 401, "a.py: 401 lines, at most 400"),
        ("a.rs", "// x\n" * 401, "a.rs: 401 lines, at most 400"),
        ("a.py", LONG, "a.py: f has 61 lines, at most 60"),
        ("a.rs", RUST_LONG, "a.rs: f has 62 lines, at most 60"),
        (
            "a.py",
            "class A:\n    def __init__(self):\n        self.x = 1\n" + "        self.y = f(2)\n" * 60,
            "__init__ has 62",
        ),
    ],
)
def test_planted_sizes_are_found(tmp_path, file, source, fault):
    (found,) = size_faults(plant(tmp_path, {file: source}) / file, file)
    assert fault in found


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("a.py", "x = 1\n" * 400),
        ("a.py", 'def f():\n    """Do.\n' + "\n    x\n" * 50 + '    """\n' + "    x = 1\n" * 59),
        ("a.py", "class A:\n    def __init__(self, x):\n" + "        self.x = x\n" * 70),
        ("a.rs", "fn f();\n" + "x\n" * 70 + "fn g() {}\n" + "y\n" * 70 + "fn h(\n    x: u8,\n);\n" + "z\n" * 70),
    ],
)
def test_what_is_within_the_sizes_is_no_fault(tmp_path, file, source):
    assert size_faults(plant(tmp_path, {file: source}) / file, file) == []


ROOMS = [wl, *(getattr(wl, name) for name in wl.__all__ if inspect.ismodule(getattr(wl, name)))]
PUBLIC = {name: value for room in ROOMS for name in room.__all__ if inspect.isclass(value := getattr(room, name))}
ESTIMATORS = {name: value for name, value in PUBLIC.items() if issubclass(value, BaseEstimator)}


def own_classes(cls: type, root: str = "widelearn") -> list[type]:
    return [base for base in cls.__mro__ if base.__module__.split(".")[0] == root]


def file_of(value: object) -> str:
    return inspect.getsourcefile(inspect.unwrap(value) if isinstance(value, FunctionType) else value)


def member(classes: tuple[type, ...], name: str) -> type | None:
    """The first class that holds a name."""
    return next((cls for cls in classes if name in vars(cls)), None)


def called_name(call: ast.Call) -> tuple[str, str] | None:
    """What a call on self is: ("self", method), ("super", method), or ("function", name) that is given self."""
    match call.func:
        case ast.Attribute(value=ast.Name(id="self"), attr=method):
            return "self", method
        case ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr=method):
            return "super", method
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    if any(isinstance(value, ast.Name) and value.id == "self" for value in given):
        return "function", ast.unparse(call.func)
    return None


def local_imports(tree: ast.AST) -> dict[str, str]:
    """Name -> module, for what is imported inside functions."""
    return {
        alias.asname or alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }


def function_file(name: str, cls: type, tree: ast.AST, root: str) -> str | None:
    """The file of a function or class of ours that a name in a class's module stands for."""
    first, *rest = name.split(".")
    value = vars(sys.modules[cls.__module__]).get(first)
    if value is None and first in (local := local_imports(tree)):
        value = getattr(importlib.import_module(local[first]), first, None)
    for part in rest:
        value = getattr(value, part, None)
    ours = (getattr(value, "__module__", None) or "").split(".")[0] == root
    return file_of(value) if ours and (inspect.isclass(value) or inspect.isfunction(value)) else None


def foreign_calls(estimator: type, root: str = "widelearn") -> list[str]:
    """Calls on self, over the MRO of an estimator, that land in another file of ours than that of the calling class."""
    found = []
    for cls in own_classes(estimator, root):
        tree = ast.parse(inspect.cleandoc("\n" + inspect.getsource(cls)))
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            kind, name = called_name(call) or ("", "")
            target = None
            if kind == "function":
                target = function_file(name, cls, tree, root)
            elif kind:
                mro = estimator.__mro__
                owner = member(mro if kind == "self" else mro[mro.index(cls) + 1 :], name)
                target = file_of(owner) if owner in own_classes(estimator, root) else None
            if target not in {None, file_of(cls)}:
                found.append(f"{cls.__name__}: {ast.unparse(call.func)} -> {Path(target).name}")
    return found


@pytest.mark.parametrize("name", sorted(ESTIMATORS))
def test_estimators_are_shallow(name):
    own, calls = own_classes(ESTIMATORS[name]), foreign_calls(ESTIMATORS[name])
    counts = f"{name}: {len(own)} classes ({', '.join(cls.__name__ for cls in own)}), {len(calls)} calls: {calls}"
    assert len(own) <= OWN_CLASSES, counts
    assert len(calls) <= FOREIGN_CALLS, counts


def entries(cls: type, section: str) -> dict[str, str]:
    """Name -> type and text, for one section of a class's docstring."""
    doc = inspect.getdoc(cls)
    match = re.search(rf"^{section}\n-+\n(.*?)(?=^\w[\w ]*\n-{{3,}}$|\Z)", doc, flags=re.DOTALL | re.MULTILINE)
    pieces = re.split(r"^(\w[\w, ]*) : ", match[1] if match else "", flags=re.MULTILINE)
    named = zip(pieces[1::2], pieces[2::2], strict=True)
    return {name: " ".join(text.split()) for names, text in named for name in names.split(", ")}


def sister_faults(first: type, second: type, family: str = "") -> list[str]:
    """Entries of one name that two sister classes explain in different words."""
    return [
        f"{first.__name__} and {second.__name__}: {section}, {name}"
        for section in ("Parameters", "Attributes")
        for name, text in entries(first, section).items()
        if entries(second, section).get(name, text) != text and (family, name) not in DIFFERENT
    ]


@pytest.mark.parametrize("family", SISTERS, ids=lambda family: family[0])
def test_sister_classes_use_the_same_words(family):
    classes = [PUBLIC[name] for name in family]
    assert [fault for one, two in combinations(classes, 2) for fault in sister_faults(one, two, family[0])] == []


def test_entries_are_read():
    class One:
        """Fit.

        Parameters
        ----------
        a, b : float, default=1
            Both.
        c : int
            First line,
            second line.

        Attributes
        ----------
        d_ : int
            Fitted.
        """

    class Two:
        """Fit.

        Parameters
        ----------
        b : float, default=1
            Both.
        c : int
            Other.
        """

    assert entries(One, "Parameters") == {
        "a": "float, default=1 Both.",
        "b": "float, default=1 Both.",
        "c": "int First line, second line.",
    }
    assert entries(One, "Attributes") == {"d_": "int Fitted."}
    assert sister_faults(One, Two) == ["One and Two: Parameters, c"]


def opening(path: Path) -> str:
    """What a file opens with: the first paragraph of its docstring or of its inner comment."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return (ast.get_docstring(ast.parse(source)) or "").split("\n\n")[0]
    lines = takewhile(lambda line: line.startswith("//! "), source.splitlines())
    return "\n".join(line.removeprefix("//! ") for line in lines)


def test_every_file_opens_with_one_sentence():
    files = [path for path in code_files(".py", ".rs") if PACKAGE in path.parents or CORE.parents[1] in path.parents]
    sentence = re.compile(r"[^a-z\s].*\.", flags=re.DOTALL)
    several = re.compile(r"\.\s+[A-Z]")
    assert [str(path) for path in files if not sentence.fullmatch(opening(path)) or several.search(opening(path))] == []


def calls_of(path: Path, *names: str) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    used = (ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute | ast.Name))
    return [f"{path.name}: {name}" for name in used if name in names]


def test_only_runtime_warns():
    """Others call runtime.warn, which names the user's line."""
    found = {
        call for path in PACKAGE.rglob("*.py") for call in calls_of(path, "warnings.warn", "warnings.warn_explicit")
    }
    assert found == {"messages.py: warnings.warn"}


PUBLIC_CALLABLES = {
    name: value
    for room in ROOMS
    for name in room.__all__
    if callable(value := getattr(room, name)) and not (inspect.isclass(value) and issubclass(value, Exception))
}


@pytest.mark.parametrize("name", sorted(PUBLIC_CALLABLES))
def test_signatures_can_be_read(name):
    """What a notebook shows of a class or function; one with many parameters needs room for each."""
    signature = inspect.signature(PUBLIC_CALLABLES[name])
    room = max(SIGNATURE, PARAMETER * len(signature.parameters))
    assert len(str(signature)) <= room, f"{name}{signature} has {len(str(signature))} characters"


@pytest.mark.parametrize("name", sorted(ESTIMATORS))
def test_type_checkers_see_what_fit_returns(name):
    for method in ("fit", "partial_fit", "predict", "transform"):
        if hasattr(ESTIMATORS[name], method):
            assert "return" in typing.get_type_hints(getattr(ESTIMATORS[name], method)), method


def test_fits_keep_their_types():
    """scikit-learn's decorator has no types: what it decorates is Any to a type checker."""
    found = {call for path in PACKAGE.rglob("*.py") for call in calls_of(path, "_fit_context")}
    assert found == {"parameters.py: _fit_context"}


def print_counts() -> None:
    """Print the two counts of every estimator: ``python tests/test_house.py``."""
    for name, cls in ESTIMATORS.items():
        calls = foreign_calls(cls)
        print(f"{name}: {len(own_classes(cls))} own classes, {len(calls)} calls on self that land in another file")
        for call, times in Counter(calls).items():
            print(f"    {call}{f' ({times} times)' if times > 1 else ''}")


if __name__ == "__main__":
    print_counts()
