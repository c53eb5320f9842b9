"""The benches run and their sides agree; how fast they are is not a test's business."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_quick_run_agrees_and_writes_its_results(tmp_path):
    command = [sys.executable, "-W", "error", "-m", "benches", "--quick", "--out", str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    assert (tmp_path / "results.png").stat().st_size > 10_000
    assert {row["name"].split()[0] for row in results["jobs"]} >= {"RBF", "NTK"}
    for row in results["jobs"]:
        assert 0 <= row["difference"] <= row["tolerance"], row["name"]
        assert len(row["median_s"]) >= 2
        assert row["ratio"] > 0
    assert set(results["machine"]["matmul_flop_s"]) == {"float32", "float64"}


def test_disagreement_fails_the_run(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    from benches.job import Job, measure

    sides = {"ours": lambda: 1.0, "theirs": lambda: 2.0}
    job = Job("x", "n=1", "float64", 1.5, sides, difference=lambda: 1e-3, tolerance=1e-6)
    row = measure(job, 1)
    assert row["ratio"] == 2.0
    assert row["met"]
    assert not row["agree"]
