"""Files appear whole or not at all; folders are reserved and given back."""

import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from widelearn import plots
from widelearn.experiments import scratch, store
from widelearn.experiments.errors import InputError
from widelearn.runtime.whole_files import own_name


def test_files_have_the_usual_permissions(tmp_path):
    (tmp_path / "plain").touch()
    store.write_text(tmp_path / "ours", "x")
    plain, ours = (stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "ours"))
    assert ours == plain


def test_json_is_standard(tmp_path):
    store.write_json(tmp_path / "r.json", {"a": None, "b": "é", "c": [1.5]})
    assert json.loads((tmp_path / "r.json").read_bytes()) == {"a": None, "b": "é", "c": [1.5]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        store.write_json(tmp_path / "r.json", {"a": float("nan")})
    assert json.loads((tmp_path / "r.json").read_bytes())["b"] == "é"


def test_a_killed_writer_leaves_the_old_file_or_the_new_one(tmp_path):
    path = tmp_path / "r.json"
    store.write_json(path, {"rows": []})
    code = (
        "import sys, pathlib; from widelearn.experiments import store\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "for k in range(10**9): store.write_json(path, {'rows': list(range(k % 7 * 20_000))})\n"
    )
    for wait in (0.0, 0.05):
        before = path.stat().st_mtime_ns
        writer = subprocess.Popen([sys.executable, "-c", code, str(path)])
        deadline = time.monotonic() + 60
        while path.stat().st_mtime_ns == before and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(wait)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        rows = json.loads(path.read_bytes())["rows"]
        assert rows == list(range(len(rows)))


def test_the_first_free_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for expected in ("out", "out-2", "out-3"):
        with store.reserve(None, False, "out") as folder:
            (folder / "result").touch()
        assert str(folder) == expected


def test_an_empty_folder_is_given_back(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def fail(out):
        with store.reserve(out, False, "out"):
            raise KeyboardInterrupt

    for out in (None, "named", "deep/er"):
        with pytest.raises(KeyboardInterrupt):
            fail(out)
    assert os.listdir(tmp_path) == []


def test_a_folder_of_the_user_stays(tmp_path):
    (tmp_path / "mine").mkdir()
    with store.reserve(str(tmp_path / "mine"), False, "out"):
        pass
    assert (tmp_path / "mine").is_dir()


def test_a_full_folder_needs_force(tmp_path):
    (tmp_path / "kept").touch()
    with pytest.raises(InputError, match="not empty: add --force"), store.reserve(str(tmp_path), False, "out"):
        pass
    with store.reserve(str(tmp_path), True, "out") as folder:
        assert folder == tmp_path
    assert (tmp_path / "kept").exists()


@pytest.mark.parametrize("name", ["file", "file/below", "\0"])
def test_places_that_take_no_folder(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises((InputError, ValueError)), store.reserve(str(tmp_path / name), True, "out"):
        pass


def test_where_a_model_may_be_saved(tmp_path):
    (tmp_path / "there").touch()
    assert store.check_save(str(tmp_path / "new"), False) == Path(tmp_path / "new")
    assert store.check_save(str(tmp_path / "there"), True) == Path(tmp_path / "there")
    for name, message in (("there", "exists"), ("", "is a directory"), ("no/where", "no directory")):
        with pytest.raises(InputError, match=message):
            store.check_save(str(tmp_path / name), False)
    assert sorted(os.listdir(tmp_path)) == ["there"]


def test_what_dead_processes_left_is_swept_from_every_folder_tried(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / f".{own_name()}.tmp").touch()
    (tmp_path / "out" / "mine.tmp").touch()
    with store.reserve(None, False, "out") as folder:
        assert str(folder) == "out-2"
        assert os.listdir("out") == ["mine.tmp"]


def test_scratch_folders_of_dead_processes_are_swept(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    dead = tmp_path / own_name()
    (dead / "deep").mkdir(parents=True)
    (dead / "deep" / "file").touch()
    (tmp_path / "theirs").mkdir()
    link = tmp_path / own_name()
    link.symlink_to(tmp_path / "theirs")
    with scratch.folder() as mine:
        assert stat.S_IMODE(mine.stat().st_mode) == 0o700
        with scratch.folder() as other:
            assert mine.exists()
            assert other.exists()
        assert sorted(os.listdir(tmp_path)) == sorted([mine.name, link.name, "theirs"])
    assert sorted(os.listdir(tmp_path)) == sorted([link.name, "theirs"])


def test_figures_and_rows_have_the_same_bytes_each_time(tmp_path):
    panel = {"rows": [{"series": "a, b", "x": 1.0, "theory": 0.5, "simulation": None, "se": None}], "xlabel": "x"}
    for kind, begin in (("png", b"\x89PNG"), ("svg", b"<?xml")):
        for name in ("one", "two"):
            store.write_figure(tmp_path / f"{name}.{kind}", plots.study([panel]))
        one, two = ((tmp_path / f"{name}.{kind}").read_bytes() for name in ("one", "two"))
        assert one == two
        assert one.startswith(begin)
    store.write_csv(tmp_path / "rows.csv", [*panel["rows"], {"series": "c", "panel": 2}])
    wanted = 'series,x,theory,simulation,se,panel\n"a, b",1.0,0.5,,,\nc,,,,,2\n'
    assert (tmp_path / "rows.csv").read_text(encoding="utf-8") == wanted
