"""Run methods in processes of their own, one after the other, and follow their progress."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Self

WIDTHS = ("WIDELEARN_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
COMMAND = (sys.executable, "-P", "-m", "widelearn.experiments.comparison.worker")


class Worker:
    """A Python process that loads the packages once and forks a process for each job; none outlives the block.

    A job that crashes, or is out of time, takes nothing with it; the next one starts afresh. Where the system does not
    fork safely each job has a fresh Python process.
    """

    def __init__(self, threads: int | None = None) -> None:
        self.environment = dict(os.environ)
        # the child imports what this process imports, and nothing of the folder it happens to run in
        self.environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        # waiting OpenMP threads that spin take the processor from those they wait for: on a busy machine, boosting with
        # few rows was seen to take a hundred times as long
        self.environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        if threads is not None:
            self.environment |= dict.fromkeys(WIDTHS, str(threads))
            self.environment["LOKY_MAX_CPU_COUNT"] = str(threads)
        self.server: subprocess.Popen[str] | None = None
        self.complaints: IO[bytes] | None = None
        self.late = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def run(
        self,
        folder: Path,
        job: dict[str, Any],
        on_step: Callable[[float], None] | None = None,
        seconds: float | None = None,
    ) -> dict[str, Any]:
        """Run a job of `worker.run`; return its result, or {"error": one line}.

        It reads the problem's arrays in `folder`, tells `on_step` the fraction done, and is ended after `seconds`.
        """
        (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
        self.late = False
        server = self._started()
        clock = None if seconds is None else threading.Timer(seconds, self._stop)
        if clock is not None:
            clock.start()
        try:
            found = self._heard(server, folder, on_step or (lambda fraction: None))
        except BaseException:
            self.end()
            raise
        finally:
            if clock is not None:
                clock.cancel()
        return self._outcome(server, found, seconds)

    def _started(self) -> subprocess.Popen[str]:
        """Return the process that waits for jobs, a new one if the last is gone."""
        if self.server is not None and self.server.poll() is None:
            if self.complaints is not None:
                self.complaints.seek(0)
                self.complaints.truncate()
            return self.server
        self.end()
        self.complaints = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process
        self.server = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.complaints,
            env=self.environment,
            text=True,
            start_new_session=True,
        )
        return self.server

    def _heard(self, server: subprocess.Popen[str], folder: Path, on_step: Callable[[float], None]) -> dict[str, Any]:
        """Send a job and read its messages; return the last of each kind."""
        if server.stdin is None or server.stdout is None:
            return {}
        try:
            server.stdin.write(f"{folder}\n")
            server.stdin.flush()
        except BrokenPipeError:
            return {}
        found: dict[str, Any] = {}
        for line in server.stdout:
            message = json.loads(line)
            if "done" in message:
                on_step(message["done"] / message["of"])
                continue
            found |= message
            if "ended" in message:
                break
        return found

    def _outcome(self, server: subprocess.Popen[str], found: dict[str, Any], seconds: float | None) -> dict[str, Any]:
        """Return what came of a job."""
        if "ended" not in found:
            code = server.wait()
            if self.late:
                self.end()
                return {"error": f"--time-limit ended it: it had {seconds:.1f} s", "stopped": True}
        else:
            code = found["ended"]
        if "result" in found:
            return dict(found["result"])
        if "error" in found:
            return {"error": found["error"]}
        lines: list[str] = []
        if self.complaints is not None:
            self.complaints.seek(0)
            lines = self.complaints.read().decode("utf-8", errors="replace").strip().splitlines()
        return {"error": _how_it_ended(code, lines)}

    def _stop(self) -> None:
        """End the job that is out of time."""
        self.late = True
        self._kill()

    def _kill(self) -> None:
        if self.server is not None and self.server.poll() is None:
            try:
                os.killpg(self.server.pid, signal.SIGKILL)
            except (AttributeError, OSError):
                self.server.kill()

    def end(self) -> None:
        """End the process and what it runs."""
        if self.server is not None:
            self._kill()
            self.server.wait()
            for pipe in (self.server.stdin, self.server.stdout):
                if pipe is not None:
                    try:
                        pipe.close()
                    except BrokenPipeError:
                        continue
            self.server = None
        if self.complaints is not None:
            self.complaints.close()
            self.complaints = None


def _how_it_ended(code: int, lines: list[str]) -> str:
    """Say in one line why a process gave no result."""
    if code < 0:
        more = " (out of memory?)" if code == -9 else ""
        return f"its process was ended by signal {-code}{more}"
    return f"its process ended with code {code}: {lines[-1] if lines else 'it said nothing'}"
