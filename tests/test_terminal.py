"""What reaches the terminal: no control characters, one line for what went wrong, quiet ends, exit codes."""

import json
import os
import resource
import signal
import subprocess
import sys
import unicodedata

import pandas as pd
import pytest

import command_line
from instant_methods import NAMES, InstantMethods
from made_tables import frame
from widelearn.__main__ import main
from widelearn.experiments import store
from widelearn.experiments.errors import visible

ESCAPE = "\x1b[31m\x07\x9b2J\u202e\r\u2028"
COMPARE = ["compare", "t.csv", "--target", "y", "--models", ",".join(NAMES), "--quiet", "--out", "out"]


@pytest.fixture
def methods(monkeypatch, tmp_path):
    return InstantMethods.in_place(monkeypatch, tmp_path)


def run(capsys, *arguments):
    """Run the command line, which never speaks of a defect, or of what terminals obey."""
    code, out, err = command_line.run(capsys, *arguments)
    assert "a defect" not in err
    obeyed = {one for one in out + err if unicodedata.category(one) in {"Cc", "Cf", "Cs", "Zl", "Zp"}} - {"\n"}
    assert obeyed == set()
    return code, out, err


def test_visible():
    assert visible("a ü 数\xa0$ [red]") == "a ü 数\xa0$ [red]"
    assert visible("\x1b[31m\n\u202e\udcff") == "\\x1b[31m\\n\\u202e\\udcff"
    assert len(visible("x" * 10**6)) == 2000


@pytest.mark.parametrize("name", [ESCAPE + ".csv", "\udcff.csv", "$\\frac{$.csv", "[red]x[bold].csv"])
def test_names_of_files_and_columns_are_shown_not_obeyed(methods, capsys, tmp_path, name):
    strange = ESCAPE.replace("\r", "") + "$\\frac{[red]"
    data = frame().rename(columns={"a": strange, "y": f"y{strange}"}).assign(**{f"fixed{strange}": 1})
    data.loc[::40, "kind"] = strange
    with open(name, "w", encoding="utf-8", newline="") as stream:
        data.to_csv(stream, index=False)
    target = pd.read_csv(name).columns[3]
    arguments = [name if one == "t.csv" else target if one == "y" else one for one in COMPARE]
    code, out, err = run(capsys, *arguments, "--save", "m")
    assert (code, err) == (0, "")
    assert "\\x1b[31m" in out
    assert (tmp_path / "out" / "compare.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((tmp_path / "out" / "results.json").read_bytes())["data"]["target"].startswith("y\x1b")
    code, out, err = run(capsys, "predict", "m", name, "--out", "p.csv")
    assert code == 0
    assert "\\x1b[31m" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["compare", ESCAPE],
        ["compare", f"{ESCAPE}.csv", "--target", ESCAPE],
        ["compare", "t.csv", "--target", ESCAPE],
        ["compare", "t.csv", "--target", "y", "--models", ESCAPE],
        ["compare", "t.csv", "--target", "y", "--out", f"t.csv/{ESCAPE}"],
        ["compare", "t.csv", "--target", "y", "--save", f"{ESCAPE}/x"],
        ["compare", "t.csv", f"--{ESCAPE}"],
        ["compare", "t.csv", "--task", ESCAPE],
        ["compare", "t.csv", "--seed", ESCAPE],
        ["predict", ESCAPE, "t.csv"],
        ["run", ESCAPE],
        [ESCAPE],
    ],
)
def test_refusals_show_what_they_refuse(methods, capsys, arguments):
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "\\x1b" in err


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["compare", "--help"], ["list"], COMPARE])
def test_a_closed_pipe_ends_quietly(methods, monkeypatch, capsys, arguments):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        assert main(arguments) == 141
    assert capsys.readouterr().err == ""


def test_closed_pipes_and_streams_of_a_shell(tmp_path):
    line = f"{sys.executable} -m widelearn --version"
    for end, codes in (("| head -1", {"0 0", "141 0"}), (">&- 2>&-", {"0"}), ("< /dev/null >&- | cat", {"0 0"})):
        shell = ["bash", "-c", f"{line} {end}; echo ${{PIPESTATUS[@]}} >{tmp_path}/codes"]
        done = subprocess.run(shell, capture_output=True, text=True, timeout=120, check=True)
        assert done.stderr == ""
        assert (tmp_path / "codes").read_text().strip() in codes


