"""Settings of the whole suite, made before anything is imported."""

import os

# scikit-learn skips its checks of array namespaces without it.
os.environ["SCIPY_ARRAY_API"] = "1"

import signal
import subprocess
import sys

import numpy as np
import pytest

import widelearn as wl

# What is started in the background or by nohup ignores these, and so would all processes of the tests.
for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, handler)


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
