"""Settings of the whole suite, made before anything is imported."""

import os

# scikit-learn skips its checks of array namespaces without it.
os.environ["SCIPY_ARRAY_API"] = "1"

import signal
import subprocess
import sys

import numpy as np
import pytest
import threadpoolctl

import widelearn as wl

# Processes of pytest-xdist share the cores: the OpenBLAS threads of two processes on two cores wait for each other in
# loops that cost up to five times what is computed. The core's own threads, the processes that tests start, and a run
# in one process keep every core.
if "PYTEST_XDIST_WORKER_COUNT" in os.environ:
    share = (os.cpu_count() or 1) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    threadpoolctl.threadpool_limits(max(1, share), user_api="blas")

# What is started in the background or by nohup ignores these, and so would all processes of the tests.
# Windows has no SIGHUP.
for name, handler in (("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL)):
    if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) == signal.SIG_IGN:
        signal.signal(getattr(signal, name), handler)


@pytest.fixture
def rng():
    return np.random.default_rng(20261122)


@pytest.fixture
def threads():
    """Let a test set the number of threads; the number before comes back."""
    before = wl.get_num_threads()
    yield wl.set_num_threads
    wl.set_num_threads(before)


@pytest.fixture
def script(tmp_path):
    """Run Python code in a fresh process, warnings as errors; return what it printed, or fail with its traceback."""

    def run(code, *, env=None, timeout=60):
        path = tmp_path / "script.py"
        path.write_text(code, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-W", "error", str(path)],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env={**os.environ, **(env or {})},
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout

    return run


@pytest.fixture(scope="module")
def one_worker():
    """Keep the process that comparisons fork from for the next of them in the file, if its environment is the same.

    To start it anew, with the packages it loads, takes longer than most comparisons of a test; how it starts and ends
    is what tests/experiments/test_process.py and test_kills.py see.
    """
    from widelearn.experiments.comparison.process import Worker

    kept = {}

    def key(worker):
        return tuple(sorted(item for item in worker.environment.items() if item[0] != "PYTEST_CURRENT_TEST"))

    def enter(worker):
        worker.server, worker.complaints = kept.pop(key(worker), (None, None))
        return worker

    def leave(worker, *_):
        if key(worker) in kept:
            worker.end()
        else:
            kept[key(worker)] = worker.server, worker.complaints

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Worker, "__enter__", enter)
        patch.setattr(Worker, "__exit__", leave)
        yield
    for server, complaints in kept.values():
        last = Worker()
        last.server, last.complaints = server, complaints
        last.end()
