"""Processes killed at random moments: what they leave is whole, the next start sweeps it, and results are the same.

``python -m fuzz.kills --kills 50`` kills comparisons, runs of studies and fits with checkpoints, half of them at a
random time and half at a random call that opens, syncs, renames or removes a file, resumes each, and prints for each
kind how many files were unreadable, how many temporary ones were left over, and how many results differ from those of
an uninterrupted process. The exit code is 1 if any was.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import widelearn as wl
from widelearn.__main__ import main as command_line
from widelearn.experiments import studies
from widelearn.experiments.comparison import fitted
from widelearn.experiments.tables import table as tables
from widelearn.kernels import Laplace
from widelearn.ridge import checkpoint
from widelearn.runtime.whole_files import MADE, is_ours, replacing

# Where a kill may fall between any two states of a file.
EVENTS = ("open", "fsync", "replace", "unlink", "mkdir", "rmdir")
# A hash is of what else stands in a file, seconds among it; a command that goes on is typed with --resume.
MEASURED = ("fit_s", "predict_s", "peak_bytes", "tune_s", "total_s", "seconds", "hash", "command")
COMPARE = [
    "compare",
    "--data",
    "diabetes",
    "--models",
    "linear,sklearn_ridge",
    "--save",
    "m",
    "--out",
    "out",
    "--quiet",
]
RUN = ["run", "all", "--quick", "--out", "out", "--quiet"]
STUDIES = ("random-features", "nt-interpolation")


def call(*arguments: str) -> int:
    """Run the command line without a word."""
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        return command_line([*arguments])


def run_studies(*more: str) -> int:
    """Run two studies as "all"."""
    studies.choose = lambda name: [studies.find(one) for one in STUDIES]
    return call(*RUN, *more)


def run_shards(*more: str) -> int:
    """Run a study in two parts, and merge them."""
    parts = ["s1", "s2"]
    runs = [["run", STUDIES[0], "--quick", "--shard", f"{one[1]}/2", "--out", one, *more] for one in parts]
    codes = [call(*run, "--quiet") for run in runs]
    return max(*codes, call("merge", *parts, "--out", "out", *(["--force"] if more else [])))


def fit(model: Callable[[Path], Any], *more: str) -> int:
    """Fit a model whose checkpoint is in this folder, and write what it predicts."""
    checkpoint.BETWEEN_WRITES = checkpoint.SHARE = 0.0
    random = np.random.default_rng(0)
    X = random.normal(size=(200, 3))
    fitted = model(Path("state.npz")).fit(X, np.sin(2 * X[:, 0]))
    with replacing("result.npy") as stream:
        np.save(stream, fitted.predict(X))
    return 0


def kernel_ridge(path: Path) -> Any:
    """Return kernel ridge by conjugate gradients, slow enough to be killed."""
    slow = lambda *_: time.sleep(0.005)  # noqa: E731
    options = {"solver": "pcg", "n_components": 2, "tol": 1e-8, "random_state": 0, "callback": slow}
    return wl.KernelRidge(Laplace(0.5), alpha=0.1, checkpoint=path, **options)


def two_layer(path: Path) -> Any:
    """Return a two-layer network that trains for a moment."""
    return wl.TwoLayerRegressor(width=32, max_iter=60, random_state=0, checkpoint=path)


def cleared(value: Any) -> Any:
    """Return results without what is measured anew each time."""
    if isinstance(value, dict):
        return {key: cleared(part) for key, part in value.items() if key not in MEASURED}
    return [cleared(part) for part in value] if isinstance(value, list) else value


def outcome(folder: Path) -> dict[str, Any]:
    """Return every file below a folder as what it holds; one that cannot be read raises."""
    found: dict[str, Any] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and not is_ours(path.name)):
        name = str(path.relative_to(folder))
        if path.suffix == ".json":
            found[name] = cleared(json.loads(path.read_bytes()))
        elif path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                found[name] = sorted((key, arrays[key].tolist()) for key in arrays.files)
        elif path.suffix == ".npy":
            found[name] = np.load(path, allow_pickle=False).tolist()
        elif path.suffix == ".csv":
            with path.open(encoding="utf-8", newline="") as stream:
                found[name] = [cleared(row) for row in csv.DictReader(stream)]
        elif path.suffix in {".jsonl", ".svg"}:
            found[name] = path.read_text(encoding="utf-8")
        elif path.suffix == ".png":
            found[name] = path.read_bytes().startswith(b"\x89PNG") and path.read_bytes().endswith(b"IEND\xaeB`\x82")
        elif path.name == "m":
            found[name] = fitted.load(path).predict(tables.builtin("diabetes").frame).tolist()
    return found


@dataclass(frozen=True)
class Case:
    """What is killed: a start, what resumes it, and whether its state may differ when it has ended."""

    start: Callable[..., int]
    more: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


CASES = {
    # The figure has seconds, which move all that stands in it.
    "compare": Case(partial(call, *COMPARE), ("--resume",), ignored=("out/compare.svg",)),
    "run": Case(run_studies, ("--resume",)),
    "shards": Case(run_shards, ("--resume",)),
    "KernelRidge": Case(partial(fit, kernel_ridge), ignored=("state.npz",)),
    "TwoLayerRegressor": Case(partial(fit, two_layer), ignored=("state.npz",)),
}


def count_events(kill_at: int, after: bool) -> Callable[[], int]:
    """Count the calls of this process that touch files, and kill it before or after one of them."""
    calls = 0

    def counting(true: Callable[..., Any], *given: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        here = calls == kill_at
        if here and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = true(*given, **named)
        if here:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    for name in EVENTS:
        setattr(os, name, partial(counting, getattr(os, name)))
    return lambda: calls


def process(folder: Path, start: Callable[[], int], kill_at: int = 0, after: bool = False) -> int:
    """Start a process in a folder; return its identity. It writes how many events it had, if it ends."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.chdir(folder)
        tempfile.tempdir = str(folder.with_name("tmp"))
        events = count_events(kill_at, after)
        code = start()
        folder.with_name("events").write_text(str(events()))
    except Exception:  # noqa: BLE001 - the exit code tells the parent
        traceback.print_exc()
    finally:
        os._exit(code)


