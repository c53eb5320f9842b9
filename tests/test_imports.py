"""Who may import whom: the rooms and doors of the package, and no circle between its files, read from the source."""

import ast
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from source import PACKAGE, circles, doors, plant
from widelearn.experiments.studies import NAMES, PAPERS

# Room -> rooms it may import; what stands after a semicolon, only inside a branch of a function.
TABLE = doors("room")
CORE_USERS = {room for room, (always, *_) in TABLE.items() if "_core" in always}
BRANCH_ONLY = {(room, target) for room, (_, *branch) in TABLE.items() for target in set().union(*branch)}
ROOMS = set(TABLE) - {"__main__"}
PYTHON = {room: set().union(*parts) - {"_core"} for room, parts in TABLE.items()}
PYTHON |= {"__init__": ROOMS, "experiments": ROOMS | {"__init__"}}
# Import-time weight: these load only when used, so never at the top of a room that `import widelearn` opens.
HEAVY = {"click", "dask", "distributed", "matplotlib", "pandas", "polars", "pyarrow", "rich", "tqdm", "typer"}
LAZY_ROOMS = {"__main__", "distributed", "experiments", "plots"}
DASK = {"dask", "distributed"}
THEORY_OUTSIDE = {"numpy", "scipy"}


@dataclass(frozen=True)
class Import:
    """One import of a Python file: a dotted module, at the top or inside a function, in a branch or not."""

    module: str
    line: int
    in_function: bool
    in_branch: bool


def dotted_name(path: Path, package: Path) -> str:
    """`<package>/estimators/taylor.py` -> `estimators.taylor`; an `__init__.py` is its folder."""
    parts = path.relative_to(package).with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


