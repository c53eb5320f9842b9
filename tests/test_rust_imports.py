"""Which module of the core may use which, and no circle between its files, read from the source."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from source import CORE, ROOT, circles, doors, plant

# Module of the core -> modules it may use; the first row is the base.
TABLE = {module: names for module, (names, *_) in doors("module of the core").items()}
BASE = set(list(TABLE)[: list(TABLE).index("flops")])
RUST = {module: names | BASE if "base" in names else names for module, names in TABLE.items()} | {"lib": set(TABLE)}
USE = r"^[ \t]*(pub(?:\([^)]*\))? )?use ([^;]+);"
ITEM = r"^(?:pub(?:\([^)]*\))? )?(?:(?:unsafe|const|async|extern \"\") )*"
ITEM += r"(?:fn|struct|enum|trait|type|const|static|union|macro_rules!) (\w+)"
RUST_IMPURE = r"\b(?:pyo3|numpy|std::env|std::fs|std::io)\b(?!!)|\b(?:e?print(?:ln)?|dbg)!"


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


def module_files(core: Path) -> dict[str, Path]:
    """Module path (`kernels::plan`, a folder's mod.rs by the folder, lib.rs by "") -> file."""
    names = {path: path.relative_to(core).with_suffix("").parts for path in core.rglob("*.rs")}
    return {"::".join(name[:-1] if name[-1] in {"mod", "lib"} else name): path for path, name in names.items()}


def split_group(text: str) -> list[str]:
    """Cut `a, b::{c, d}` at the commas outside of braces."""
    parts, depth = [""], 0
    for char in text:
        depth += {"{": 1, "}": -1}.get(char, 0)
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return [part.strip() for part in parts if part.strip()]


def use_paths(tree: str) -> list[str]:
    """Every path of a `use` tree: `a::{b, c::{d, self}}` -> a::b, a::c::d, a::c."""
    head, brace, rest = tree.partition("{")
    if not brace:
        return [tree.strip().removesuffix("::self")]
    return [path for part in split_group(rest.rpartition("}")[0]) for path in use_paths(head.strip() + part)]


@dataclass(frozen=True)
class RustFile:
    """What one file defines, lifts and names, its unit tests left out."""

    defines: set[str]
    lifts: dict[str, str]
    uses: dict[str, str]
    body: str

    @classmethod
    def read(cls, path: Path) -> "RustFile":
        source = strip_rust(path.read_text(encoding="utf-8"))
        source = re.sub(r"^#\[cfg\(test\)\]\nmod \w+ \{.*?^\}", "", source, flags=re.DOTALL | re.MULTILINE)
        lifts, uses = {}, {}
        for public, tree in re.findall(USE, source, flags=re.MULTILINE):
            for used in use_paths(tree):
                full, _, alias = used.partition(" as ")
                (lifts if public else uses)[alias.strip() or full.rpartition("::")[2]] = full.strip()
        return cls(
            set(re.findall(ITEM, source, flags=re.MULTILINE)),
            lifts,
            uses,
            re.sub(rf"{USE}|\bmod \w+;", "", source, flags=re.M),
        )

    def paths(self) -> set[str]:
        """The paths that the file uses: declared, written out in place, or lifted and used here too."""
        inline = set(re.findall(r"(?<![\w:])\w+(?:::\w+)+", self.body))
        own = {path for name, path in self.lifts.items() if re.search(rf"\b{name}\b", self.body)}
        return set(self.uses.values()) | inline | own


def leads_to(path: str, module: str, files: dict[str, RustFile]) -> str | None:
    """The module whose file defines the name that a path in `module` ends in; None for modules and other crates."""
    first, *rest = path.split("::")
    here = files[module]
    if first in {"crate", "super", "self"}:
        place = {"crate": "", "self": module, "super": module.rpartition("::")[0]}[first]
    elif f"{module}::{first}".removeprefix("::") in files:
        place, rest = module, [first, *rest]
    elif first in here.uses and here.uses[first] != path:
        return leads_to("::".join([here.uses[first], *rest]), module, files)
    else:
        return module if first in here.defines else None
    for name in rest:
        below = f"{place}::{name}".removeprefix("::")
        if name == "super":
            place = place.rpartition("::")[0]
        elif below in files:
            place = below
        elif name in files[place].defines or name not in files[place].lifts:
            return place
        else:
            return leads_to(files[place].lifts[name], place, files)
    return None


def file_edges(core: Path) -> dict[str, set[str]]:
    """File -> files that define names it uses. `mod` declarations and re-exports are no edges."""
    files = {name: RustFile.read(path) for name, path in module_files(core).items()}
    return {
        name: {target for path in file.paths() if (target := leads_to(path, name, files)) is not None} - {name}
        for name, file in files.items()
    }


def test_no_two_files_use_each_other():
    assert circles(file_edges(CORE)) == []


def test_the_table_names_the_modules_that_exist():
    assert {path.stem for path in CORE.iterdir()} == set(RUST)


def test_rust_modules_keep_to_their_doors():
    assert rust_faults(CORE) == []


def test_the_binding_alone_knows_python():
    manifest = (ROOT / "rust" / "core" / "Cargo.toml").read_text(encoding="utf-8")
    assert not re.search(r"^(pyo3|numpy|widelearn-py)\b", manifest, flags=re.MULTILINE)


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


@pytest.mark.parametrize(
    ("sources", "circle"),
    [
        ({"a.rs": "use crate::b::B;\npub struct A;", "b.rs": "use super::a::A;\npub struct B;"}, "a -> b; b -> a"),
        (
            {"a.rs": "use crate::b::B;\npub fn a() {}", "b.rs": "pub struct B;\nfn f() { crate::a::a() }"},
            "a -> b; b -> a",
        ),
        (
            {"a.rs": "use crate::b::{self, C};\npub struct A;", "b.rs": "use crate::a::A as X;\npub fn C() {}"},
            "a -> b; b -> a",
        ),
        # By the name of a module that was imported.
        (
            {"a.rs": "use crate::b;\nfn f() -> b::B {}\npub struct A;", "b.rs": "use crate::a::A;\npub struct B;"},
            "a -> b; b -> a",
        ),
        # Through a re-export: the file that defines the name is meant.
        (
            {
                "r/mod.rs": "mod a;\nmod b;\npub use a::A;",
                "r/a.rs": "use super::b::f;\npub struct A;",
                "r/b.rs": "use crate::r::A;\npub fn f() {}",
            },
            "r::a -> r::b; r::b -> r::a",
        ),
        # A folder's mod.rs that defines what its files use, and uses what they define.
        (
            {"r/mod.rs": "mod a;\npub use a::A;\npub fn f() -> A {}", "r/a.rs": "use super::f;\npub struct A;"},
            "r -> r::a; r::a -> r",
        ),
    ],
)
def test_planted_circles_are_found(tmp_path, sources, circle):
    assert circles(file_edges(plant(tmp_path, {"lib.rs": "", **sources}))) == [circle]


UNIT_TESTS = "#[cfg(test)]\nmod tests {\n    use super::super::b::B;\n}\n"


def test_declarations_and_unit_tests_are_no_circle(tmp_path):
    sources = {
        "lib.rs": "mod r;\npub use r::A;",
        "r/mod.rs": "mod a;\nmod b;\npub use a::{A, Other};\npub use b::b;\npub fn f() {}",
        "r/a.rs": "use super::f;\nuse std::fmt;\npub struct A;\n" + UNIT_TESTS,
        "r/b.rs": "use super::f;\nuse crate::A;\npub fn b() {} // crate::r::b\n",
    }
    edges = file_edges(plant(tmp_path, sources))
    assert edges == {"": set(), "r": set(), "r::a": {"r"}, "r::b": {"r", "r::a"}}
