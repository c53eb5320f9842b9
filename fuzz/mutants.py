"""Mutation testing: whether a room's own tests see small faults that are planted into its code.

``python -m fuzz.mutants ridge --sample 150`` runs ``tests/ridge`` once, noting which test calls which function. Then it
plants one fault after the other into a copy of the room's files, a seeded sample of all there are, and runs the tests
that call the function with the fault, quick ones first. What no test sees is printed. For the core's rooms, ``kernels``
and ``solve``, it hands such a sample to cargo-mutants, which must be installed.
"""

from __future__ import annotations

import argparse
import ast
import math
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

from fuzz.callers import Callers, Order, callers, tests_fail, warm
from fuzz.faults import faults, function_at, planted

ROOT = Path(__file__).parents[1]
RUST = {"kernels": "gram", "solve": "solve"}
# Seconds for the first run of the tests, and how many times as long they may take with a fault.
FIRST, PATIENCE = 1800.0, 4.0


def python_room(room: str, sample: int, seed: int, seconds: float) -> None:
    """Plant faults into a room of the package and print what its tests do not see."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder).resolve()
        for name in ("python", "tests", "fuzz"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", copy)
        # Where the package is installed, the core is not among the sources. Children import it, this process must not.
        package = find_spec("widelearn")
        for place in (package and package.submodule_search_locations) or []:
            for core in [*Path(place).glob("_core*.so"), *Path(place).glob("_core*.pyd")]:
                shutil.copy(core, copy / "python/widelearn")
        files = sorted((copy / "python/widelearn" / room).rglob("*.py"))
        every = [(file, k) for file in files for k, _ in enumerate(faults(ast.parse(file.read_text(encoding="utf-8"))))]
        start, done = time.monotonic(), []
        warm()
        tests = callers(copy, room, FIRST)
        for file, number in random.Random(seed).sample(every, min(sample, len(every))):
            if time.monotonic() - start < seconds:
                done.append(seen(copy, tests, file, number))
    score(room, sum(done), len(done) - sum(done), len(every))


def seen(copy: Path, tests: Callers, file: Path, number: int) -> bool:
    """Plant one fault, run the tests that call the function it is in, and print it if none fails."""
    whole, (text, line, what) = file.read_text(encoding="utf-8"), planted(file, number)
    chosen = tests.of(file, function_at(file, line))
    limit = PATIENCE * sum(tests.seconds[test] for test in chosen) + 10
    file.write_text(text, encoding="utf-8")
    found = bool(chosen) and tests_fail(copy, sorted({test.split("::")[0] for test in chosen}), Order(chosen), limit)
    file.write_text(whole, encoding="utf-8")
    if not found:
        print(f"not seen: {file.name}:{line}: {what} ({len(chosen)} tests)", flush=True)
    return found


def rust_room(room: str, sample: int, seed: int) -> None:
    """Hand a sample of a core room's mutants to cargo-mutants, with the tests of that room."""
    scope = ["cargo", "mutants", "--package", "widelearn-core", "--file", f"rust/core/src/{room}/**"]
    every = subprocess.run([*scope, "--list"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    chosen = random.Random(seed).sample(every, min(sample, len(every)))
    names = "|".join(re.escape(name) for name in chosen)
    # As arguments of tests alone, they would leave all other test crates to be compiled for each mutant.
    tests = [f"--cargo-arg={part}" for part in ("--lib", f"--test={RUST[room]}", "--test=drawn_shapes")]
    # Debug information would be half of a build's time.
    environment = {**os.environ, "CARGO_PROFILE_DEV_DEBUG": "0", "CARGO_INCREMENTAL": "1"}
    with tempfile.TemporaryDirectory() as folder:
        command = [*scope, "--re", f"^({names})$", "--no-shuffle", "--output", folder, *tests]
        found = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
        # 2 says that mutants were missed, 3 that some took too long; both are a score, not a failure.
        if found not in (0, 2, 3):
            raise RuntimeError(f"cargo-mutants ended with {found}.")
        lines = {
            name: (Path(folder) / "mutants.out" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
            for name in ("caught", "timeout", "missed")
        }
    for name in lines["missed"]:
        print(f"not seen: {name}")
    score(room, len(lines["caught"]) + len(lines["timeout"]), len(lines["missed"]), len(every))


def score(room: str, seen: int, missed: int, every: int) -> None:
    """Print the share of mutants that were seen. Those that do not compile are none."""
    done = seen + missed
    print(f"{room}: {seen} of {done} mutants seen, {seen / max(done, 1):.0%}; {every} there are", flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Print the mutants that a room's tests do not see, and the score."""
    parser = argparse.ArgumentParser(prog="python -m fuzz.mutants", description=__doc__)
    parser.add_argument("room", help="a folder of the package, or of the core: kernels, solve")
    parser.add_argument("--sample", type=int, default=150, metavar="N", help="how many mutants (150)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="seed of the sample (0)")
    parser.add_argument("--seconds", type=float, default=math.inf, metavar="T", help="begin no mutant after this time")
    options = parser.parse_args(arguments)
    if options.room in RUST:
        rust_room(options.room, options.sample, options.seed)
    else:
        python_room(options.room, options.sample, options.seed, options.seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
