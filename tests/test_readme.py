"""README's claims: its example runs, its two lines name what exists, its map is the tree, and so is CONTRIBUTING's."""

import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def blocks(language: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)


def command_lines() -> list[str]:
    return [line for block in blocks("sh") for line in block.splitlines()]


def test_example_is_short_and_prints_what_readme_says(tmp_path):
    (example,) = blocks("python")
    assert len(example.splitlines()) <= 15
    # Each print is followed by a comment with what it prints; a last digit may differ from machine to machine.
    stated = [float(number) for number in re.findall(r"# (\d\.\d+)$", example, flags=re.MULTILINE)]
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", example], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    printed = [float(number) for number in run.stdout.split()]
    assert printed == pytest.approx(stated, abs=0.005)
    assert len(printed) >= 2


def test_one_line_runs_the_main_job_and_one_the_tests():
    # As they stand: .ci/run takes its own line from here.
    (main,) = [line for line in command_lines() if line.endswith("widelearn compare")]
    (test,) = [line for line in command_lines() if line.endswith("python -m pytest")]
    for line in (main, test):
        assert line.startswith("python3 -m venv .venv && ")
        (extras,) = re.findall(r"pip install '\.\[([\w,]+)\]'", line)
        assert set(extras.split(",")) <= set(PROJECT["optional-dependencies"])
    assert "widelearn" in PROJECT["scripts"]


def test_map_is_the_tree():
    (tree,) = blocks("text")
    named = {line.split()[0].rstrip("/") for line in tree.splitlines()}
    assert sorted(name for name in named if not (ROOT / name).exists()) == []
    patterns = [line.strip("/") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()]

    def counts(path: Path) -> bool:
        return path.name[0] not in "._" and not any(fnmatch(path.name, pattern) for pattern in patterns)

    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and counts(path)}
    rooms = {f"python/widelearn/{path.name}" for path in (ROOT / "python" / "widelearn").iterdir() if counts(path)}
    assert folders <= {name.split("/")[0] for name in named}
    assert sorted(rooms - named - {"python/widelearn/py.typed"}) == []


def test_contributing_names_every_room_and_no_file_that_is_gone():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    quoted = re.findall(r"`([^`]+)`", text.split("## Where does my code go")[1].split("\n## ")[0])
    named = {part for one in quoted for part in re.split(r"[/{},]", one)}
    package, core = ROOT / "python" / "widelearn", ROOT / "rust" / "core" / "src"
    rooms = {path.parent.name for path in package.glob("**/__init__.py") if path.parent.parent.name != "studies"}
    rooms |= {path.name for path in core.iterdir() if path.is_dir()}
    assert len(rooms) > 30
    assert sorted(rooms - named - {"widelearn"}) == []
    files = {path.name for folder in ("docs", "python", "rust", "tests") for path in (ROOT / folder).rglob("*.*")}
    assert sorted(name for name in named if re.fullmatch(r"\w+\.(py|pyi|rs|md)", name) and name not in files) == []
