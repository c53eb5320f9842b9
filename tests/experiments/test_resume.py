"""A stopped comparison goes on, a finished one is not replaced unasked, and a folder of anyone runs nothing."""

import json
import os
import shutil

import numpy as np
import pytest

import widelearn as wl
from command_line import content
from command_line import run_briefly as run
from hostile_files import hostile_files
from instant_methods import NAMES, InstantMethods
from made_tables import frame, problem
from widelearn.experiments import provenance, store
from widelearn.experiments.comparison import command, outputs
from widelearn.runtime.whole_files import claim

COMPARE = ["compare", "t.csv", "--target", "y", "--models", ",".join(NAMES), "--out", "out", "--quiet"]
# Seconds and bytes, which differ between runs of the same.
MEASURED = ("fit_s", "predict_s", "peak_bytes", "tune_s", "total_s")


@pytest.fixture
def methods(monkeypatch, tmp_path):
    return InstantMethods.in_place(monkeypatch, tmp_path)


def rows(folder):
    found = json.loads((folder / "results.json").read_text())["rows"]
    return [{key: value for key, value in row.items() if key not in MEASURED} for row in found]


@pytest.mark.parametrize("stop", [None, *NAMES, "save", "figure", "results", "clear"])
def test_wherever_it_stops_it_ends_the_same(methods, capsys, tmp_path, monkeypatch, stop):
    assert run(capsys, *COMPARE, "--out", "whole", "--save", "whole.model")[0] == 0
    methods.ran.clear()
    with monkeypatch.context() as stopped:
        if stop in NAMES:
            methods.stop = stop
        elif stop is not None:
            original = {"save": "write_model", "figure": "write_figure", "results": "write_json"}.get(stop)
            place, name = (store, original) if original else (command.Journal, "clear")
            true = getattr(place, name)

            def interrupt(*given):
                if stop != "results" or given[0].name == "results.json":
                    raise KeyboardInterrupt
                true(*given)

            stopped.setattr(place, name, interrupt)
        code, _, err = run(capsys, *COMPARE, "--save", "m")
        assert code == (0 if stop is None else 130)
        assert ("--resume goes on" in err) == (stop is not None)
        assert "--force" not in err
    methods.stop = None
    code, _, err = run(capsys, *COMPARE, "--save", "m", "--resume")
    assert code == 0
    assert ("finished: nothing is run" in err) == (stop in {None, "clear"})
    # Each method is fitted once; the best, whose model was not kept, once more.
    assert sorted(methods.ran) == sorted(
        [*NAMES, *(["rbf"] * (stop in {"sklearn_ridge", "save", "figure", "results"}))]
    )
    assert {"compare.png", "held_out.npz", "results.json"} <= set(os.listdir("out")) <= {"held_out.npz", *outputs.FILES}
    assert sorted(os.listdir()) == ["m", "out", "t.csv", "whole", "whole.model"]
    assert rows(tmp_path / "out") == rows(tmp_path / "whole")
    one, two = (wl.load(name) for name in ("m", "whole.model"))
    assert one.about["row"]["model"] == two.about["row"]["model"] == "rbf"
    assert np.array_equal(one.predict(frame(seed=2)), two.predict(frame(seed=2)))
    before = content(tmp_path)
    assert run(capsys, *COMPARE, "--save", "m", "--resume")[0] == 0
    assert content(tmp_path) == before


OTHER = [
    ("--seed", "5", "seed (0, now 5)"),
    ("--target", "b", "target (y, now b)"),
    ("--metric", "rmse", "metric (None, now rmse)"),
    ("--repeat", "2", "repeat (1, now 2)"),
    ("--test-size", "0.5", "test-size (0.25, now 0.5)"),
    ("--threads", "1", "threads (None, now 1)"),
    ("--weight", "w", "weight (None, now w)"),
    ("--save", "m", "save (False, now True)"),
    ("--task", "regression", "task (auto, now regression)"),
    ("table", "", "the values of the table"),
    ("version", "", "scikit-learn"),
]


@pytest.mark.parametrize("finished", [False, True])
def test_another_question_is_refused_with_what_differs(methods, capsys, tmp_path, monkeypatch, finished):
    frame().assign(w=1.5).to_csv("t.csv", index=False)
    methods.stop = None if finished else "sklearn_ridge"
    run(capsys, *COMPARE)
    methods.stop = None
    before = content(tmp_path / "out")
    ran = list(methods.ran)
    for option, value, words in OTHER:
        with monkeypatch.context() as changed:
            more = [option, value] if option.startswith("--") else []
            if option == "version":
                changed.setattr(command, "versions", lambda: provenance.versions() | {"scikit-learn": "0.1"})
            if option == "table":
                frame(seed=1).assign(w=1.5).to_csv("other.csv", index=False)
            arguments = [*COMPARE, *more, "--resume"]
            if option == "table":
                arguments[1] = "other.csv"
            code, out, err = run(capsys, *arguments)
        assert (code, out) == (2, ""), option
        assert words in err
        assert "of another table or other settings" in err
        assert content(tmp_path / "out") == before
    assert methods.ran == ran


