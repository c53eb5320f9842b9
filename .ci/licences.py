"""Write THIRD-PARTY-LICENSES.txt: the licences of the crates that are linked into the compiled core.

``python .ci/licences.py`` writes it, ``--check`` fails if it is not what cargo's lock file says. Crates that run while
others are built (procedural macros, build scripts, tests) are no part of the core.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILE = ROOT / "THIRD-PARTY-LICENSES.txt"
ROOM = "widelearn-py"
# Where a crate leaves a choice, the first of these that it ships is taken.
NAMES = ("LICENSE-MIT", "LICENSE-MIT.txt", "LICENSE-MIT.md", "LICENSE", "LICENSE.txt", "LICENSE.md", "COPYING")
HEAD = """Licences of third parties

The compiled core of widelearn (widelearn/_core) contains the Rust crates below and the Rust standard library. Where a
crate offers licences to choose from, it is used under the one that is printed.
"""
STANDARD = """Rust standard library (MIT OR Apache-2.0)

Copyright (c) The Rust Project Contributors
The text of the MIT licence is that of the crates below.
"""


def linked() -> list[dict[str, str]]:
    """Return the crates that the core is linked with, on any system, by name."""
    command = ["cargo", "metadata", "--locked", "--format-version", "1"]
    found = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    packages = {package["id"]: package for package in found["packages"]}
    nodes = {node["id"]: node for node in found["resolve"]["nodes"]}
    seen, open_ends = set(), [key for key, package in packages.items() if package["name"] == ROOM]
    while open_ends:
        key = open_ends.pop()
        if key in seen or any("proc-macro" in target["kind"] for target in packages[key]["targets"]):
            continue
        seen.add(key)
        open_ends += [
            one["pkg"] for one in nodes[key]["deps"] if any(kind["kind"] is None for kind in one["dep_kinds"])
        ]
    ours = set(found["workspace_members"])
    return sorted((packages[key] for key in seen - ours), key=lambda package: package["name"])


def text_of(package: dict[str, str]) -> str:
    """Return a crate's licence."""
    folder = Path(package["manifest_path"]).parent
    for name in NAMES:
        if (folder / name).is_file():
            return (folder / name).read_text(encoding="utf-8").strip()
    raise SystemExit(f"{package['name']} {package['version']} ships none of {', '.join(NAMES)}: look at its folder.")


def page() -> str:
    """Return the whole file."""
    crates = [f"{one['name']} {one['version']} ({one['license']})\n\n{text_of(one)}\n" for one in linked()]
    return ("\n" + "-" * 80 + "\n\n").join([HEAD, STANDARD, *crates])


def main() -> int:
    """Write or check the file."""
    wanted = page()
    if "--check" not in sys.argv[1:]:
        FILE.write_text(wanted, encoding="utf-8")
        return 0
    if FILE.is_file() and FILE.read_text(encoding="utf-8") == wanted:
        print(f"{FILE.name}: {len(linked())} crates")
        return 0
    print(f"{FILE.name} is not what Cargo.lock says: run `python .ci/licences.py`.")
    return 1


if __name__ == "__main__":
    sys.exit(main())
