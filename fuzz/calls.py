"""The fuzzer: hostile calls by the thousand, of the core's functions, the public functions and every public method.

``python -m fuzz.calls --calls 20000`` starts from the calls of the docstrings' examples and changes their arguments:
type, order, strides, alignment, size, values. Worker processes make them under limits of address space, memory and
time. A call may work, or end in ValueError, TypeError or MemoryError. What else it does is printed with its number,
and the exit code is 1. ``--show NUMBER`` makes one call again, in this process, with its traceback. ``--sweep`` makes
the calls of :mod:`fuzz.sweep` instead: one wrong value at a time, everywhere.
"""

from __future__ import annotations

import argparse
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from fuzz.sweep import SWEEP, Sweep
from fuzz.worker import calls_of, show

ROOT = Path(__file__).parents[1]
# Seconds of a processor and of the clock that a call may take; on a busy machine the clock alone proves nothing.
LIMIT, WAIT, MEMORY = 20.0, 200.0, "200M"
SHOWN, SLOW = 40, 2.0
PANIC = "panicked"


@dataclass
class Worker:
    """A process at its share of the calls, and the call that it is at."""

    share: tuple[int, int, int]
    process: subprocess.Popen[bytes]
    errors: Path
    at: int | None = None
    target: str = ""
    rest: str = ""
    since: float = field(default_factory=time.monotonic)
    worked: float = 0.0

    def hangs(self) -> bool:
        """Whether the call has worked for longer than it may, or waits for what never comes."""
        if self.at is None or (waited := time.monotonic() - self.since) <= LIMIT:
            return False
        return waited > WAIT or processor(self.process.pid) - self.worked > LIMIT


@dataclass(frozen=True)
class Fault:
    """A call that did what no call may do."""

    number: int
    target: str
    what: str


class Campaign:
    """Workers, what they told, and what is left to do."""

    def __init__(self, calls: int, seed: int | str, jobs: int, folder: Path, file: Path) -> None:
        self.calls, self.seed, self.jobs, self.folder, self.file = calls, seed, jobs, folder, file
        self.counts: Counter[str] = Counter()
        self.slow: list[tuple[float, int, str]] = []
        self.faults: list[Fault] = []
        self.selector = selectors.DefaultSelector()

    def run(self) -> None:
        """Make the calls."""
        for job in range(self.jobs):
            self.start((job, self.calls, self.jobs))
        while self.selector.get_map():
            for key, _ in self.selector.select(1.0):
                self.hear(key.data)
            for key in list(self.selector.get_map().values()):
                worker: Worker = key.data
                if worker.hangs():
                    worker.process.kill()
                    self.end(worker, f"hangs: more than {LIMIT:.0f} s")

    def start(self, share: tuple[int, int, int]) -> None:
        """Start a worker at a share of the calls."""
        if share[0] >= share[1]:
            return
        errors = self.folder / f"errors-{share[0]}"
        with errors.open("w") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "fuzz.worker", str(self.file), str(self.seed), *map(str, share)],
                cwd=self.folder,
                env=environment(),
                stdout=subprocess.PIPE,
                stderr=stream,
            )
        self.selector.register(process.stdout, selectors.EVENT_READ, Worker(share, process, errors))

    def hear(self, worker: Worker) -> None:
        """Take what a worker tells, or its end."""
        told = os.read(worker.process.stdout.fileno(), 1 << 16).decode()
        if not told:
            self.ended(worker)
            return
        *lines, worker.rest = (worker.rest + told).split("\n")
        for line in lines:
            mark, number, rest = line.split(" ", 2)
            if mark == ">":
                worker.at, worker.target, worker.since = int(number), rest, time.monotonic()
                worker.worked = processor(worker.process.pid)
                continue
            seconds, found = rest.split(" ", 1)
            if float(seconds) > SLOW:
                self.slow.append((float(seconds), int(number), worker.target))
            self.count(worker, found)
            worker.at = None

    def ended(self, worker: Worker) -> None:
        """Close a worker whose calls are made, or note the call that ended it."""
        code = worker.process.wait()
        said = worker.errors.read_text(errors="replace")
        if worker.at is not None or code:
            self.end(worker, f"ended with {code}: {said[-300:]}")
            return
        self.close(worker)
        if PANIC in said:
            self.faults.append(Fault(-1, "a worker", f"panics: {said[:300]}"))

    def count(self, worker: Worker, found: str) -> None:
        """Count an outcome."""
        kind = found if found in ("ok", "refused") else "fault"
        self.counts[kind] += 1
        if kind == "fault":
            self.faults.append(Fault(worker.at or 0, worker.target, found))

    def end(self, worker: Worker, what: str) -> None:
        """Note a call that ended its worker, and start another after it."""
        self.close(worker)
        if worker.at is None:
            raise RuntimeError(f"A worker {what}")
        self.counts["fault"] += 1
        self.faults.append(Fault(worker.at, worker.target, what.replace("\n", " ")))
        _, last, step = worker.share
        self.start((worker.at + step, last, step))

    def close(self, worker: Worker) -> None:
        """Forget a worker."""
        self.selector.unregister(worker.process.stdout)
        worker.process.stdout.close()
        worker.process.wait()

    def table(self) -> str:
        """Return counts, faults by kind with a number each, and slow calls."""
        lines = [
            f"{self.calls} calls, seed {self.seed}: " + ", ".join(f"{n} {kind}" for kind, n in self.counts.items())
        ]
        kinds: dict[tuple[str, str], list[Fault]] = {}
        for fault in self.faults:
            kinds.setdefault((fault.target, fault.what.split(":")[0]), []).append(fault)
        for (target, _), same in sorted(kinds.items(), key=lambda item: -len(item[1]))[:SHOWN]:
            lines.append(f"{len(same):4} x {target}, as number {same[0].number}: {same[0].what}")
        lines += [f"{seconds:.1f} s: {target}, number {number}" for seconds, number, target in sorted(self.slow)[-5:]]
        return "\n".join(lines)


