"""Shards of a study, merged, are the whole run; what does not fit together is refused, and a folder is judged anew."""

import json
import shutil
from types import SimpleNamespace

import pytest

import widelearn as wl
from command_line import content
from command_line import run_briefly as command
from made_studies import made_spec
from widelearn import plots
from widelearn.experiments import store, studies
from widelearn.experiments.errors import InputError
from widelearn.experiments.studies import ledger
from widelearn.experiments.studies.shards import Shard

RUN = ["run", "double-descent", "--quick", "--quiet", "--set", "n=40", "--set", "gammas=0.5,2", "--seeds", "12"]


@pytest.fixture(autouse=True)
def here(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def instant(monkeypatch):
    """A study that simulates next to nothing, and draws nothing."""
    found = SimpleNamespace(value=2.0)
    spec = made_spec("double-descent", lambda cell, seed: found.value)
    monkeypatch.setattr(studies, "find", lambda name: spec)
    monkeypatch.setattr(store, "write_figure", lambda path, figure: store.write_text(path, "a figure"))
    monkeypatch.setattr(plots, "study", lambda panels, about: None)
    return found


def rows_in(folder):
    return ledger.load(folder / "double-descent" / "rows.jsonl")[1]


def test_every_unit_is_in_one_shard():
    units = [(cell, draw) for cell in range(3) for draw in range(7)]
    for of in (1, 2, 4, 21, 30):
        parts = [Shard(number + 1, of).units(units) for number in range(of)]
        assert sorted(unit for part in parts for unit in part) == units
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("text", ["0/4", "5/4", "a/b", "1", "1/", "-1/4", "1/0", "1.0/2", "١/٢", "1/4/4"])
def test_wrong_shards_are_refused(capsys, text):
    code, out, err = command(capsys, *RUN, "--shard", text)
    assert (code, out) == (2, "")
    assert "is no k/K with 1 <= k <= K" in err or "expected one argument" in err


def test_shards_merged_are_the_whole_run(capsys, tmp_path):
    assert command(capsys, *RUN, "--out", "whole")[0] in {0, 1}
    for number in range(1, 5):
        code, out, err = command(capsys, *RUN, "--shard", f"{number}/4")
        assert (code, err) == (0, "")
        assert f"Rows of shard {number}/4: widelearn-run-{number}-of-4;" in out
        assert len(rows_in(tmp_path / f"widelearn-run-{number}-of-4")) == 3
    parts = [f"widelearn-run-{number}-of-4" for number in (3, 1, 4, 2)]
    code, out, err = command(capsys, "merge", *parts, "--out", "merged")
    assert code in {0, 1}
    assert err == ""
    one, two = (tmp_path / name / "double-descent" for name in ("whole", "merged"))
    for name in ("rows.jsonl", "rows.csv", "figure.csv", "figure.svg"):
        assert (one / name).read_bytes() == (two / name).read_bytes()
    ours, theirs = (json.loads((folder / "results.json").read_bytes()) for folder in (one, two))
    measured = ("seconds", "hash")
    assert {key: ours[key] for key in ours if key not in measured} == {
        key: theirs[key] for key in theirs if key not in measured
    }
    # What was merged is finished, and a whole run can be merged, too.
    before = content(tmp_path / "merged")
    assert command(capsys, *RUN, "--out", "merged", "--resume")[0] == code
    assert content(tmp_path / "merged") == before
    assert command(capsys, "merge", "merged", "widelearn-run-1-of-4")[0] == code
    assert rows_in(tmp_path / "widelearn-merged") == rows_in(tmp_path / "whole")


def shards(capsys, *numbers, of=3, more=()):
    for number in numbers:
        part = ["--shard", f"{number}/{of}", "--out", f"s{number}"]
        assert command(capsys, "run", "double-descent", "--quiet", *part, *more)[0] == 0


def refused(capsys, *folders, more=()):
    """Merge in vain, which is one line."""
    code, out, err = command(capsys, "merge", *folders, "--out", "merged", *more)
    assert (code, out, err.count("\n")) == (2, "", 1)
    return err


def test_what_is_missing_is_named(instant, capsys, tmp_path):
    shards(capsys, 1, 3)
    assert "5 units of 15 missing, the first is draw 1 of cell 0: run again, with --resume, --shard 2/3" in refused(
        capsys, "s1", "s3"
    )
    assert not (tmp_path / "merged").exists()
    shards(capsys, 2)
    path = tmp_path / "s2" / "double-descent" / "rows.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    assert "missing" in refused(capsys, "s1", "s2", "s3")
    shards(capsys, 2, more=["--resume"])
    assert path.read_bytes() == whole
    assert command(capsys, "merge", "s1", "s2", "s3", "--out", "merged")[0] == 0


def test_what_does_not_fit_together_is_refused(instant, capsys, tmp_path):
    shards(capsys, 1, 2, 3)
    for more, words in (
        (["--seed", "1"], "different: seed"),
        (["--set", "n=2"], "different: n"),
        (["--seeds", "6"], "different: draws"),
        (["--threads", "2"], "different: threads"),
    ):
        shutil.rmtree("s2")
        shards(capsys, 2, more=more)
        assert words in refused(capsys, "s1", "s2", "s3")
    shutil.rmtree("s2")
    instant.value = 2.5
    shards(capsys, 2, of=5)
    err = refused(capsys, "s1", "s2", "s3")
    assert "s1/double-descent and s2/double-descent differ at draw" in err
    assert "there is no folder none" in refused(capsys, "s1", "none")
    (tmp_path / "empty").mkdir()
    assert "empty holds no study" in refused(capsys, "empty")
    assert "is no folder" in refused(capsys, "s1/double-descent/rows.jsonl")
    assert (
        "--out s1/double-descent/rows.jsonl is not a directory"
        in command(capsys, "run", "double-descent", "--out", "s1/double-descent/rows.jsonl")[2]
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace('"value": 2.0', '"value": 2.5', 1), "a line is not as it was written"),
        (lambda text: text.replace('"seed": 0', '"seed": 1', 1), "a line is not as it was written"),
        (lambda text: text[: text.index("\n") // 2], "damaged"),
        (lambda text: "", "damaged"),
        (lambda text: "\0" * 100 + "\n", "damaged"),
        (lambda text: "[" * 100_000 + "\n", "damaged"),
    ],
)
def test_damaged_rows_are_refused(instant, capsys, tmp_path, change, words):
    shards(capsys, 1, 2, 3)
    path = tmp_path / "s2" / "double-descent" / "rows.jsonl"
    path.write_text(change(path.read_text()))
    before = path.read_bytes()
    assert words in refused(capsys, "s1", "s2", "s3")
    code, _, err = command(capsys, "run", "double-descent", "--shard", "2/3", "--out", "s2", "--resume")
    assert (code, words in err) == (2, True)
    assert path.read_bytes() == before


def signed(path, change):
    """Change the first line of rows as somebody would who knows the checksum."""
    header, rows = ledger.load(path)
    change(header)
    ledger.write(path, header, rows)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda one: one["versions"].update(widelearn="9.9"), "is of widelearn 9.9, this is"),
        (lambda one: one.update(schema="widelearn-rows/1"), "is of widelearn"),
        (lambda one: one.update(asked=3), "not of this version"),
        (lambda one: one["asked"].update(shard="7/3"), "is no k/K"),
        (lambda one: one["asked"].update(draws=10**12), "asks for 3,000,000,000,000 units"),
        (lambda one: one["settings"].update(sizes="all"), "is not a list"),
        (lambda one: one["settings"].pop("n"), "settings n are not on both sides"),
        (lambda one: one.update(study="../../etc"), "name its file by --study"),
    ],
)
def test_headers_of_anyone_are_refused(instant, capsys, tmp_path, change, words):
    assert command(capsys, "run", "double-descent", "--quiet", "--out", "out")[0] == 0
    signed(tmp_path / "out" / "double-descent" / "rows.jsonl", change)
    for line in (["merge", "out", "--out", "merged"], ["report", "out"]):
        code, _, err = command(capsys, *line)
        assert (code, words in err, err.count("\n")) == (2, True, 1), err


def test_a_folder_is_judged_and_drawn_anew(instant, capsys, tmp_path):
    assert command(capsys, "run", "double-descent", "--quiet", "--out", "out")[0] == 0
    folder = tmp_path / "out" / "double-descent"
    before = json.loads((folder / "results.json").read_bytes())
    for name in ("results.json", "figure.png", "rows.csv"):
        (folder / name).unlink()
    for path in ("out", "out/double-descent"):
        code, out, err = command(capsys, "report", path)
        assert (code, err) == (0, "")
        assert "two is less than three" in out
    after = json.loads((folder / "results.json").read_bytes())
    assert after["claims"] == before["claims"]
    assert after["rows"] == before["rows"]
    assert (folder / "figure.png").exists()
    signed(folder / "rows.jsonl", lambda one: one["versions"].update(numpy="0.1"))
    code, _, err = command(capsys, "report", "out")
    assert (code, "made with other versions: numpy (0.1, now" in err) == (0, True)
    with pytest.raises(InputError, match="there is no folder"):
        wl.experiments.report("none")
