"""Studies of a user's own: a file that the user names, an entry point, a specification in Python."""

import json
import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import widelearn as wl
from command_line import run_briefly as command
from widelearn.experiments import Spec, studies
from widelearn.experiments.errors import InputError
from widelearn.experiments.studies import sources
from widelearn.experiments.studies.rows import value
from widelearn.experiments.studies.workers import packed_of

EXAMPLES = Path(__file__).parents[2] / "examples"
OWN = """
from widelearn.experiments import Spec
from widelearn.experiments.studies.rows import value
BASE = {base}
def simulate(cell, seed):
    {body}
    return [value("a", 1, BASE + seed[1])]
SPEC = Spec(name="own", about="Mine.", settings={{"n": 1, "draws": 5}}, simulate=simulate)
"""


@pytest.fixture(autouse=True)
def here(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


def own(base=10, body="pass", name="own.py"):
    Path(name).write_text(OWN.format(base=base, body=body), encoding="utf-8")


def test_a_file_runs_resumes_and_is_reported(capsys, tmp_path):
    own()
    code, _, err = command(capsys, "run", "own.py", "--out", "o", "--jobs", "2", "--seeds", "6", "--quiet")
    assert (code, err) == (0, "")
    assert sorted(os.listdir("o/own")) == [
        "figure.csv", "figure.png", "figure.svg", "results.json", "rows.csv", "rows.jsonl",
    ]  # fmt: skip
    (row,) = json.loads(Path("o/own/results.json").read_bytes())["rows"]
    assert (row["simulation"], row["draws"]) == (12.5, 6)
    # Rows of another text are not mixed with these; judged and drawn anew they may be, if the file is named.
    own(base=20)
    code, _, err = command(capsys, "run", "own.py", "--out", "o", "--resume", "--seeds", "7")
    assert (code, "different: code" in err) == (2, True)
    code, _, err = command(capsys, "report", "o")
    assert (code, "name its file by --study FILE.py" in err) == (2, True)
    code, _, err = command(capsys, "report", "o", "--study", "own.py")
    assert (code, "made with other versions: code" in err) == (0, True)
    assert wl.experiments.report("o", study="own.py")["rows"][0]["simulation"] == 12.5


def test_a_name_never_loads_a_file(capsys, tmp_path):
    own(name="gcv", body="open('sung', 'w')")
    own(name="own")
    code, _, err = command(capsys, "run", "own")
    assert (code, "there is no study 'own'" in err, "named with its .py" in err) == (2, True, True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "there is no file own.py"),
        ("x = 1", "own.py has no SPEC: end it with SPEC ="),
        ("SPEC = {'name': 'a'}", "the SPEC of own.py is a dict"),
        ("import widelearn.experiments as e\nSPEC = e.Spec", "the SPEC of own.py is a type"),
        ("def f(:\n", "own.py, line 1: SyntaxError"),
        ("\n\nimport no_such_module", "own.py, line 3: ModuleNotFoundError"),
        ("raise SystemExit(0)", "own.py, line 1: SystemExit: 0"),
        ("\0", "own.py"),
        ("import widelearn.experiments as e\nSPEC = e.Spec(name='a', about='', settings={}, simulate=1)", "5 draws"),
        ("import widelearn.experiments as e\nSPEC = e.Spec(name='a/b', about='', settings={}, simulate=1)", "letters"),
        (OWN.format(base=1, body="pass").replace('"own"', '"gcv"'), "named 'gcv', as one of this package is"),
    ],
)
def test_files_that_are_no_studies_are_one_line(capsys, text, words):
    if text is not None:
        Path("own.py").write_text(text, encoding="utf-8")
    code, out, err = command(capsys, "run", "own.py", "--out", "o", "--quiet")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err
    assert not Path("o").exists()
    for place in ("folder.py", "o"):
        Path(place).mkdir()
    assert "cannot read folder.py" in command(capsys, "run", "folder.py")[2]


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_study_that_fails_names_its_line(capsys, jobs):
    own(body="class Own(Exception): pass\n    raise Own('no')")
    code, out, err = command(capsys, "run", "own.py", "--jobs", jobs, "--quiet")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "own fails: own.py" in err
    assert "Own: no" in err
    assert jobs == 2 or "line 7" in err


@pytest.mark.parametrize(
    ("body", "shown"),
    [("return None", "is None"), ("return [{'a': 1}]", "is {'a': 1}"), ("return value('a', 1, 2)", "is {")],
)
def test_a_draw_that_is_no_rows_says_what_rows_are(capsys, body, shown):
    own(body=body)
    code, _, err = command(capsys, "run", "own.py", "--out", "o", "--jobs", "1", "--quiet")
    assert code == 2
    assert "own.py: TypeError: simulate must return a list of rows.value(series, x, found)" in err
    assert shown in err


@pytest.mark.parametrize("body", ["return []", "return [value('a', 1, float('nan'))]"])
def test_draws_that_found_nothing_are_drawn_without_a_warning(capsys, body):
    own(body=body)
    code, _, err = command(capsys, "run", "own.py", "--out", "o", "--jobs", "1", "--quiet")
    assert (code, err) == (0, "")