def imports_of(path: Path, package: Path) -> list[Import]:
    found: list[Import] = []
    here = [package.name, *path.relative_to(package).parent.parts]

    def visit(node: ast.AST, in_function: bool, in_branch: bool) -> None:
        modules: list[str] = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join([*here[: len(here) - node.level + 1], *([node.module] if node.module else [])])
            base = base if node.level else str(node.module)
            modules = [f"{base}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in {"import_module", "__import__"}:
            modules = [str(arg.value) for arg in node.args[:1] if isinstance(arg, ast.Constant)]
        found.extend(Import(module, node.lineno, in_function, in_branch) for module in modules)
        function = in_function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        branch = function and (in_branch or isinstance(node, ast.If | ast.IfExp | ast.Match))
        for child in ast.iter_child_nodes(node):
            visit(child, function, branch)

    visit(ast.parse(path.read_text(encoding="utf-8")), False, False)
    return found


def target_room(module: str, package: Path) -> str | None:
    """The room a dotted import opens; None where it leads outside the package."""
    parts = module.split(".")
    if parts[0] != package.name:
        return None
    room = parts[1] if len(parts) > 1 else "__init__"
    exists = room == "_core" or (package / room).is_dir() or (package / f"{room}.py").is_file()
    return room if exists else "__init__"


def inner_fault(name: str, target: str, imported: Import) -> str | None:
    room = name.split(".")[0]
    if target == room:
        return None
    if target == "_core":
        return None if {room, name} & CORE_USERS else "only the engine's rooms touch _core"
    if target not in PYTHON[room]:
        return f"{room} may not import {target}"
    if (room, target) in BRANCH_ONLY and not imported.in_branch:
        return f"{room} may import {target} only inside the branch that needs it"
    return None


def outer_fault(name: str, imported: Import) -> str | None:
    room, top = name.split(".")[0], imported.module.split(".")[0]
    if room == "theory" and top not in sys.stdlib_module_names | THEORY_OUTSIDE:
        return f"theory may import numpy and scipy only, not {top}"
    if top in DASK and room != "distributed":
        return f"all use of {top} belongs in distributed"
    if top in HEAVY and room not in LAZY_ROOMS and not imported.in_function:
        return f"{top} loads at the import of {room}"
    return None


def python_faults(package: Path) -> list[str]:
    """Every import below `package` that the table does not allow."""
    faults = []
    for path in sorted(package.rglob("*.py")):
        name = dotted_name(path, package)
        if name.split(".")[0] not in PYTHON:
            faults.append(f"{name}: not a room of the house")
            continue
        for imported in imports_of(path, package):
            target = target_room(imported.module, package)
            fault = outer_fault(name, imported) if target is None else inner_fault(name, target, imported)
            if fault:
                faults.append(f"{name}:{imported.line}: {fault}")
    return faults


def source_files(package: Path) -> dict[str, Path]:
    """Dotted name -> file, for every file below the package."""
    names = {path: [package.name, *path.relative_to(package).with_suffix("").parts] for path in package.rglob("*.py")}
    return {".".join(name[:-1] if name[-1] == "__init__" else name): path for path, name in names.items()}


def defining_file(dotted: str, files: dict[str, Path], lifted: dict[str, dict[str, str]]) -> str | None:
    """The file that defines what a dotted import names, through the re-exports of every `__init__`."""
    if dotted in files:
        return dotted
    parent, _, name = dotted.rpartition(".")
    if parent in files and name in lifted[parent]:
        return defining_file(lifted[parent][name], files, lifted)
    return defining_file(parent, files, lifted) if parent else None


def lifted_names(files: dict[str, Path], package: Path) -> dict[str, dict[str, str]]:
    """File -> name -> dotted import, for all that an `__init__` lifts; nothing for other files."""
    return {
        name: {imported.module.rpartition(".")[2]: imported.module for imported in imports_of(path, package)}
        if path.name == "__init__.py"
        else {}
        for name, path in files.items()
    }


def file_edges(package: Path) -> dict[str, set[str]]:
    """File -> files whose names it imports, inside functions and for type checkers too.

    An import through a re-export leads to the file that defines the name. Who imports a whole package imports all that
    its `__init__` lifts.
    """
    files = source_files(package)
    wanted = {
        name: [imported.module for imported in imports_of(path, package) if not imported.module.endswith("._core")]
        for name, path in files.items()
    }
    lifted = lifted_names(files, package)
    return {
        name: {target for module in modules if (target := defining_file(module, files, lifted))} - {name}
        for name, modules in wanted.items()
    }


def public_functions(path: Path) -> set[str]:
    """The functions at the top of a file whose names have no underscore in front."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return {node.name for node in body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")}


def shadowing_modules(package: Path) -> list[str]:
    """Modules that bear the name of a function: one that they define, or that their package or the whole one offers."""
    files = source_files(package)
    functions = {name: public_functions(path) for name, path in files.items()}
    lifted = lifted_names(files, package)

    def origin(dotted: str) -> str:
        return defining_file(dotted, files, lifted) or ""

    offered = {
        name: {
            short
            for short, dotted in names.items()
            if short in functions.get(defining_file(dotted, files, lifted) or "", ())
        }
        for name, names in lifted.items()
    }
    found = []
    for name in files:
        parent, _, short = name.rpartition(".")
        if parent and short in functions[name] | offered.get(parent, set()) | offered[package.name]:
            found.append(name)
    return sorted(found)


def test_python_rooms_keep_to_their_doors():
    assert python_faults(PACKAGE) == []


def test_the_table_names_the_rooms_that_exist():
    modules = {path.stem for path in PACKAGE.glob("*.py")} | {
        path.parent.name for path in PACKAGE.glob("*/__init__.py")
    }
    assert modules == set(PYTHON)


def test_no_two_files_lead_to_each_other():
    assert circles(file_edges(PACKAGE)) == []


def test_no_module_bears_the_name_of_a_function():
    assert shadowing_modules(PACKAGE) == []


def test_every_study_is_in_the_folder_of_its_paper():
    studies = PACKAGE / "experiments" / "studies"
    files = {path.parent.name: set() for path in studies.glob("*/__init__.py")}
    for path in studies.glob("*/*.py"):
        files[path.parent.name].add(path.stem.replace("_", "-"))
    assert {paper: names - {"--init--"} for paper, names in files.items()} == {
        paper: set(names) for paper, names in PAPERS.items()
    }
    assert sorted(NAMES) == sorted(name for names in PAPERS.values() for name in names)
    outside = [path.stem for path in studies.glob("*.py") if "\nSPEC = " in path.read_text(encoding="utf-8")]
    assert outside == []


# The checker must be able to fail: one planted violation a line.
@pytest.mark.parametrize(
    ("file", "source", "fault"),
    [
        ("theory.py", "from widelearn import _core", "theory:1: only the engine's rooms touch _core"),
        ("theory.py", "import sklearn", "theory may import numpy and scipy only"),
        ("theory.py", "import widelearn as wl", "theory may not import __init__"),
        ("kernels.py", "def f():\n    from widelearn.ridge import solve", "kernels:2: kernels may not import ridge"),
        ("kernels.py", "from .ridge import solve", "kernels may not import ridge"),
        ("ridge.py", "import importlib\nimportlib.import_module('widelearn.features')", "ridge may not import feat"),
        ("plots.py", "from widelearn import estimators", "plots may not import estimators"),
        ("estimators/kernel_ridge.py", "from widelearn._core import gram", "only the engine's rooms touch _core"),
        ("estimators/a.py", "from widelearn.distributed import fit", "only inside the branch"),
        ("estimators/a.py", "def f():\n    from widelearn.distributed import fit", "only inside the branch"),
        ("features.py", "from widelearn.distributed import by_rows", "only inside the branch"),
        ("estimators/a.py", "from ..theory import risk", "estimators may not import theory"),
        ("features.py", "import matplotlib.pyplot as plt", "matplotlib loads at the import of features"),
        ("experiments/run.py", "import dask.array", "all use of dask belongs in distributed"),
        ("utils.py", "", "utils: not a room of the house"),
    ],
)
def test_planted_python_faults_are_found(tmp_path, file, source, fault):
    package = plant(
        tmp_path / "widelearn", dict.fromkeys((f"{room}.py" for room in PYTHON if room != "estimators"), "")
    )
    assert python_faults(plant(package, {"estimators/__init__.py": ""})) == []
    faults = python_faults(plant(package, {file: source}))
    assert len(faults) == 1
    assert fault in faults[0]


def test_open_python_doors_stay_open(tmp_path):
    sources = {
        "__init__.py": "from widelearn import kernels\nfrom widelearn.runtime import show_versions",
        "nets/passes.py": "from widelearn import _core",
        "estimators/taylor.py": "def f(d):\n  if d:\n    import widelearn.distributed",
        "estimators/base.py": "from widelearn.estimators.taylor.regressor import f\nfrom widelearn.ridge import solve",
        "distributed.py": "import dask.array",
        "experiments/run.py": "import pandas\nimport widelearn as wl\nfrom widelearn import KernelRidge",
        "theory/risk.py": "import math\nfrom scipy import linalg\nfrom widelearn.theory.spectrum import eigenvalues",
        **dict.fromkeys(("kernels.py", "ridge.py", "runtime.py", "theory/spectrum.py"), ""),
    }
    assert python_faults(plant(tmp_path / "widelearn", sources)) == []


@pytest.mark.parametrize(
    ("sources", "circle"),
    [
        ({"a.py": "import w.b", "b.py": "def f():\n    from w.a import x"}, "w.a -> w.b; w.b -> w.a"),
        ({"a.py": "import w.b", "b.py": "if TYPE_CHECKING:\n    from w.a import X"}, "w.a -> w.b; w.b -> w.a"),
        # Through a re-export: the file that defines the name is meant.
        (
            {"r/__init__.py": "from w.r.a import X", "r/a.py": "from w.b import f", "b.py": "from w.r import X"},
            "w.b -> w.r.a; w.r.a -> w.b",
        ),
        # A file that imports its own package as a whole.
        (
            {"r/__init__.py": "from w.r.a import X", "r/a.py": "from w import r"},
            "w.r -> w.r.a; w.r.a -> w.r",
        ),
        (
            {"a.py": "import w.b", "b.py": "import w.c", "c.py": "import w.a"},
            "w.a -> w.b; w.b -> w.c; w.c -> w.a",
        ),
    ],
)
def test_planted_circles_are_found(tmp_path, sources, circle):
    assert circles(file_edges(plant(tmp_path / "w", {"__init__.py": "", **sources}))) == [circle]


def test_re_exports_are_no_circle(tmp_path):
    sources = {
        "__init__.py": "from w import r\nfrom w.r import X",
        "r/__init__.py": "from w.r.a import X\nfrom w.r.b import f",
        "r/a.py": "from w import _core",
        "r/b.py": "from w.r import X",
    }
    assert circles(file_edges(plant(tmp_path / "w", sources))) == []


@pytest.mark.parametrize(
    ("sources", "name"),
    [
        ({"r/report.py": "def report(): ..."}, "w.r.report"),
        ({"r/__init__.py": "from w.r.a import run", "r/a.py": "def run(): ...", "r/run.py": ""}, "w.r.run"),
        ({"__init__.py": "from w.r.a import run", "r/a.py": "def run(): ...", "t/run.py": ""}, "w.t.run"),
        ({"r/solve/__init__.py": "def solve(): ..."}, "w.r.solve"),
    ],
)
def test_planted_modules_with_the_name_of_a_function_are_found(tmp_path, sources, name):
    package = plant(tmp_path / "w", {"__init__.py": "", "r/__init__.py": "", "r/other.py": "def _other(): ..."})
    assert shadowing_modules(package) == []
    assert shadowing_modules(plant(package, sources)) == [name]
