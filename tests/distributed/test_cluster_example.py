"""The example of a cluster runs on a laptop, an address and SLURM."""

import os
import runpy
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import dask

RECIPE = Path(__file__).parents[2] / "examples" / "dask_cluster.py"
# What stands in for SLURM: a job starts here and now, in a group of processes of its own.
SBATCH = """#!/bin/sh
jobs=$(dirname "$0")
cp "$1" "$jobs/$$.job"
setsid bash "$jobs/$$.job" > "$jobs/$$.log" 2>&1 &
echo $! > "$jobs/$$.pid"
echo "Submitted batch job $$"
"""
SCANCEL = """#!/bin/sh
touch "$(dirname "$0")/$1.cancelled"
kill -TERM -- "-$(cat "$(dirname "$0")/$1.pid")"
"""
PRINTED = ["2 workers, 20 blocks, 2000 rows", "unexplained variance: 0.034", "as on one machine: True"]


def test_recipe_on_a_laptop_and_on_slurm(tmp_path):
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        (tmp_path / name).write_text(text, encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    # A machine without a network has no other interface.
    env = os.environ | {"PATH": path, "DASK_JOBQUEUE__SLURM__INTERFACE": "lo"}
    command = [sys.executable, "-W", "error", str(RECIPE), "--quick"]
    kept = {"env": env, "cwd": tmp_path, "text": True, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    runs = [subprocess.Popen([*command, *where], **kept) for where in ([], ["slurm"])]
    try:
        for run in runs:
            output, errors = run.communicate(timeout=120)
            assert run.returncode == 0, errors[-4000:]
            assert output.splitlines() == PRINTED
    finally:
        for run in runs:
            run.kill()
            run.communicate()
        jobs = list(tmp_path.glob("*.pid"))
        for job in jobs:
            with suppress(ProcessLookupError):
                os.killpg(int(job.read_text()), signal.SIGKILL)
    assert len(jobs) == len(list(tmp_path.glob("*.cancelled"))) == 2
    script = next(tmp_path.glob("*.job")).read_text()
    assert "#SBATCH --cpus-per-task=1" in script
    assert "--nthreads 1" in script


def test_recipe_on_an_address(client, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [str(RECIPE), client.scheduler.address, "--quick"])
    with dask.config.set(scheduler=None):
        runpy.run_path(str(RECIPE), run_name="__main__")
    assert capsys.readouterr().out.splitlines() == PRINTED
