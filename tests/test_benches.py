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
    assert {row["name"].split()[0] for row in results["jobs"]} >= {"RBF", "NTK", "words,", "sparse"}
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


def test_methods_are_compared_on_tables_and_runs_go_on(tmp_path):
    out = tmp_path / "tables.json"
    command = [sys.executable, "-W", "error", "-m", "benches.tables", "--out", str(out), "--limit", "300"]
    command += ["--only", "iris", "wine", "--methods", "recursive", "dummy"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    found = json.loads(out.read_text())
    assert {(row["table"], row["method"], row["split"]) for row in found["rows"]} == {
        (table, method, split) for table in ("iris", "wine") for method in ("recursive", "dummy") for split in range(3)
    }
    assert all(row["score"] > 0.85 for row in found["rows"] if row["method"] == "recursive")
    (best,) = found["summary"]
    assert (best["tables"], best["rank"], best["wins"], best["stopped"], best["failed"]) == (2, 1.0, 2, 0, 0)
    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stdout + again.stderr
    assert json.loads(out.read_text()) == found


def test_machines_stand_beside_their_kernels_and_runs_go_on(tmp_path):
    out = tmp_path / "alone.json"
    command = [sys.executable, "-W", "error", "-m", "benches.alone", "--out", str(out), "--train", "80"]
    command += ["--only", "iris", "wine"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    found = json.loads(out.read_text())
    assert run.returncode == int(any(one["too_large"] for one in found["summary"])), run.stdout + run.stderr
    assert [(row["table"], row["split"]) for row in found["rows"]] == [
        (name, split) for name in ("iris", "wine") for split in range(10)
    ]
    assert all(one["kernel"] > 0.85 and one["machine"] > 0.85 for one in found["summary"])
    subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert json.loads(out.read_text()) == found


def test_losses_beside_a_kernel_are_counted(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    from benches.alone import summary

    row = {
        "table": "a",
        "rows": 9,
        "columns": 2,
        "kernel": 0.8,
        "machine": 0.8,
        "loss": 0.0,
        "error": 1.0,
        "iteration": 0,
    }
    lost = row | {"machine": 0.7, "loss": 12.5, "iteration": 2}
    (one,) = summary([row] * 9 + [lost])
    assert (one["too_large"], one["learned"], one["largest_loss"]) == (2, 1, 12.5)
    assert summary([row] * 9 + [lost | {"error": 9.0}])[0]["too_large"] == 1
    assert summary([row] * 10)[0]["too_large"] == 0


def test_fits_that_take_too_long_or_fail_are_counted(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    from benches import tables

    path = tmp_path / "digits.npz"
    tables.write_table("digits", None, path)
    # A fit of 1,257 rows takes longer than no time at all.
    stopped = tables.measured(sys.executable, path, "recursive", 0.0)
    assert stopped == [{"stopped": 0.0}] * 3
    failed = tables.measured(sys.executable, path, "no such method", 60.0)
    assert failed == [{"failed": "KeyError: 'no such method'"}] * 3
    rows = [{"table": "digits", "method": "a"} | row for row in stopped]
    rows += [{"table": "digits", "method": name, "score": score} for name, score in (("b", 0.5), ("dummy", 0.1))]
    assert [(one["method"], one["rank"], one["share"]) for one in tables.summary(rows)] == [("b", 1, 1), ("a", 2, 0)]


def test_what_a_fit_takes_is_measured_and_long_ones_are_stopped(tmp_path):
    out = tmp_path / "costs.json"
    command = [sys.executable, "-W", "error", "-m", "benches.costs", "--quick", "--out", str(out), "--only"]
    run = subprocess.run([*command, "GradientFlowC"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    found = json.loads(out.read_text())
    assert [(row["estimator"], row["outcome"]) for row in found["fits"]] == [("GradientFlowClassifier", "ended")] * 2
    assert all(row["seconds"] > 0 and row["bytes"] >= 0 for row in found["fits"])
    assert found["columns"] == 20
    # A process takes longer than that to load.
    run = subprocess.run([*command, "KernelRidgeCV", "--limit", "0.01"], cwd=ROOT, check=False)
    assert run.returncode == 0
    (row,) = json.loads(out.read_text())["fits"]
    assert row == {"estimator": "KernelRidgeCV", "rows": 200, "outcome": "stopped", "limit": 0.01}


def test_names_of_no_estimator_are_told(monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(ROOT))
    from benches import costs

    assert costs.main(["--only", "Nobody"]) == 2
    assert capsys.readouterr().err == "no estimator's name holds 'Nobody'\n"
