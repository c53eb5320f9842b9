"""Run one method in a process of its own, and follow its progress."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

WIDTHS = ("WIDELEARN_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")


def run(
    folder: Path, job: dict[str, Any], on_step: Callable[[float], None] | None = None, threads: int | None = None
) -> dict[str, Any]:
    """Run a job of `worker.run` in a fresh Python process; return its result, or {"error": one line}.

    The process never outlives this call. It reads problem.npz in `folder`, and tells `on_step` the fraction done.
    """
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    environment = dict(os.environ)
    # the child imports what this process imports, and nothing of the folder it happens to run in
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    # waiting OpenMP threads that spin take the processor from those they wait for: on a busy machine, boosting with
    # few rows was seen to take a hundred times as long
    environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if threads is not None:
        environment |= dict.fromkeys(WIDTHS, str(threads))
    command = [sys.executable, "-P", "-m", "widelearn.experiments.comparison.worker", str(folder)]
    with tempfile.TemporaryFile() as complaints:
        child = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, env=environment, text=True
        )
        try:
            result = _listen(child, on_step or (lambda fraction: None))
            code = child.wait()
        finally:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    pipe.close()
        if result is not None:
            return result
        complaints.seek(0)
        lines = complaints.read().decode("utf-8", errors="replace").strip().splitlines()
    return {"error": _how_it_ended(code, lines)}


def _listen(child: subprocess.Popen[str], on_step: Callable[[float], None]) -> dict[str, Any] | None:
    """Read the child's messages until its result or error; None if it ends without."""
    if child.stdout is None:
        return None
    for line in child.stdout:
        message = json.loads(line)
        if "result" in message:
            return dict(message["result"])
        if "error" in message:
            return dict(message)
        on_step(message["done"] / message["of"])
    return None


def _how_it_ended(code: int, lines: list[str]) -> str:
    """Say in one line why a process gave no result."""
    if code < 0:
        more = " (out of memory?)" if code == -9 else ""
        return f"its process was ended by signal {-code}{more}"
    return f"its process ended with code {code}: {lines[-1] if lines else 'it said nothing'}"
