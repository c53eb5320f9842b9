"""Mutation testing: whether a room's own tests see small faults that are planted into its code.

``python -m fuzz.mutants ridge --sample 150`` plants one fault after the other into a copy of the room's files, a seeded
sample of all there are, and runs ``tests/ridge``, quick files first; what no test sees is printed. For the core's
rooms, ``kernels`` and ``solve``, it hands a shard of about that size to cargo-mutants, which must be installed.
"""

from __future__ import annotations

import argparse
import ast
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from widelearn import _core

ROOT = Path(__file__).parents[1]
RUST = {"kernels": "gram", "solve": "solve"}
# Seconds for the first run of the tests, and how many times as long a mutant may take.
FIRST, PATIENCE = 900.0, 4.0
COMPARE = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}
ARITHMETIC = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult}
ARITHMETIC |= {ast.FloorDiv: ast.Mult, ast.MatMult: ast.Mult}


def faults(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Plant every fault of a tree in turn, yielding its line and what it is; the tree is whole again after each."""
    for node in list(code(tree)):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARE:
            old = node.ops[0]
            node.ops[0] = COMPARE[type(old)]()
            yield line, f"{type(old).__name__} -> {type(node.ops[0]).__name__}"
            node.ops[0] = old
        elif isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in ARITHMETIC:
            old_op = node.op
            node.op = ARITHMETIC[type(old_op)]()
            yield line, f"{type(old_op).__name__} -> {type(node.op).__name__}"
            node.op = old_op
        elif isinstance(node, ast.BoolOp):
            old_word = node.op
            node.op = ast.Or() if isinstance(old_word, ast.And) else ast.And()
            yield line, f"{type(old_word).__name__} -> {type(node.op).__name__}"
            node.op = old_word
        elif isinstance(node, ast.If | ast.IfExp | ast.While):
            test = node.test
            node.test = ast.UnaryOp(ast.Not(), test)
            yield line, f"not {ast.unparse(test)}"
            node.test = test
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            node.op = ast.UAdd()
            yield line, f"-{ast.unparse(node.operand)} -> +"
            node.op = ast.USub()
        elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            value = node.value
            node.value = (not value) if isinstance(value, bool) else value + 1
            yield line, f"{value!r} -> {node.value!r}"
            node.value = value


def code(node: ast.AST) -> Iterator[ast.AST]:
    """Walk through what computes: no annotations, messages or imports."""
    if isinstance(node, ast.Raise | ast.Import | ast.ImportFrom | ast.JoinedStr | ast.arguments | ast.AnnAssign):
        return
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"warn", "check_memory", "super"}:
        return
    yield node
    for name, field in ast.iter_fields(node):
        parts = field if isinstance(field, list) else [field]
        if name not in {"returns", "annotation", "decorator_list"}:
            for part in parts:
                if isinstance(part, ast.AST):
                    yield from code(part)


def planted(file: Path, number: int) -> tuple[str, str]:
    """Return a file with one of its faults, and where and what it is."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for at, (line, what) in enumerate(faults(tree)):
        if at == number:
            return ast.unparse(tree), f"{file.name}:{line}: {what}"
    raise IndexError(number)


def tests_fail(copy: Path, files: list[str], limit: float) -> bool:
    """Run tests in a fresh process on the copy; those that take too long have failed."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *files]
    environment = {**os.environ, "PYTHONPATH": str(copy / "python"), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, cwd=copy, env=environment, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as run:
        try:
            return run.wait(limit) != 0
        except subprocess.TimeoutExpired:
            os.killpg(run.pid, signal.SIGKILL)
            return True


def quick_first(copy: Path, room: str) -> dict[str, float]:
    """Return the files of a room's tests and the seconds that each takes, without a mutant."""
    seconds = {}
    for file in sorted((copy / "tests" / room).glob("test_*.py")):
        start, name = time.monotonic(), str(file.relative_to(copy))
        if tests_fail(copy, [name], FIRST):
            raise RuntimeError(f"{name} fails without a mutant.")
        seconds[name] = time.monotonic() - start
    return dict(sorted(seconds.items(), key=lambda item: item[1]))


def python_room(room: str, sample: int, seed: int, seconds: float) -> int:
    """Plant faults into a room of the package and print what its tests do not see."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in ("python", "tests", "fuzz"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", copy)
        # Where the package is installed, the core is not among the sources.
        shutil.copy(_core.__file__, copy / "python/widelearn")
        files = sorted((copy / "python/widelearn" / room).rglob("*.py"))
        every = [(file, k) for file in files for k, _ in enumerate(faults(ast.parse(file.read_text(encoding="utf-8"))))]
        start, tests = time.monotonic(), quick_first(copy, room)
        limit = PATIENCE * sum(tests.values()) + 10
        chosen = random.Random(seed).sample(every, min(sample, len(every)))
        seen, done = 0, 0
        for file, number in chosen:
            if time.monotonic() - start > seconds:
                break
            whole, (text, what) = file.read_text(encoding="utf-8"), planted(file, number)
            file.write_text(text, encoding="utf-8")
            killed = tests_fail(copy, list(tests), limit)
            file.write_text(whole, encoding="utf-8")
            seen, done = seen + killed, done + 1
            if not killed:
                print(f"not seen: {what}", flush=True)
    print(f"{room}: {seen} of {done} mutants seen, {seen / max(done, 1):.0%}; {len(every)} there are")
    return 0


def rust_room(room: str, sample: int, seed: int) -> int:
    """Hand a shard of a core room's mutants to cargo-mutants, with the tests of that room."""
    scope = ["cargo", "mutants", "-p", "widelearn-core", "-f", f"rust/core/src/{room}/**"]
    listed = subprocess.run([*scope, "--list"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    shards = max(math.ceil(len(listed.splitlines()) / sample), 1)
    tests = ["--", "--lib", "--test", RUST[room], "--test", "drawn_shapes"]
    command = [*scope, "--shard", f"{seed % shards}/{shards}", "--sharding", "round-robin", "--no-shuffle", *tests]
    found = subprocess.run(command, cwd=ROOT, check=False).returncode
    # 2 says that mutants were missed, 3 that some took too long; both are a score, not a failure.
    return 0 if found in (0, 2, 3) else found


def main(arguments: list[str] | None = None) -> int:
    """Print the mutants that a room's tests do not see, and the score."""
    parser = argparse.ArgumentParser(prog="python -m fuzz.mutants", description=__doc__)
    parser.add_argument("room", help="a folder of the package, or of the core: kernels, solve")
    parser.add_argument("--sample", type=int, default=150, metavar="N", help="how many mutants (150)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="seed of the sample (0)")
    parser.add_argument("--seconds", type=float, default=math.inf, metavar="T", help="begin no mutant after this time")
    options = parser.parse_args(arguments)
    if options.room in RUST:
        return rust_room(options.room, options.sample, options.seed)
    return python_room(options.room, options.sample, options.seed, options.seconds)


if __name__ == "__main__":
    sys.exit(main())
