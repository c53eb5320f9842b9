"""A fresh process a method: its memory alone is counted, it may die, it outlives nobody."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from made_tables import curved, problem
from widelearn.experiments.comparison import process, worker
from widelearn.experiments.tables import table as tables
from widelearn.experiments.tables.problem import Request, build


def test_memory_counts_what_this_process_held():
    code = (
        "import numpy as np\nfrom widelearn.experiments.comparison import worker\n"
        "worker.forget_peak(); before = worker.peak(); x = np.ones(40 * 2**20 // 8); del x\n"
        "print(worker.peak() - before)"
    )
    big = np.ones(200 * 2**20 // 8)  # the parent's size must not count
    size = int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    del big
    assert 35 * 2**20 < size < 80 * 2**20
    assert worker.peak() > 0


JOB = {"model": "linear", "task": "regression", "seed": 0, "keep": False, "classes": 0, "metric": "r2"}


def test_a_process_that_dies_is_an_error_row(tmp_path, monkeypatch):
    np.savez(tmp_path / "problem.npz", **problem(curved()).arrays)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    for code, message in (
        ("import os; os.kill(os.getpid(), 9)", "signal 9"),
        ("raise SystemExit('no luck')", "no luck"),
    ):
        (tmp_path / "sitecustomize.py").write_text(code)
        with process.Worker() as worker:
            assert message in worker.run(tmp_path, JOB)["error"]
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sklearn.linear_model as m\nm.Ridge.fit = lambda *given, **more: os.kill(os.getpid(), 9)\n"
    )
    with process.Worker() as worker:
        assert "signal 9" in worker.run(tmp_path, JOB | {"model": "sklearn_ridge"})["error"]
        server = worker.server
        found = worker.run(tmp_path, JOB)
        assert found["cv_score"] > 0.5
        assert worker.server is server
        assert "time-limit" in worker.run(tmp_path, JOB | {"model": "sklearn_mlp"}, None, 0.001)["error"]
        assert worker.run(tmp_path, JOB)["cv_score"] == found["cv_score"]


def test_no_process_outlives_its_parent(tmp_path):
    found = build(tables.builtin("digits"), Request("target"))
    np.savez(tmp_path / "problem.npz", **found.arrays)
    job = JOB | {"model": "sklearn_hist_gradient_boosting", "task": "classification", "classes": 10}
    code = (
        "import sys, pathlib\nfrom widelearn.experiments.comparison import process\n"
        f"job = {job | {'metric': 'accuracy'}}\n"
        "process.Worker().run(pathlib.Path(sys.argv[1]), job, lambda f: print(f, flush=True))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    parent.stdout.readline()
    [server] = children(parent.pid)
    below = [server, *children(int(server))]
    assert len(below) == 2
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and any(running(int(child)) for child in below):
        time.sleep(0.05)
    assert not any(running(int(child)) for child in below)


def children(process):
    return subprocess.run(["pgrep", "-P", str(process)], capture_output=True, text=True).stdout.split()


def running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{process}/stat").read_text().split(")")[1][:3]
