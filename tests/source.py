"""What the tests of the house's structure share: planted trees, and circles in a graph of files."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "python" / "widelearn"
CORE = ROOT / "rust" / "core" / "src"


def doors(heading: str) -> dict[str, list[set[str]]]:
    """A table of CONTRIBUTING: room -> names in the second column, and those after its semicolon."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.search(rf"^\| {heading} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", text, flags=re.MULTILINE)[1]
    cells = [row.strip("| ").split(" | ") for row in rows.splitlines()]
    named = [[re.findall(r"`(\w+)`", part) for part in (rooms, *may.split(";"))] for rooms, may in cells]
    return {room: [set(part) for part in parts] for rooms, *parts in named for room in rooms}


def plant(folder: Path, sources: dict[str, str]) -> Path:
    """Write files below a folder: a tree with a fault that a checker must find."""
    for name, source in sources.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(source, encoding="utf-8")
    return folder


def reachable(edges: dict[str, set[str]], start: str) -> set[str]:
    """The files that one file's edges lead to, directly or not."""
    seen: set[str] = set()
    open_ends = set(edges[start])
    while open_ends:
        seen |= open_ends
        open_ends = {target for name in open_ends for target in edges[name]} - seen
    return seen


def circles(edges: dict[str, set[str]]) -> list[str]:
    """Every largest group of files that all lead to one another, with the edges inside it."""
    reach = {name: reachable(edges, name) for name in edges}
    groups = {frozenset(other for other in reach[name] if name in reach[other]) for name in edges}
    return sorted(
        "; ".join(f"{name} -> {', '.join(sorted(edges[name] & group))}" for name in sorted(group))
        for group in groups
        if group
    )


def code_files(*endings: str) -> list[Path]:
    """Every file of the project with one of these endings, tests and scripts included, builds left out."""
    folders = ("python", "rust", "tests", "benches", "examples", "fuzz", ".ci")
    files = (path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in endings)
    return sorted(path for path in files if "target" not in path.parts)
