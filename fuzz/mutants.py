"""Mutation testing: whether a room's own tests see small faults that are planted into its code.

``python -m fuzz.mutants ridge --sample 150`` runs ``tests/ridge`` once, noting which test calls which function. Then it
plants one fault after the other into a copy of the room's files, a seeded sample of all there are, and runs the tests
that call the function with the fault, quick ones first. What no test sees is printed. For the core's rooms, ``kernels``
and ``solve``, cargo-mutants, which must be installed, says what faults there are: a sample is built into the core's
tests at once, each fault behind a switch.
"""

from __future__ import annotations

import argparse
import ast
import math
import random
import shutil
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

from fuzz.callers import Callers, Order, callers, tests_fail, warm
from fuzz.faults import faults, function_at, planted
from fuzz.switches import Build, listed

ROOT = Path(__file__).parents[1]
# The crates of tests that know a room of the core; unit tests and drawn shapes know all.
RUST = {"kernels": ["--test=kernels", "--test=gram", "--test=wide"], "solve": ["--test=solve"]}
# Seconds for the first run of the tests.
FIRST = 1800.0


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
    score(room, done, len(every))


def seen(copy: Path, tests: Callers, file: Path, number: int) -> bool:
    """Plant one fault, run the tests that call the function it is in, and print it if none fails."""
    whole, (text, line, what) = file.read_text(encoding="utf-8"), planted(file, number)
    chosen = tests.of(file, function_at(file, line))
    file.write_text(text, encoding="utf-8")
    names = sorted({test.split("::")[0] for test in chosen})
    found = bool(chosen) and tests_fail(copy, names, Order(chosen, tests.seconds), FIRST)
    file.write_text(whole, encoding="utf-8")
    if not found:
        print(f"not seen: {file.name}:{line}: {what} ({len(chosen)} tests)", flush=True)
    return found


def rust_room(room: str, sample: int, seed: int, seconds: float) -> None:
    """Plant faults into a room of the core and print what the Rust tests of that room do not see."""
    every = listed(ROOT, ["--package=widelearn-core", f"--file=rust/core/src/{room}/**"])
    chosen = random.Random(seed).sample(every, min(sample, len(every)))
    start, done = time.monotonic(), []
    with tempfile.TemporaryDirectory() as folder:
        build = Build(ROOT, Path(folder).resolve(), [*RUST[room], "--lib", "--test=drawn_shapes"])
        programs, alone = build.planted(chosen)
        for fault in [*(fault for fault in chosen if fault not in alone), *alone]:
            if time.monotonic() - start > seconds:
                break
            own = build.planted_alone(fault) if fault in alone else programs
            # What does not compile is no fault.
            if own:
                done.append(build.see(own, fault.number))
                if not done[-1]:
                    print(f"not seen: {fault.name}", flush=True)
    score(room, done, len(every))


def score(room: str, seen: list[bool], every: int) -> None:
    """Print the share of mutants that were seen."""
    share = sum(seen) / max(len(seen), 1)
    print(f"{room}: {sum(seen)} of {len(seen)} mutants seen, {share:.0%}; {every} there are", flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Print the mutants that a room's tests do not see, and the score."""
    parser = argparse.ArgumentParser(prog="python -m fuzz.mutants", description=__doc__)
    parser.add_argument("room", help="a folder of the package, or of the core: kernels, solve")
    parser.add_argument("--sample", type=int, default=150, metavar="N", help="how many mutants (150)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="seed of the sample (0)")
    parser.add_argument("--seconds", type=float, default=math.inf, metavar="T", help="begin no mutant after this time")
    options = parser.parse_args(arguments)
    if options.room in RUST:
        rust_room(options.room, options.sample, options.seed, options.seconds)
    else:
        python_room(options.room, options.sample, options.seed, options.seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
