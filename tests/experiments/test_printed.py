"""The printed table on terminals of any width, and lines of progress where there is no terminal."""

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

import compared_results
from compared_results import pair, row
from widelearn.experiments import progress, report_page
from widelearn.experiments.comparison.printed import print_comparison
from widelearn.experiments.progress import Progress

LONGEST = "sklearn_hist_gradient_boosting"


def lines(width, results=None):
    stream = io.StringIO()
    if results is None:
        results = compared_results.classification()
        results["rows"].append(row(LONGEST, 0.6, 0.6, difference=pair(-0.33, 0.02)))
    print_comparison(results, Console(width=width, file=stream))
    return [line.rstrip() for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("width", "head"),
    [
        (40, ["model", "accuracy"]),
        (80, ["model", "accuracy", "cross-val.", "total s"]),
        (100, ["model", "accuracy", "cross-val.", "total s", "beside"]),
        (
            160,
            ["model", "accuracy", "cross-val.", "total s", "beside", "fit s", "predict s", "memory", "rows", "chosen"],
        ),
    ],
)
def test_a_row_is_a_line_at_any_width(width, head):
    found = lines(width)
    assert max(map(len, found)) <= width
    first = next(place for place, line in enumerate(found) if line.startswith("model"))
    assert found[first].split() == " ".join(head).split()
    table = found[first + 1 : first + 7]
    names = [line.split()[0] for line in table]
    assert names[:3] + names[4:] == ["ntk", "rbf", "linear", "dummy", "taylor"]
    assert names[3] == (LONGEST if width > 40 else f"{LONGEST[:15]}…")
    assert "0.9300 (0.906–0.954)" in table[0]
    assert "failed" in table[5]
    said = " ".join(found)
    assert "the two cannot be told apart." in said
    assert "taylor failed: ValueError: <b>no</b>" in said
    assert "rbf was stopped by --time-limit" in said


def test_nothing_is_cut_off_at_any_width():
    # A method's long name alone is, where a score would not fit beside it.
    results = compared_results.classification()
    for width in range(40, 180):
        assert not any("…" in line for line in lines(width, results)), width


def test_markup_and_control_characters_are_shown():
    results = compared_results.classification()
    results["rows"][1]["model"] = results["chosen"] = "[bold]x\x1b[0m"
    found = "\n".join(lines(100, results))
    assert "[bold]x\\x1b[0m" in found
    assert "\x1b" not in found


def test_a_line_a_step_off_a_terminal(capsys, monkeypatch):
    moments = iter([0.0, 4.1, 5.0, 6.0])
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: next(moments)))
    with Progress(["ntk", "rbf"], quiet=False) as step:
        step("ntk", 0.5)
        step("ntk", 1.0, "0.93")
        step("ntk", 1.0)
        step("rbf", 1.0)
    assert capsys.readouterr() == ("", "[1/2] ntk: 0.93 (4.1 s)\n[2/2] rbf (0.9 s)\n")
    with Progress(["ntk"], quiet=True) as step:
        step("ntk", 1.0)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("setting", "colors"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"CLICOLOR": "0"}, False), ({"TERM": "dumb"}, False)],
)
def test_colors_are_left_out_where_asked(monkeypatch, setting, colors):
    for name in ("NO_COLOR", "CLICOLOR", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ({"TERM": "xterm-256color"} | setting).items():
        monkeypatch.setenv(name, value)
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdout", stream)
    print_comparison(compared_results.classification(), report_page.console())
    assert ("\x1b[31m" in stream.getvalue()) == colors


def test_paths_are_printed_as_they_are(capsys):
    report_page.say("Results: run[bold]x/results.json")
    assert capsys.readouterr().out == "Results: run[bold]x/results.json\n"
