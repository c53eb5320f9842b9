"""Who may import whom: the rooms and doors of the package and of the two crates, read from the source."""

import ast
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Room -> rooms it may import. `runtime` is open to every room but the three that know nothing of ours.
BASE = {"runtime"}
ENGINE = {"kernels", "features", "ridge"}
ROOMS = ENGINE | {"datasets", "diagnostics", "distributed", "estimators", "experiments", "forecast", "nets"}
ROOMS |= {"plots", "theory"}
PYTHON = {
    "__init__": ROOMS | BASE,
    "__main__": {"experiments", "forecast", "plots"} | BASE,
    "experiments": ROOMS | BASE | {"__init__"},
    "forecast": ENGINE | {"estimators", "theory"} | BASE,
    "estimators": ENGINE | {"distributed", "nets"} | BASE,
    "distributed": ENGINE | BASE,
    "diagnostics": ENGINE | BASE,
    "features": {"kernels", "ridge", "distributed"} | BASE,
    "kernels": BASE,
    "nets": BASE,
    "ridge": BASE,
    "runtime": set(),
    "theory": set(),
    "plots": set(),
    "datasets": set(),
}
# Doors that open only inside a branch of a function: (room, what it imports).
BRANCH_ONLY = {("estimators", "distributed"), ("features", "distributed")}
CORE_USERS = ENGINE | BASE | {"nets"}
# Import-time weight: these load only when used, so never at the top of a room that `import widelearn` opens.
HEAVY = {"click", "dask", "distributed", "matplotlib", "pandas", "polars", "pyarrow", "rich", "tqdm", "typer"}
LAZY_ROOMS = {"__main__", "distributed", "experiments", "plots"}
DASK = {"dask", "distributed"}
THEORY_OUTSIDE = {"numpy", "scipy"}

# Rust, inside the core: module -> modules it may use.
RUST_BASE = {"real", "scalar", "simd", "matrix", "math", "memory", "random", "threads", "error"}
RUST = {name: RUST_BASE - {name} for name in RUST_BASE} | {
    "lib": RUST_BASE | {"activation", "tiles", "features", "kernels", "gram", "solve", "nets"},
    "activation": RUST_BASE,
    "tiles": RUST_BASE,
    "kernels": RUST_BASE | {"activation", "tiles", "features"},
    "features": RUST_BASE | {"activation", "tiles"},
    "gram": RUST_BASE | {"activation", "tiles", "kernels", "features"},
    "solve": RUST_BASE | {"tiles"},
    "nets": RUST_BASE | {"tiles", "activation"},
}
RUST_IMPURE = r"\b(?:pyo3|numpy|std::env|std::fs|std::io)\b(?!!)|\b(?:e?print(?:ln)?|dbg)!"


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


def strip_rust(source: str) -> str:
    """Drop comments and the inside of plain string literals, so that prose cannot be a fault."""
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\])*"', '""', source, flags=re.DOTALL)


def group_heads(text: str) -> list[str]:
    """The first path segments of a brace group that `text` opens with: `{a, b::{c, d}}` -> a, b."""
    depth, heads, word = 0, [], ""
    for char in text:
        if depth == 1 and char not in "{},":
            word += char
        depth += {"{": 1, "}": -1}.get(char, 0)
        if (char == "," and depth == 1) or depth == 0:
            heads.append(re.split(r"::|\s+as\s+|\{", word.strip())[0])
            word = ""
        if depth == 0:
            break
    return [head for head in heads if head]


def paths_from(source: str, prefix: str) -> list[str]:
    """First segments after `prefix::`, in `use` declarations and in plain paths."""
    heads: list[str] = []
    for match in re.finditer(rf"(?<![\w:]){prefix}::(\w+|\{{)", source):
        heads += group_heads(source[match.start(1) :]) if match[1] == "{" else [match[1]]
    return heads


def reexports(lib: str) -> dict[str, str]:
    """Names that lib.rs lifts out of its modules, so that `crate::Name` counts as its module."""
    lifted = {}
    for module, rest in re.findall(r"pub use (?:crate::|self::)?(\w+)::([^;]+);", lib):
        for name in re.findall(r"\w+", rest):
            lifted[name] = module
    return lifted


def rust_faults(core: Path) -> list[str]:
    """Every path below the core crate's src that the table does not allow, and every impurity."""
    faults = []
    lifted = reexports(strip_rust((core / "lib.rs").read_text(encoding="utf-8")))
    for path in sorted(core.rglob("*.rs")):
        parts = path.relative_to(core).with_suffix("").parts
        module, source = parts[0], strip_rust(path.read_text(encoding="utf-8"))
        if module not in RUST:
            faults.append(f"{'/'.join(parts)}: not a module of the core")
            continue
        nested = len(parts) > 1 and parts[-1] != "mod"
        outward = r"super::super" if nested else r"super"
        used = paths_from(source, "crate") + [name for name in paths_from(source, outward) if name in RUST]
        for name in used:
            target = name if name in RUST else lifted.get(name, name)
            if target not in RUST[module] | {module}:
                faults.append(f"{'/'.join(parts)}: {module} may not use {name}")
        faults += [f"{'/'.join(parts)}: {found} in the pure crate" for found in re.findall(RUST_IMPURE, source)]
    return faults


def test_python_rooms_keep_to_their_doors():
    package = ROOT / "python" / "widelearn"
    assert len(list(package.rglob("*.py"))) > 5
    assert python_faults(package) == []


def test_rust_modules_keep_to_their_doors():
    core = ROOT / "rust" / "core" / "src"
    assert len(list(core.rglob("*.rs"))) > 5
    assert rust_faults(core) == []


def test_the_binding_alone_knows_python():
    manifest = (ROOT / "rust" / "core" / "Cargo.toml").read_text(encoding="utf-8")
    assert not re.search(r"^(pyo3|numpy|widelearn-py)\b", manifest, flags=re.MULTILINE)


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
    ("file", "source", "fault"),
    [
        ("solve/pcg.rs", "use crate::kernels::Kernel;", "solve may not use kernels"),
        ("solve/pcg.rs", "use crate::{\n    error::Result,\n    gram::{Gram, Other},\n};", "solve may not use gram"),
        ("solve/pcg.rs", "use super::super::gram;", "solve may not use gram"),
        ("solve/mod.rs", "use super::gram;", "solve may not use gram"),
        ("tiles.rs", "fn f() { crate::activation::relu(1.0) }", "tiles may not use activation"),
        ("real.rs", "use crate::Kernel;", "real may not use Kernel"),
        ("threads.rs", "use std::env;", "std::env in the pure crate"),
        ("gram/mod.rs", 'fn f() { println!("x") }', "println! in the pure crate"),
        ("utils.rs", "", "utils: not a module of the core"),
    ],
)
def test_planted_rust_faults_are_found(tmp_path, file, source, fault):
    clean = {
        "lib.rs": "pub mod kernels;\npub use kernels::{Kernel, Radial};\n",
        "kernels/mod.rs": "use crate::activation::Activation; // not crate::gram",
        "gram/assemble.rs": "use crate::{error::Result, kernels::Kernel, tiles};\nuse super::dot;\nuse crate::Radial;",
    }
    core = plant(tmp_path / "src", clean)
    assert rust_faults(core) == []
    faults = rust_faults(plant(core, {file: source}))
    assert len(faults) == 1
    assert fault in faults[0]


def plant(folder: Path, sources: dict[str, str]) -> Path:
    for name, source in sources.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(source, encoding="utf-8")
    return folder