def test_entry_points_are_found_and_not_loaded_to_be_listed(capsys, monkeypatch, tmp_path):
    own(name="a_package_of_mine.py")
    monkeypatch.syspath_prepend(tmp_path)
    points = [EntryPoint("mine", f"a_package_of_mine:{name}", sources.GROUP) for name in ("SPEC",)]
    monkeypatch.setattr(sources, "entry_points", lambda group: points)
    assert "\nmine" in command(capsys, "list")[1]
    assert "a_package_of_mine" not in sys.modules
    assert studies.find("mine").name == "own"
    code, _, err = command(capsys, "run", "mien")
    assert (code, "did you mean 'mine'?" in err) == (2, True)
    points.append(EntryPoint("mine", "other:SPEC", sources.GROUP))
    with pytest.raises(InputError, match="two packages offer a study 'mine'"):
        studies.find("mine")
    points[:] = [EntryPoint("broken", "no_such_package:SPEC", sources.GROUP)]
    with pytest.raises(InputError, match="cannot be loaded: ModuleNotFoundError"):
        studies.find("broken")


def made(**more):
    def simulate(cell, seed):
        return [value("a", 1, seed[1] + cell["n"])]

    return Spec(name="made", about="Made.", settings={"n": 1, "draws": 5}, simulate=simulate, **more)


def test_a_specification_in_python():
    found = wl.experiments.run(made(), draws=6, settings={"n": 3}, threads=2, out="o")
    assert found["claims"] == []
    assert (found["threads"], found["settings"], found["rows"][0]["values"]) == (
        2,
        {"n": 3, "draws": 6},
        [3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
    )
    assert wl.experiments.run(made(), draws=6, settings={"n": 3}, threads=2, out="o", resume=True) == found | {
        "machine": found["machine"]
    }
    assert wl.experiments.report("o", study=made())["rows"] == found["rows"]
    assert wl.experiments.run(made(), jobs=2)["rows"] == wl.experiments.run(made())["rows"]
    assert "double-descent" in wl.experiments.studies.NAMES
    assert isinstance(wl.experiments.studies.NAMES, tuple)
    for wrong, words in (
        ({"settings": {"m": 3}}, "no setting 'm'"),
        ({"settings": {"n": "3"}}, "not a whole number"),
        ({"resume": True}, "needs out"),
        ({"jobs": 2, "dask": "tcp://x:1"}, "exclude each other"),
        ({"out": "o"}, "not empty"),
    ):
        with pytest.raises(ValueError, match=words):
            wl.experiments.run(made(), **wrong)
    with pytest.raises(ValueError, match="threads=0"):
        made(threads=0)
    with pytest.raises(AttributeError):
        wl.experiments.runs  # noqa: B018


def test_a_script_without_a_guard_runs_once_and_imports_are_light():
    Path("script.py").write_text(
        "import sys\nimport widelearn as wl\n"
        "assert not {'matplotlib', 'widelearn.experiments'} & set(sys.modules)\n"
        "from widelearn.experiments import Spec\nfrom widelearn.experiments.studies.rows import value\n"
        "def simulate(cell, seed):\n    return [value('a', 1, seed[1])]\n"
        "spec = Spec(name='a', about='', settings={'draws': 6}, simulate=simulate)\n"
        "print(wl.experiments.run(spec, jobs=2)['rows'][0]['simulation'])\n"
        "assert not {'matplotlib', 'dask'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout, done.stderr) == ("2.5\n", "")


def test_functions_of_the_package_travel_by_name():
    assert len(packed_of(studies.find("gcv").simulate)) < 200


def test_the_example_runs_whole_and_as_an_array_of_jobs(capsys, tmp_path, monkeypatch):
    """What stands in for SLURM runs every job of an array in turn, and those that wait for it after."""
    Path("widelearn").write_text(f'#!/bin/sh\nexec {sys.executable} -m widelearn "$@"\n')
    Path("sbatch").write_text(SBATCH)
    for name in ("widelearn", "sbatch"):
        Path(name).chmod(0o755)
    study = str(EXAMPLES / "own_study.py")
    env = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    line = ["./sbatch", "--array=1-2", str(EXAMPLES / "slurm_array.sh"), study, "results", "--quick"]
    done = subprocess.run(line, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert command(capsys, "run", study, "--quick", "--quiet", "--out", "whole")[0] == 0
    whole, merged = Path("whole/finite-ntk"), Path("results/whole/finite-ntk")
    assert (merged / "rows.jsonl").read_bytes() == (whole / "rows.jsonl").read_bytes()
    assert sorted(os.listdir("results")) == ["shard-1", "shard-2", "whole"]
    assert all(one["held"] for one in json.loads((merged / "results.json").read_bytes())["claims"])


SBATCH = r"""#!/bin/bash
# sbatch [--array=1-K] [--dependency=afterok:ID] [--export=ALL] SCRIPT ARGUMENT...
set -euo pipefail
options=()
while [[ $1 == --* ]]; do options+=("$1"); shift; done
script=$1; shift
count=${options[0]#--array=1-}
if [[ " ${options[*]:-} " == *afterok* ]]; then
    printf '%q ' "$script" "$@" > waiting
    exit
fi
export SLURM_ARRAY_JOB_ID=7 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_COUNT=$count SLURM_CPUS_PER_TASK=1
for ((part = 1; part <= count; part++)); do
    SLURM_ARRAY_TASK_ID=$part bash "$script" "$@"
done
MERGE=yes bash -c "bash $(cat waiting)"
"""
