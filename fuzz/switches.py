"""Faults of Rust code in one build, each behind a switch that is read at run time: what cargo-mutants lists."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SWITCH = """
#[inline]
pub(crate) fn planted(fault: usize) -> bool {
    static CHOSEN: std::sync::LazyLock<usize> =
        std::sync::LazyLock::new(|| std::env::var("PLANTED").map_or(0, |number| number.parse().unwrap()));
    *CHOSEN == fault
}
"""
# Debug information would be half of a build's time, and what fails need not be made small.
QUICK = {"CARGO_PROFILE_DEV_DEBUG": "0", "PROPTEST_MAX_SHRINK_ITERS": "0"}
# Seconds for the first run of the tests, and how many times as long they may take with a fault.
FIRST, PATIENCE = 900.0, 4.0


@dataclass(frozen=True)
class Fault:
    """A replacement of some characters of a file, and the characters of the function around it, if there is one."""

    number: int
    name: str
    file: str
    start: int
    end: int
    text: str
    function: tuple[int, int] | None

    def within(self, text: str, start: int, end: int) -> str:
        """Return a part of the file's text with the fault."""
        return text[start : self.start] + self.text + text[self.end : end]


def listed(root: Path, scope: Iterable[str]) -> list[Fault]:
    """Return all faults that cargo-mutants lists, numbered from 1."""
    command = ["cargo", "mutants", "--list", "--json", *scope]
    rows: list[dict[str, Any]] = json.loads(subprocess.run(command, cwd=root, capture_output=True, check=True).stdout)
    begins: dict[str, list[int]] = {}
    for file in {row["file"] for row in rows}:
        begins[file] = [0]
        for line in (root / file).read_text(encoding="utf-8").splitlines(keepends=True):
            begins[file].append(begins[file][-1] + len(line))

    def span(file: str, found: dict[str, dict[str, int]]) -> tuple[int, int]:
        start, end = (begins[file][found[side]["line"] - 1] + found[side]["column"] - 1 for side in ("start", "end"))
        return start, end

    return [
        Fault(
            number,
            row["name"],
            row["file"],
            *span(row["file"], row["span"]),
            row["replacement"],
            span(row["file"], row["function"]["span"]) if row["function"] else None,
        )
        for number, row in enumerate(rows, 1)
    ]


def body(text: str, start: int, end: int) -> int:
    """Return where the block begins that ends at `end`: the body of a function."""
    depth = 0
    for at in range(end - 1, start - 1, -1):
        depth += {"}": 1, "{": -1}.get(text[at], 0)
        if depth == 0:
            return at
    raise ValueError(f"No block ends at {end}.")


def switched(text: str, faults: list[Fault]) -> tuple[str, dict[int, range]]:
    """Return a file whose functions choose among their bodies with a fault each, and the lines of each fault."""
    spans = {fault.function for fault in faults if fault.function}
    outer = [one for one in spans if not any(two != one and two[0] <= one[0] and one[1] <= two[1] for two in spans)]
    out, done, lines = "", 0, {}
    for start, end in sorted(outer):
        begin = body(text, start, end)
        # Inlined bodies inside of inlined bodies would grow like their product.
        out += text[done:start] + text[start:begin].replace("#[inline(always)]", "#[inline(never)]") + "{ "
        for fault in faults:
            if start <= fault.start and fault.end <= end:
                first = out.count("\n") + 1
                out += f"if crate::planted({fault.number}) {fault.within(text, begin, end)} else "
                lines[fault.number] = range(first, out.count("\n") + 2)
        out, done = out + text[begin:end] + " }", end
    return out + text[done:], lines


class Build:
    """A copy of the workspace for faults, and the programs of tests that are built of it."""

    def __init__(self, root: Path, copy: Path, tests: Iterable[str]) -> None:
        self.copy, self.tests, self.environment = copy, list(tests), {**os.environ, **QUICK}
        for name in ("Cargo.toml", "Cargo.lock"):
            shutil.copy(root / name, copy)
        shutil.copytree(root / "rust", copy / "rust")
        library = copy / "rust/core/src/lib.rs"
        library.write_text(library.read_text(encoding="utf-8") + SWITCH, encoding="utf-8")
        self.limits = [FIRST] * len(self.tests)

    def planted(self, faults: list[Fault]) -> tuple[list[str], list[Fault]]:
        """Build once with a switch for each fault; return the programs, and the faults that cannot have one."""
        able = [fault for fault in faults if fault.function and "const fn" not in self.head(fault)]
        while True:
            by_file: defaultdict[str, list[Fault]] = defaultdict(list)
            for fault in able:
                by_file[fault.file].append(fault)
            made = {file: switched(self.text(file), some) for file, some in by_file.items()}
            programs, wrong = self.compiled({file: text for file, (text, _) in made.items()})
            if programs:
                self.measure(programs)
                return programs, [fault for fault in faults if fault not in able]
            bad = {k for file, line in wrong if file in made for k, lines in made[file][1].items() if line in lines}
            if not bad:
                raise RuntimeError(f"The core does not compile with switches: {sorted(wrong)}")
            able = [fault for fault in able if fault.number not in bad]

    def planted_alone(self, fault: Fault) -> list[str]:
        """Build with one fault and no switch; return the programs, none where it does not compile."""
        text = self.text(fault.file)
        return self.compiled({fault.file: fault.within(text, 0, len(text))})[0]

    def text(self, file: str) -> str:
        """Return a file without faults."""
        return (self.copy / file).read_text(encoding="utf-8")

    def head(self, fault: Fault) -> str:
        """Return a function's text up to its body."""
        text, (start, end) = self.text(fault.file), fault.function or (0, 0)
        return text[start : body(text, start, end)]

    def compiled(self, files: dict[str, str]) -> tuple[list[str], set[tuple[str, int]]]:
        """Build with other texts of some files; return the programs, or the files and lines where errors are."""
        whole = {file: self.text(file) for file in files}
        programs: list[str] = []
        wrong: set[tuple[str, int]] = set()
        for file, text in files.items():
            (self.copy / file).write_text(text, encoding="utf-8")
        for test in self.tests:
            command = ["cargo", "test", "--package=widelearn-core", "--no-run", "--message-format=json", test]
            done = subprocess.run(command, cwd=self.copy, env=self.environment, capture_output=True, check=False)
            for row in map(json.loads, done.stdout.splitlines()):
                if row["reason"] == "compiler-message" and row["message"]["level"] == "error":
                    wrong |= {(span["file_name"], span["line_start"]) for span in row["message"]["spans"]}
                programs += [row["executable"]] if row.get("executable") else []
            if done.returncode:
                programs = []
                break
        for file, text in whole.items():
            (self.copy / file).write_text(text, encoding="utf-8")
        return programs, wrong

    def measure(self, programs: list[str]) -> None:
        """Run programs without a fault: they must pass, and say how long they may take with one."""
        for k, program in enumerate(programs):
            start = time.monotonic()
            if self.see([program], 0):
                raise RuntimeError(f"{self.tests[k]} fails without a fault.")
            self.limits[k] = PATIENCE * (time.monotonic() - start) + 10

    def see(self, programs: list[str], number: int) -> bool:
        """Say whether a program fails with a fault switched on; one that takes too long has failed."""
        environment = {**self.environment, "PLANTED": str(number)}
        for program, limit in zip(programs, self.limits, strict=False):
            command = [program, "--quiet"]
            try:
                subprocess.run(
                    command,
                    cwd=self.copy / "rust/core",
                    env=environment,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    check=True,
                    timeout=limit,
                )
            except subprocess.SubprocessError:
                return True
        return False