def test_force_says_what_it_replaces_and_an_interruption_leaves_it(methods, capsys, tmp_path):
    run(capsys, *COMPARE)
    (tmp_path / "out" / "mine.txt").write_text("mine")
    before = content(tmp_path / "out")
    for resume in ([], ["--resume"]):
        methods.stop = "rbf"
        code, out, _ = run(capsys, *COMPARE, "--seed", "1", "--force", *resume)
        assert code == 130
        assert "Replaced at the end:" in out
        assert {"out/results.json", "out/compare.png"} <= set(out.replace(",", " ").split())
        assert before.items() <= content(tmp_path / "out").items()
    methods.stop, ran = None, len(methods.ran)
    assert run(capsys, *COMPARE, "--seed", "1", "--force", "--resume")[0] == 0
    assert len(methods.ran) == ran + 2
    assert json.loads((tmp_path / "out" / "results.json").read_text())["seed"] == 1
    assert {"compare.png", "mine.txt"} <= set(os.listdir("out")) <= {"held_out.npz", "mine.txt", *outputs.FILES}


@pytest.mark.parametrize("name", ["results.json", "compare.png", "checkpoint.model", "notes.txt", "folder", "link"])
@pytest.mark.parametrize("stopped", [False, True])
def test_what_is_not_ours_is_not_replaced(methods, capsys, tmp_path, name, stopped):
    methods.stop = "rbf" if stopped else "dummy"
    run(capsys, *COMPARE)
    methods.stop = None
    (tmp_path / "out").mkdir(exist_ok=True)
    place = tmp_path / "out" / name
    if name == "folder":
        place.mkdir()
    elif name == "link":
        place.symlink_to("t.csv")
    else:
        place.write_text("mine")
    before = content(tmp_path / "out")
    code, _, err = run(capsys, *COMPARE, "--resume")
    if (name, stopped) != ("compare.png", True):
        assert code == 2
        assert "--force" in err
        assert content(tmp_path / "out") == before


def test_a_model_that_another_run_saved_stays(methods, capsys, tmp_path):
    methods.stop = "rbf"
    run(capsys, *COMPARE, "--save", "m")
    (tmp_path / "m").write_text("mine")
    methods.stop = None
    code, _, err = run(capsys, *COMPARE, "--save", "m", "--resume")
    assert code == 2
    assert "--save m exists" in err
    assert (tmp_path / "m").read_text() == "mine"


def test_one_process_a_folder(methods, capsys, tmp_path):
    (tmp_path / "out").mkdir()
    with claim(tmp_path / "out" / "results.json"):
        for more in ([], ["--force"], ["--resume"]):
            code, _, err = run(capsys, *COMPARE, *more)
            assert code == 2
            assert f"in use by process {os.getpid()}" in err
    assert os.listdir("out") == []


@pytest.mark.parametrize("name", ["checkpoint.json", "results.json"])
def test_a_hostile_folder_runs_nothing(methods, capsys, tmp_path, name, monkeypatch):
    made = problem(frame(), "y")
    monkeypatch.setattr(command, "build", lambda table, request: made)
    methods.stop = "sklearn_ridge" if name == "checkpoint.json" else None
    run(capsys, *COMPARE)
    valid = (tmp_path / "out" / name).read_bytes()
    methods.stop = "dummy"
    codes = []
    for hostile in hostile_files(valid):
        shutil.rmtree("out", ignore_errors=True)
        os.mkdir("out")
        (tmp_path / "out" / name).write_bytes(hostile)
        code, out, err = run(capsys, *COMPARE, "--resume")
        assert "\x1b" not in out + err
        codes.append(code)
        if code == 2:
            assert (tmp_path / "out" / name).read_bytes() == hostile
    assert set(codes) <= {0, 1, 2, 130}
    assert codes.count(2) > (30 if name == "checkpoint.json" else 15)
    for make in (os.mkfifo, lambda path: os.symlink("/dev/zero", path), os.mkdir):
        shutil.rmtree("out", ignore_errors=True)
        os.mkdir("out")
        make(tmp_path / "out" / name)
        code, _, err = run(capsys, *COMPARE, "--resume")
        assert code == 2
        assert "is damaged" in err
    os.truncate(os.open(tmp_path / "huge", os.O_CREAT | os.O_WRONLY), 1 << 36)
    shutil.rmtree("out")
    os.mkdir("out")
    os.rename("huge", tmp_path / "out" / name)
    assert "68719476736 bytes" in run(capsys, *COMPARE, "--resume")[2]
    assert not os.path.exists("sung")
