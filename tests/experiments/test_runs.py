"""Runs of studies: stopped ones go on, jobs change no row, settings are checked, hostile folders run nothing."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from command_line import content
from command_line import run_briefly as command
from hostile_files import hostile_files
from made_studies import made_spec
from widelearn import plots
from widelearn.experiments import store, studies
from widelearn.experiments.studies import ledger
from widelearn.experiments.studies.judging import Control, Verdict, exchanged
from widelearn.experiments.studies.rows import means, value
from widelearn.experiments.studies.runner import Order, run
from widelearn.experiments.studies.spec import Spec
from widelearn.experiments.studies.workers import Processes

SMALL = ["--quick", "--quiet", "--set", "n=40", "--set", "gammas=0.5,2", "--seeds", "12"]


def rows_in(folder):
    return json.loads((folder / "results.json").read_text(encoding="utf-8"))["rows"]


@pytest.fixture
def ran(monkeypatch, tmp_path):
    """Three studies, and which cells and draws they simulated."""
    monkeypatch.chdir(tmp_path)
    calls = []

    def found(cell, seed):
        if len(calls) == stop.get("after"):
            raise KeyboardInterrupt
        calls.append((cell["x"], seed))
        return 2.0

    stop = {}
    calls_and_stop = calls, stop
    monkeypatch.setattr(studies, "choose", lambda name: [made_spec(one, found) for one in studies.NAMES[:3]])
    monkeypatch.setattr(store, "write_figure", lambda path, figure: store.write_text(path, "a figure"))
    monkeypatch.setattr(plots, "study", lambda panels, about: None)
    return calls_and_stop


def study(capsys, *more):
    return command(capsys, "run", "all", "--quick", "--out", "out", "--quiet", *more)


@pytest.mark.parametrize("after", [0, 1, 7, 15, 22, 44])
def test_a_stopped_run_goes_on_where_it_was(ran, capsys, tmp_path, after):
    calls, stop = ran
    stop["after"] = after
    code, _, err = study(capsys)
    assert code == 130
    assert f"{after // 15} of 3 studies, and the rows of one begun, are kept in out" in err
    assert "the same command with --out out --resume goes on" in err
    stop.clear()
    assert study(capsys)[0] == 2
    before = content(tmp_path / "out")
    code, _, err = study(capsys, "--resume", "--seed", "3")
    assert (code, "seed (0, now 3)" in err) == (2, True)
    assert content(tmp_path / "out") == before
    assert study(capsys, "--resume")[0] == 0
    assert len(calls) == len(set(calls)) * 3 == 45
    found = rows_in(tmp_path / "out" / "latent-space")
    shutil.rmtree("out")
    assert study(capsys)[0] == 0
    assert rows_in(tmp_path / "out" / "latent-space") == found


def test_finished_studies_stay_and_take_more_draws(ran, capsys, tmp_path):
    calls, _ = ran
    assert study(capsys)[0] == 0
    before = content(tmp_path / "out")
    assert study(capsys, "--resume")[0] == 0
    assert content(tmp_path / "out") == before
    assert len(calls) == 45
    assert study(capsys, "--resume", "--seeds", "8")[0] == 0
    assert len(calls) == len(set(calls)) * 3 == 72
    assert {one["draws"] for one in rows_in(tmp_path / "out" / "latent-space")} == {8}
    before = content(tmp_path / "out")
    assert study(capsys, "--resume", "--seeds", "8", "--set", "n=2")[0] == 2
    for fewer in (["--seeds", "7"], ["--set", "draws=5"], []):
        code, _, err = study(capsys, "--resume", *fewer)
        assert (code, "different: draws (8, now" in err, "add --force" in err) == (2, True, True)
        assert content(tmp_path / "out") == before
    assert study(capsys, "--resume", "--force", "--seeds", "6")[0] == 0
    assert {one["draws"] for one in rows_in(tmp_path / "out" / "latent-space")} == {6}
    assert len(calls) == 72
    code, out, _ = study(capsys, "--resume", "--force", "--seed", "3")
    assert code == 0
    assert "Replaced study by study: out/double-descent/rows.jsonl" in out
    assert {json.loads(path.read_text())["seed"] for path in (tmp_path / "out").rglob("results.json")} == {3}
    (tmp_path / "out" / "latent-space" / "mine").touch()
    assert study(capsys, "--resume", "--seed", "3")[0] == 2
    assert command(capsys, "run", "all", "--resume")[0] == 2


def test_an_unfinished_line_is_no_row(tmp_path):
    path, question = tmp_path / "rows.jsonl", {"study": "a"}
    found = {(0, 0): [value("a", 1, 2.0)], (0, 1): [value("a", 1, float("nan"), d=3)]}
    with ledger.Ledger(path, question, {}) as rows:
        for unit, some in found.items():
            rows.add(unit, some)
    assert ledger.load(path) == (question, found)
    whole = path.read_bytes()
    for end in range(whole.index(b"\n") + 1, len(whole)):
        path.write_bytes(whole[:end])
        assert ledger.load(path)[1].items() <= found.items()
    ledger.write(path, question, dict(reversed(found.items())))
    assert path.read_bytes() == whole


def test_hostile_folders_run_nothing(ran, capsys, tmp_path):
    calls, _ = ran
    study(capsys)
    for name in ("results.json", "rows.jsonl"):
        place = tmp_path / "out" / studies.NAMES[1] / name
        valid = place.read_bytes()
        lines = valid.split(b"\n") if name == "rows.jsonl" else [valid]
        for hostile in list(hostile_files(lines[-2] if len(lines) > 1 else valid))[::2]:
            place.write_bytes(b"\n".join([*lines[:-2], hostile, b""]) if len(lines) > 1 else hostile)
            before = place.read_bytes()
            code, out, err = study(capsys, "--resume")
            assert code in {0, 1, 2}
            assert "\x1b" not in out + err
            assert place.read_bytes() == before
        place.write_bytes(valid)
    shutil.rmtree(place.parent)
    place.parent.symlink_to(tmp_path)
    assert study(capsys, "--resume")[0] == 2
    assert len(calls) == 45
    assert not os.path.exists("sung")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("m=3", "there are n, share, sizes, points, word, on, draws"),
        ("siezs=3", "did you mean 'sizes'?"),
        ("n", "write key=value"),
        ("=3", "write key=value"),
        ("n=2.5", "not a whole number, 1 or more, as 1 is"),
        ("n=0", "1 or more"),
        ("n=True", "1 or more"),
        ("n=1+", "1 or more"),
        ("share=-1", "a number, 0 or more, as 0.5 is"),
        ("share=1e999", "0 or more"),
        ("share=nan", "0 or more"),
        ("sizes=1,a", "a list (1,2,...), each a whole number, 1 or more, as 1,2 is"),
        ("sizes=()", "a list"),
        ("on=3", "True or False"),
        ("n=" + "(" * 3000, "1 or more"),
    ],
)
def test_settings_are_checked(ran, capsys, given, words):
    code, out, err = study(capsys, "--set", given)
    assert (code, out) == (2, "")
    assert words in err
    assert ran[0] == []


def test_settings_are_read_by_their_kind():
    texts = {"n": "7", "share": "2", "sizes": "4", "points": "(1, 2), (3, 4.5)", "word": "3", "on": "False"}
    found = Order.of(made_spec(), changes=texts, seeds=9).settings
    right = {
        "n": 7,
        "share": 2.0,
        "sizes": (4,),
        "points": ((1.0, 2.0), (3.0, 4.5)),
        "word": "3",
        "on": False,
        "draws": 9,
    }
    assert found == right
    assert [type(one) for one in found.values()] == [type(one) for one in right.values()]


def test_settings_that_do_not_fit_together_are_one_line(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = command(capsys, "run", "latent-space", *SMALL[:2], "--set", "hidden=300", "--out", "o")
    assert (code, out) == (2, "")
    assert "its settings do not fit together" in err


def test_settings_no_figure_is_drawn_for_simulate_nothing(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = command(capsys, "run", "gcv", *SMALL[:2], "--set", "ridges=0", "--out", "o")
    assert (code, out) == (2, "")
    assert "gcv fails, its settings do not fit together: ValueError" in err
    assert not (tmp_path / "o").exists()


def test_figures_of_settings_alone_are_tried(tmp_path):
    """Of most studies; the others' begin with what was found."""
    silent = {spec.name for spec in studies.choose("all") if not draws_a_figure(spec, spec.settings_for(True))}
    assert len(silent) < len(studies.NAMES) / 4, silent


