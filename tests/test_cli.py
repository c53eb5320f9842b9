"""The command line as a user meets it: results, one-line refusals, exit codes, Ctrl-C."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import pytest

from command_line import run
from source import PACKAGE
from widelearn.experiments.tables import table as tables

pytestmark = pytest.mark.usefixtures("one_worker")
FAST = ["--models", "linear,sklearn_ridge"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def data(rows=120, seed=0):
    random = np.random.default_rng(seed)
    a = random.normal(size=rows)
    frame = pd.DataFrame({"a": a, "b": random.normal(size=rows), "kind": random.choice(list("xyz"), rows)})
    return frame.assign(y=2 * a + 0.1 * random.normal(size=rows), label=np.where(a > 0, "up", "down"), fixed=1)


@pytest.fixture
def csv(folder):
    data().to_csv(folder / "t.csv", index=False)
    return "t.csv"


def test_compare(csv, capsys, folder):
    (folder / "widelearn-compare").mkdir()
    code, out, err = run(capsys, "compare", csv, "--target", "y", *FAST)
    assert code == 0
    # Off a terminal, a plain line for each method.
    assert re.fullmatch(r"(\[\d/\d\] \w+: [\d.-]+ \(\d+\.\d s\)\n)+", err)
    made = folder / "widelearn-compare-2"
    assert {"compare.png", "held_out.npz", "predictions.csv", "report.html", "results.json"} <= set(os.listdir(made))
    results = json.loads((made / "results.json").read_text())
    schema = json.loads((PACKAGE / "experiments" / "schemas" / "compare-2.json").read_text())
    jsonschema.validate(results, schema, jsonschema.Draft202012Validator)
    page = (made / "report.html").read_text()
    assert "widelearn compare t.csv --target y" in page
    assert "problem = build(read(" in page
    for row in results["rows"][1:]:
        assert re.search(rf"{row['model']}\W+{row['score']:.4f} ± {row['score_se']:.4f}", out)
        assert f"alpha {row['params']['alpha']:g}" in out
    assert "dropped, constant: fixed" in out
    assert "t.csv: regression, 5 columns" in out
    assert results["rows"][0]["metric"] == "r2"
    assert (made / "compare.png").read_bytes().startswith(b"\x89PNG")


def test_save_and_predict(csv, capsys, folder):
    code, out, _ = run(capsys, "compare", csv, "--target", "label", "--models", "rbf", "--save", "m.joblib")
    assert code == 0
    assert "Saved rbf" in out
    new = data(seed=1).drop(columns=["label", "fixed"])[["kind", "b", "a", "y"]]
    new.loc[3, "kind"] = "unseen"
    new.to_parquet(folder / "new.parquet")
    code, out, err = run(capsys, "predict", "m.joblib", "new.parquet")
    assert code == 0
    assert err == "widelearn: note: 'kind': 1 cell never seen, taken as none of those known: 'unseen'\n"
    lines = out.splitlines()
    assert (lines[0], len(lines), set(lines[1:])) == ("label", 121, {"up", "down"})
    code, out, err = run(capsys, "predict", "m.joblib", csv, "--out", "p.csv")
    assert (code, out) == (0, "")
    assert re.fullmatch(r"accuracy [01]\.\d{4} ± 0\.\d{4} on the 120 rows with 'label'\n", err)
    assert len(pd.read_csv("p.csv")) == 120
    for arguments, message in (
        (["m.joblib", csv, "--out", "p.csv"], "exists: add --force"),
        (["absent", csv], "no such file: absent"),
        ([csv, csv], "is no model that widelearn saved, it does not begin as one does"),
        (["m.joblib", "absent.csv"], "no such file: absent.csv"),
    ):
        code, out, err = run(capsys, "predict", *arguments)
        assert (code, out) == (2, "")
        assert message in err
        assert err.count("\n") == 1
    new.drop(columns="a").to_csv("short.csv", index=False)
    assert run(capsys, "predict", "m.joblib", "short.csv")[2] == (
        "widelearn: the table lacks columns that the model uses: a, which has kind, b, y\n"
    )


def test_saved_numbers_are_on_the_targets_scale(csv, capsys):
    assert run(capsys, "compare", csv, "--target", "y", "--models", "linear", "--save", "m")[0] == 0
    code, out, err = run(capsys, "predict", "m", csv)
    assert code == 0
    prediction = np.array(out.splitlines()[1:], dtype=float)
    # the noise's share of the variance is 0.01 / 4.01
    assert np.corrcoef(prediction, data()["y"])[0, 1] > 0.99
    assert np.abs(prediction - data()["y"]).max() < 1
    assert err.startswith("r2 0.99")


def test_weights_groups_and_times(capsys, folder):
    frame = data().assign(w=1.5, g=np.arange(120) // 4, t=pd.date_range("2020", periods=120))
    frame.to_csv("t.csv", index=False)
    (folder / "time").mkdir()
    (folder / "time" / "results.json").write_text("old")
    for options, kind in ((["--group", "g"], "group"), (["--time", "t", "--weight", "w", "--force"], "time")):
        arguments = ["compare", "t.csv", "--target", "y", "--models", "linear", *options, "--out", kind]
        code, out, _ = run(capsys, *arguments)
        assert code == 0
        results = json.loads((folder / kind / "results.json").read_text())
        assert results["split"]["kind"] == kind
        assert "not used as features" in out


def test_a_failed_method_gives_code_1(csv, capsys, folder, monkeypatch):
    (folder / "sitecustomize.py").write_text(
        "import sys\nif 'widelearn.experiments.comparison.worker' in sys.orig_argv:\n"
        "    import sklearn.linear_model as m\n    m.Ridge.fit = lambda *a, **k: 1 / 0\n"
    )
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    code, out, _ = run(capsys, "compare", csv, "--target", "y", *FAST, "--out", "out", "--save", "m")
    assert code == 1
    assert re.search(r"sklearn_ridge\W+failed", out)
    assert "ZeroDivisionError: division by zero" in out
    rows = {row["model"]: row for row in json.loads((folder / "out" / "results.json").read_text())["rows"]}
    assert rows["sklearn_ridge"]["error"] == "ZeroDivisionError: division by zero"
    assert rows["linear"]["error"] is None
    assert Path("m").exists()


REFUSALS = [
    (["absent.csv", "--target", "y"], "no such file: absent.csv"),
    (["t.csv"], "--target is missing: name one of the columns a, b"),
    (["t.csv", "--target", "labels"], "no column 'labels' (--target): did you mean 'label'?"),
    (["t.csv", "--target", "fixed"], "the target 'fixed' is constant (always 1)"),
    (["empty.csv", "--target", "y"], "empty.csv is empty"),
    (["header.csv", "--target", "y"], "header.csv has no rows"),
    (["wrong.parquet", "--target", "y"], "wrong.parquet is not a Parquet file"),
    (["wrong.csv", "--target", "y"], "wrong.csv is not text"),
    (["wrong.npz"], "wrong.npz is not an NPZ archive"),
    (["objects.npz"], "holds Python objects, never loaded"),
    (["t.csv", "--target", "y", "--data", "wine"], "not both"),
    (["t.csv", "--target", "y", "--out", "t.csv"], "is not a directory"),
    (["t.csv", "--target", "y", "--out", "t.csv/below"], "cannot write to --out"),
    (["t.csv", "--target", "y", "--out", "."], "not empty: add --force"),
    (["t.csv", "--target", "y", "--save", "t.csv"], "exists: add --force"),
    (["t.csv", "--target", "y", "--save", "t.csv", "--force"], "would replace the table itself"),
    (["t.csv", "--target", "y", "--models", "ntkk"], "did you mean 'ntk'?"),
    (["t.csv", "--target", "y", "--weight", "kind"], "does not hold numbers"),
    (["t.csv", "--target", "y", "--test-size", "0"], "neither a share between 0 and 1 nor a number of rows"),
    (["t.csv", "--target", "y", "--seed", "x"], "argument --seed"),
    (["t.csv", "--target", "y", "--threads", "0"], "argument --threads"),
    (["--data", "iris"], "argument --data"),
    (["--nonsense"], "unrecognized arguments"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSALS, ids=[" ".join(case[0]) for case in REFUSALS])
def test_refusals_are_one_line_and_code_2(csv, capsys, folder, arguments, message):
    (folder / "empty.csv").touch()
    (folder / "header.csv").write_text("a,b,y\n")
    for name in ("wrong.parquet", "wrong.npz"):
        (folder / name).write_bytes((folder / csv).read_bytes())
    data().to_parquet(folder / "right.parquet")
    (folder / "wrong.csv").write_bytes((folder / "right.parquet").read_bytes())
    np.savez(folder / "objects.npz", X=np.array([[{}]], dtype=object), y=np.zeros(1))
    before = sorted(os.listdir(folder))
    code, out, err = run(capsys, "compare", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert err.startswith("widelearn")
    assert sorted(os.listdir(folder)) == before


def test_a_missing_optional_package_is_named(csv, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "rich", None)
    code, out, err = run(capsys, "compare", csv, "--target", "y")
    assert (code, out) == (2, "")
    assert err == "widelearn: rich not installed: pip install 'widelearn[cli]'\n"


def test_defects_are_one_line_too(csv, capsys, monkeypatch):
    from widelearn.experiments.comparison import command

    def broken(*_):
        raise RuntimeError("many\nlines")

    monkeypatch.setattr(command, "build", broken)
    code, _, err = run(capsys, "compare", csv, "--target", "y")
    assert code == 1
    assert err == "widelearn: a defect, RuntimeError: many lines (python -X dev shows where)\n"


def command(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "widelearn", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_leaves_nothing(csv, folder, number, code):
    temporary = folder / "tmp"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}
    process = command("compare", "--out", "deep/out", "--save", "m", env=environment, start_new_session=True)
    deadline = time.monotonic() + 60
    while not list(temporary.glob("widelearn-*/job.json")) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.3)
    os.killpg(process.pid, number)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (code, "")
    assert err == ("widelearn: interrupted\n" if number == signal.SIGINT else "")
    assert sorted(os.listdir(folder)) == ["t.csv", "tmp"]
    assert os.listdir(temporary) == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_comparison_goes_on(csv, folder, number, code, capsys):
    arguments = [
        "compare",
        str(csv),
        "--target",
        "y",
        "--models",
        "linear,random_features,sklearn_ridge",
        "--save",
        "m",
        "--quiet",
    ]
    process = command(*arguments, "--out", "out", start_new_session=True)
    deadline = time.monotonic() + 60
    while not (folder / "out" / "checkpoint.json").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, number)
    _, err = process.communicate(timeout=20)
    assert process.returncode == code
    assert "of 4 methods are kept in out: the same command with --out out --resume goes on" in err
    before = json.loads((folder / "out" / "checkpoint.json").read_text())["done"]["dummy"]["row"]
    for more, refusal in (
        (["--out", "out"], "holds a stopped comparison: --resume goes on with it"),
        (["--resume"], "--resume needs --out"),
        (
            ["--out", "out", "--resume", "--seed", "5"],
            "of another table or other settings: repeat those, or start anew",
        ),
    ):
        failed, _, err = run(capsys, *arguments, *more)
        assert failed == 2
        assert refusal in err
    done, _, err = run(capsys, *arguments, "--out", "out", "--resume")
    assert (done, err) == (0, "")
    assert "checkpoint.json" not in os.listdir(folder / "out")
    rows = json.loads((folder / "out" / "results.json").read_text())["rows"]
    # Times and all: it was not run again.
    assert rows[0] | {"difference": None, "over_dummy": None} == before
    assert [row["error"] for row in rows] == [None] * 4
    assert (folder / "m").exists()


def test_a_damaged_checkpoint_is_refused(csv, folder, capsys):
    (folder / "out").mkdir()
    (folder / "out" / "checkpoint.json").write_text("{", encoding="utf-8")
    arguments = ["compare", str(csv), "--target", "y", "--models", "linear", "--out", "out", "--quiet"]
    code, _, err = run(capsys, *arguments, "--resume")
    assert code == 2
    assert "checkpoint.json is damaged" in err
    code, _, err = run(capsys, *arguments, "--force")
    assert (code, err) == (0, "")


def test_help_says_what_matters(capsys):
    for arguments, words in (
        ([], ["compare", "predict"]),
        (["compare"], ["--target", "--group", "--time", "--weight", "--save", "--force", "--drop-rare", "--threads"]),
        (["predict"], ["data alone", "runs no code", "--encoding"]),
    ):
        code, out, err = run(capsys, *arguments, "--help")
        assert (code, err) == (0, "")
        assert all(word in " ".join(out.split()) for word in words)


def test_the_built_in_tables_are_offered(capsys):
    assert f"--data {{{','.join(tables.BUILTIN)}}}" in run(capsys, "compare", "--help")[1]


def test_help_loads_nothing_heavy():
    code = (
        "import sys\nfrom widelearn.__main__ import main\n"
        "try: main(['compare', '--help'])\nexcept SystemExit: pass\n"
        "rooms = {'widelearn.plots', 'widelearn.experiments.comparison.runner'}\n"
        "heavy = ({'matplotlib', 'rich'} | rooms) & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_a_closed_pipe_is_no_traceback(csv):
    line = f"{sys.executable} -m widelearn compare {csv} --target y --models linear --quiet | true"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
