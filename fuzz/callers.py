"""Which tests call which functions of a room, and how long each test takes: what the tests of a fault are chosen by."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

# Imported once, before the fork: what takes seconds in every process that tests.
HEAVY = ("pytest", "hypothesis.extra.numpy", "mpmath", "pandas", "scipy.stats", "scipy.optimize", "scipy.sparse.linalg")
HEAVY += ("sklearn.linear_model", "sklearn.metrics", "sklearn.gaussian_process", "sklearn.model_selection")
# How many times as long a test may take with a fault.
PATIENCE = 4.0
# What is imported before cannot be rewritten, which pytest warns of; nothing of ours is.
PYTEST = ("-x", "-q", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")
# Written where every Python process of the tests finds it at its start, so that calls in children count, too.
TRACER = """
import os, sys, threading

if "CALLS_FILE" in os.environ:
    def note(frame, event, argument, known=set(), get=os.environ.get, write=os.write, room=os.environ["CALLS_ROOM"],
             to=os.open(os.environ["CALLS_FILE"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)):
        code = frame.f_code
        if code.co_filename.startswith(room):
            row = f"{get('PYTEST_CURRENT_TEST', '')}\\t{code.co_filename}\\t{code.co_firstlineno}\\n"
            if row not in known:
                known.add(row)
                write(to, row.encode())

    threading.settrace(note)
    sys.settrace(note)
"""


@dataclass(frozen=True)
class Callers:
    """The seconds of every test, and the tests that call each function, known by its file and first line."""

    seconds: dict[str, float]
    tests: dict[tuple[str, int], set[str]]

    def of(self, file: Path, function: int) -> list[str]:
        """Return the tests that could see a fault of a function, quick ones first; all if it runs in an import."""
        called = self.tests.get((str(file), function), set()) if function else {""}
        chosen = self.seconds.keys() if "" in called else called & self.seconds.keys()
        return sorted(chosen, key=self.seconds.__getitem__)


class Clock:
    """A plugin of pytest that writes down the seconds of every test."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.seconds: defaultdict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Add the seconds of one phase."""
        self.seconds[report.nodeid] += report.duration

    def pytest_sessionfinish(self) -> None:
        """Leave them where the parent finds them."""
        self.file.write_text(json.dumps(self.seconds), encoding="utf-8")


class Order:
    """A plugin of pytest that runs certain tests, in a certain order, and ends the process where one takes too long."""

    def __init__(self, tests: Iterable[str], seconds: dict[str, float]) -> None:
        self.place, self.seconds = {test: k for k, test in enumerate(tests)}, seconds

    def pytest_runtest_setup(self, item: Any) -> None:
        """Wind up the clock, whose signal ends a process."""
        signal.setitimer(signal.ITIMER_REAL, PATIENCE * self.seconds[item.nodeid] + 10.0)

    def pytest_runtest_teardown(self) -> None:
        """Stop it."""
        signal.setitimer(signal.ITIMER_REAL, 0.0)

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Drop and sort what was collected."""
        chosen = [item for item in items if item.nodeid in self.place]
        items[:] = sorted(chosen, key=lambda item: self.place[item.nodeid])


def warm() -> None:
    """Import what the tests import, but nothing of ours, so that each child finds it there."""
    # As tests/conftest.py does; one thread, since a pool would not outlive the fork.
    os.environ.update(SCIPY_ARRAY_API="1", OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    for name in HEAVY:
        import_module(name)


def tests_fail(copy: Path, arguments: list[str], plugin: object, limit: float) -> bool:
    """Run pytest on the copy in a fork of this process; tests that take too long have failed."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setsid()
            os.chdir(copy)
            log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.environ["PYTHONPATH"] = str(copy / "python")
            sys.path.insert(0, os.environ["PYTHONPATH"])
            exec(TRACER, {})
            code = import_module("pytest").main([*PYTEST, *arguments], plugins=[plugin])
        finally:
            traceback.print_exception(sys.exception())
            sys.stdout.flush()
            os._exit(code)
    end, (ended, status) = time.monotonic() + limit, (0, 1)
    while ended == 0 and time.monotonic() < end:
        time.sleep(0.02)
        ended, status = os.waitpid(child, os.WNOHANG)
    # Whatever the tests left behind ends, too.
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    if ended == 0:
        os.waitpid(child, 0)
    return ended == 0 or status != 0


def callers(copy: Path, room: str, limit: float) -> Callers:
    """Run a room's tests once, without a fault, and note what each calls."""
    calls, seconds = copy / "calls", copy / "seconds"
    (copy / "python/sitecustomize.py").write_text(TRACER, encoding="utf-8")
    noting = {"CALLS_ROOM": str(copy / "python/widelearn" / room), "CALLS_FILE": str(calls)}
    os.environ.update(noting)
    failed = tests_fail(copy, [f"tests/{room}"], Clock(seconds), limit)
    for name in noting:
        del os.environ[name]
    if failed:
        log = (copy / "log").read_text(encoding="utf-8")
        raise RuntimeError(f"The tests of {room} fail without a fault.\n{log[-4000:]}")
    every = json.loads(seconds.read_text(encoding="utf-8"))
    tests: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
    for row in set(calls.read_text(encoding="utf-8").splitlines()):
        current, file, line = row.split("\t")
        test, _, phase = current.rpartition(" ")
        # What a fixture made, later tests of the file may use.
        users = {test} if phase == "(call)" else {one for one in every if one.split("::")[0] == test.split("::")[0]}
        tests[file, int(line)] |= users if current else {""}
    return Callers(every, tests)