def draws_a_figure(spec, settings):
    try:
        return bool(spec.panels([], settings))
    except (LookupError, ValueError):
        return False


@pytest.mark.parametrize("fails", ["simulate", "panels"])
def test_files_are_blamed_for_what_was_read_of_them(ran, capsys, tmp_path, monkeypatch, fails):
    """Of a run that goes on, and there for a figure alone: what is simulated does not depend on kept rows."""
    calls, stop = ran
    choose = studies.choose

    def refuse(*_):
        raise ValueError("no")

    monkeypatch.setattr(studies, "choose", lambda name: [replace(one, **{fails: refuse}) for one in choose(name)])
    code, _, err = study(capsys, "--set", "n=2")
    assert (code, "damaged" in err) == (2, False)
    assert "its settings do not fit together: ValueError: no" in err
    shutil.rmtree("out", ignore_errors=True)
    stop["after"] = len(calls) + 7
    with monkeypatch.context() as context:
        context.setattr(studies, "choose", choose)
        assert study(capsys, "--set", "n=2")[0] == 130
    stop.clear()
    code, _, err = study(capsys, "--set", "n=2", "--resume")
    assert (code, "rows.jsonl is damaged" in err) == (2, fails == "panels")


def test_a_failed_claim_is_exit_code_1(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(studies, "choose", lambda name: [made_spec(found=lambda cell, seed: 2.95)])
    code, out, err = command(capsys, "run", "double-descent", "--quiet")
    assert (code, err) == (1, "")
    assert "FAILED" in out
    assert (tmp_path / "widelearn-run" / "double-descent" / "results.json").exists()


@pytest.mark.parametrize("part", ["cells", "verdicts", "controls", "draws"])
def test_a_study_without_a_part_is_refused(part):
    full = made_spec()
    parts = {name: getattr(full, name) for name in full.__dataclass_fields__}
    parts |= {"settings": {"draws": 4}} if part == "draws" else {part: lambda settings: []}
    with pytest.raises(ValueError, match=part.removesuffix("s")):
        run(Order.of(Spec(**parts)))


def test_a_verdict_without_power_does_not_hold():
    rows = means([value(series, 1, 1.0 + draw / 1000) for draw in range(6) for series in ("a", "b")])
    weak = Verdict("", lambda rows: (True, ""), lambda rows: "", exchanged("a", "b"), "b")
    assert not weak.claim(rows).held
    assert Control("", lambda rows: (True, "")).claim(rows).held


def test_jobs_change_no_row(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for jobs in (1, 2):
        code, _, err = command(capsys, "run", "double-descent", *SMALL, "--jobs", jobs, "--out", f"o{jobs}")
        assert code in {0, 1}
        assert err == ""
    one, two = (tmp_path / f"o{jobs}" / "double-descent" for jobs in (1, 2))
    assert rows_in(one) == rows_in(two)
    for name in ("rows.jsonl", "figure.csv", "figure.svg"):
        assert (one / name).read_bytes() == (two / name).read_bytes()


def failing(cell, seed):
    raise ValueError(f"cell {cell['x']}")


def killed(cell, seed):
    os._exit(9)


def test_errors_of_processes_are_told(monkeypatch):
    monkeypatch.setattr("widelearn.experiments.studies.workers.cpu_count", lambda: 2)
    tasks = [((0, draw), {"x": draw}, (0, draw)) for draw in range(3)]
    with Processes(2) as workers:
        with pytest.raises(ValueError, match="cell"):
            list(workers.each(failing, tasks))
        with pytest.raises(OSError, match="fewer --jobs and --resume"):
            list(workers.each(killed, tasks))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_processes_end_with_the_one_that_started_them(tmp_path, how):
    options = ["--quiet", "--jobs", "2", "--out", str(tmp_path / "o"), "--set", "n=150", "--seeds", "999"]
    script = tmp_path / "script.py"
    script.write_text("import sys\nfrom widelearn.__main__ import main\nsys.exit(main())\n", encoding="utf-8")
    command = [sys.executable, script, "run", "double-descent", *options]
    rows = tmp_path / "o" / "double-descent" / "rows.jsonl"
    until = time.monotonic() + 60
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while not (rows.exists() and rows.read_bytes().count(b"\n") > 3) and time.monotonic() < until:
            time.sleep(0.05)
        children = [line.split()[0] for line in _processes() if line.split()[1] == str(process.pid)]
        process.send_signal(how)
        process.wait(timeout=20)
        assert "Traceback" not in process.stderr.read()
    assert children
    assert process.returncode == (130 if how == signal.SIGINT else -9)
    while (left := [line for line in _processes() if line.split()[0] in children]) and time.monotonic() < until:
        time.sleep(0.05)
    assert left == []
    assert len(ledger.load(rows)[1]) >= 3


def _processes():
    """Lines of a process and the one that started it, zombies left out."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid=,stat="], capture_output=True, text=True, check=True).stdout
    return [" ".join(line.split()[:2]) for line in listed.splitlines() if not line.split()[2].startswith("Z")]
