"""README's claims: its example runs, its two lines name what exists, its map is the tree."""

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