@pytest.fixture
def usual():
    """Let a signal do what it does in a fresh process, whatever other tests left; the handler before comes back."""
    changed = {}

    def usual(number):
        handler = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        changed[number] = signal.signal(number, handler)
        return handler

    yield usual
    for number, handler in changed.items():
        signal.signal(number, signal.SIG_DFL if handler is None else handler)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_signals_keep_what_is_finished(methods, capsys, tmp_path, number, code, usual):
    before = usual(number)
    methods.stop, methods.end = "rbf", lambda: os.kill(os.getpid(), number)
    found, _, err = run(capsys, *COMPARE)
    assert found == code
    assert "2 of 4 methods are kept in out: the same command with --out out --resume goes on" in err
    assert sorted(os.listdir("out")) == ["checkpoint.json", "checkpoint.npz"]
    assert signal.getsignal(number) == before
    methods.stop = None
    assert run(capsys, *COMPARE, "--resume")[0] == 0
    assert methods.ran == list(NAMES)


def test_nohup_is_kept(methods, capsys):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        methods.stop, methods.end = "rbf", lambda: os.kill(os.getpid(), signal.SIGHUP)
        assert run(capsys, *COMPARE)[0] == 0
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("name", ["checkpoint.json", "results.json", "m", "compare.png"])
def test_a_full_disk_loses_nothing(methods, capsys, tmp_path, monkeypatch, name):
    (tmp_path / "m").write_text("old")
    with monkeypatch.context() as full:
        true = store.replacing

        def replacing(path):
            if path.name == name:
                raise OSError(28, "No space left on device", str(path))
            return true(path)

        full.setattr(store, "replacing", replacing)
        code, out, err = run(capsys, *COMPARE, "--save", "m", "--force")
    assert "No space left on device" in err
    assert name in err
    assert err.count("\n") == 1
    # The results are shown, and kept.
    assert "sklearn_ridge" in out
    assert code == (0 if name == "checkpoint.json" else 1)
    assert (tmp_path / "out" / "checkpoint.json").exists() == (code == 1)
    assert (tmp_path / "m").read_bytes() == b"old" or name != "m"
    assert run(capsys, *COMPARE, "--save", "m", "--force", "--resume")[0] == 0
    assert {"compare.png", "held_out.npz", "results.json"} <= set(os.listdir("out"))
    assert not {"checkpoint.json", "checkpoint.npz"} & set(os.listdir("out"))
    assert sorted(set(methods.ran)) == sorted(NAMES)


def test_a_disk_that_is_full_from_the_start(methods, capsys, tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        for limit, words in ((1000, "cannot write to --out out: File too large"), (5000, "File too large")):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
            code, out, err = run(capsys, *COMPARE)
            assert code in {1, 2}
            assert (out, err.count("\n")) == ("", 1)
            assert words in err
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert os.listdir() == ["t.csv"]


@pytest.mark.parametrize("out", ["/proc/none", "/proc/self", "/proc/self/fdinfo/x"])
def test_places_that_cannot_be_written_to(methods, capsys, out):
    code, _, err = run(capsys, *COMPARE[:-1], out)
    assert code == 2
    assert f"cannot write to --out {out}" in err
    assert methods.ran == []


@pytest.mark.parametrize("arguments", [["--version"], COMPARE, ["list"]])
def test_a_limit_that_is_no_number_is_a_refusal(methods, capsys, monkeypatch, arguments):
    monkeypatch.setenv("WIDELEARN_MAX_MEMORY", f"much{ESCAPE}")
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert "WIDELEARN_MAX_MEMORY" in err


def test_a_table_beyond_memory_is_named_with_its_numbers(methods, capsys, monkeypatch):
    monkeypatch.setenv("WIDELEARN_MAX_MEMORY", "10K")
    code, out, err = run(capsys, *COMPARE)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "out of memory: Reading t.csv needs" in err
    assert "10240 bytes" in err