def processor(pid: int) -> float:
    """Return the seconds that a process has had of processors; those of the clock where the system does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return time.monotonic()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def environment() -> dict[str, str]:
    """Return the variables of workers: few threads, little memory, the campaign to be found."""
    few = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "WIDELEARN_NUM_THREADS": "2"}
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, **few, "WIDELEARN_MAX_MEMORY": MEMORY, "PYTHONPATH": path, "MPLBACKEND": "agg"}


def main(arguments: list[str] | None = None) -> int:
    """Make the calls and print what came of them; the exit code is 1 if there were faults."""
    parser = argparse.ArgumentParser(prog="python -m fuzz.calls", description=__doc__)
    parser.add_argument("--calls", type=int, default=20000, metavar="N", help="how many calls (20000)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="seed of all of them (0)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="J", help="worker processes")
    parser.add_argument("--sweep", action="store_true", help="one wrong value at a time in place of drawn ones")
    parser.add_argument("--show", type=int, metavar="NUMBER", help="make one call in this process")
    parser.add_argument("--recorded", type=Path, metavar="FILE", help="where the valid calls are kept, made if absent")
    options = parser.parse_args(arguments)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        file = (options.recorded or Path(folder) / "calls.pickle").absolute()
        if not file.exists():
            command = [sys.executable, "-m", "fuzz.recording", str(file)]
            subprocess.run(command, cwd=ROOT, env=environment(), check=True)
        seed = SWEEP if options.sweep else str(options.seed)
        calls = calls_of(file, seed)
        if options.show is not None:
            show(calls, options.show)
            return 0
        many = len(calls) if isinstance(calls, Sweep) else options.calls
        campaign = Campaign(many, seed, options.jobs, Path(folder), file)
        campaign.run()
        print(campaign.table())
    print(f"{time.perf_counter() - start:.0f} s")
    return int(bool(campaign.faults))


if __name__ == "__main__":
    sys.exit(main())