def ended(child: int) -> int:
    """Wait for a process; return its exit code, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def leftovers(root: Path) -> int:
    """Return how many temporary files, folders and locks of ours there are."""
    return sum(bool(is_ours(path.name) or MADE.fullmatch(path.name)) for path in root.rglob("*"))


@contextlib.contextmanager
def place() -> Any:
    """Yield a fresh folder to work in, with a folder for temporary files beside it."""
    root = Path(tempfile.mkdtemp(prefix="kills-"))
    for name in ("work", "tmp"):
        (root / name).mkdir()
    try:
        yield root / "work"
    finally:
        shutil.rmtree(root, ignore_errors=True)


@dataclass(frozen=True)
class Whole:
    """An uninterrupted process: what it left, how long it took, how many events it had."""

    left: dict[str, Any]
    seconds: float
    events: int

    @classmethod
    def of(cls, case: Case) -> Whole:
        """Run it."""
        with place() as folder:
            started = time.perf_counter()
            code = ended(process(folder, case.start))
            seconds = time.perf_counter() - started
            if code != 0:
                raise RuntimeError(f"The uninterrupted process ended with code {code}.")
            return cls(outcome(folder), seconds, int(folder.with_name("events").read_text()))


def kill(case: Case, whole: Whole, random: np.random.Generator) -> Counter[str]:
    """Kill one process at a random moment and resume it; return what was wrong, and whether it was killed at all."""
    found: Counter[str] = Counter(kills=1)
    with place() as folder:
        if random.random() < 0.5:
            child = process(folder, case.start)
            time.sleep(random.uniform(0, whole.seconds))
            os.kill(child, signal.SIGKILL)
        else:
            kill_at = int(random.integers(1, whole.events + 1))
            child = process(folder, case.start, kill_at, bool(random.random() < 0.5))
        found["in time"] = int(ended(child) == -signal.SIGKILL)
        found["had left"] = leftovers(folder.parent)
        try:
            outcome(folder)
        except Exception as error:  # noqa: BLE001 - whatever it is, the file was not whole
            found["unreadable"] = 1
            print(f"    unreadable: {type(error).__name__}: {error}")
        code = ended(process(folder, partial(case.start, *case.more)))
        if code != 0:
            found["not resumed"] = 1
            print(f"    resumed with exit code {code}")
            return found
        found["left over"] = leftovers(folder.parent)
        left = outcome(folder)
        found["different"] = sum(
            left.get(name) != whole.left.get(name)
            for name in left.keys() | whole.left.keys()
            if name not in case.ignored
        )
    return found


WRONG = ("unreadable", "not resumed", "left over", "different")


def main(arguments: list[str] | None = None) -> int:
    """Kill as often as asked; return 1 if anything was wrong."""
    top = argparse.ArgumentParser(prog="python -m fuzz.kills", description=__doc__.split("\n")[0])
    top.add_argument("--kills", type=int, default=50)
    top.add_argument("--seed", type=int, default=0)
    top.add_argument("--only", choices=sorted(CASES), action="append")
    options = top.parse_args(arguments)
    random = np.random.default_rng(options.seed)
    names = options.only or list(CASES)
    total: Counter[str] = Counter()
    for position, name in enumerate(names):
        number = options.kills // len(names) + (position < options.kills % len(names))
        if number:
            whole = Whole.of(CASES[name])
            found = sum((kill(CASES[name], whole, random) for _ in range(number)), Counter())
            total += found
            words = ", ".join(f"{found[key]} {key}" for key in ("kills", "in time", "had left", *WRONG))
            print(f"{name:<18} {whole.seconds:6.1f} s, {whole.events:4} events: {words}", flush=True)
    return int(any(total[key] for key in WRONG))


if __name__ == "__main__":
    sys.exit(main())
