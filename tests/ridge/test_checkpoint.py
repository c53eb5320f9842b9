"""Checkpoints cannot hurt: they are whole, rare, of one problem, and refuse what is damaged by name."""

import io
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from widelearn import TwoLayerRegressor
from widelearn.kernels import Laplace
from widelearn.ridge import checkpoint, pcg


class StopError(Exception):
    """What interrupts a run."""


def problem(rng, n=120):
    X = rng.standard_normal((n, 3))
    return Laplace(0.5)(X), np.sin(X)


def stopped(K, y, path, at=4, **options):
    """Run until an iteration, and leave the state there."""

    def stop(iteration, _):
        if iteration == at:
            raise StopError

    with pytest.raises(StopError):
        pcg(K, y, 1e-3, rank=5, checkpoint=path, callback=stop, **options)


def arrays(path):
    with np.load(path) as found:
        return dict(found)


def test_writes_are_rare(rng, tmp_path, monkeypatch):
    K, y = problem(rng)
    written, replacing = [], checkpoint.replacing
    monkeypatch.setattr(checkpoint, "replacing", lambda path: written.append(path) or replacing(path))
    found = pcg(K, y, 1e-3, rank=0, checkpoint=tmp_path / "a.npz")
    assert found.n_iter > 20
    # A state at the end, and no more in less than a second.
    assert len(written) == 1
    monkeypatch.setattr(checkpoint, "BETWEEN_WRITES", 0.0)
    monkeypatch.setattr(checkpoint, "SHARE", 0.0)
    assert pcg(K, y, 1e-3, rank=0, checkpoint=tmp_path / "b.npz").n_iter == found.n_iter
    assert len(written) == 1 + found.n_iter


def test_time_between_writes_grows_with_theirs(tmp_path, monkeypatch):
    clock = iter(np.arange(10_000) * 0.5)
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: float(next(clock)))
    file = checkpoint.StateFile(tmp_path / "a.npz", "mark")
    file.keep({"a": np.ones(1)})
    file.flush()
    # The write took half a second of this clock: the next one waits for ten times that.
    assert file.due == pytest.approx(float(next(clock)) - 0.5 + checkpoint.SHARE * 0.5)


DAMAGE = {
    "lacks": lambda state: state.pop("R"),
    "lacks the arrays P, R": lambda state: (state.pop("R"), state.pop("P")),
    "where float64 of": lambda state: state.update(X=state["X"][:-1]),
    "where bool of": lambda state: state.update(active=state["active"].astype(float)),
    "array rz is float32": lambda state: state.update(rz=state["rz"].astype(np.float32)),
    "array X is <U1": lambda state: state.update(X=np.full(state["X"].shape, "a")),
    "array X has NaN": lambda state: state.update(X=state["X"] * np.nan),
    "array P has NaN or infinity": lambda state: state.update(P=state["P"] + np.inf),
    "of shape \\(1,\\)": lambda state: state.update(iteration=np.zeros(1, np.int64)),
}


@pytest.mark.parametrize("match", DAMAGE)
def test_missing_and_misshapen_arrays_are_named(match, rng, tmp_path):
    (K, y), path = problem(rng), tmp_path / "a.npz"
    stopped(K, y, path)
    state = arrays(path)
    DAMAGE[match](state)
    np.savez(path, **state)
    with pytest.raises(ValueError, match=rf"a\.npz is no checkpoint: .*{match}.*Remove it, or name another file"):
        pcg(K, y, 1e-3, rank=5, checkpoint=path)


def test_files_that_are_none(rng, tmp_path):
    (K, y), path = problem(rng), tmp_path / "a.npz"
    stopped(K, y, path)
    whole = path.read_bytes()
    contents = [whole[:cut] for cut in rng.integers(1, len(whole), 12)]
    for _ in range(12):
        broken = bytearray(whole)
        # Wherever it falls, a changed byte is found by the checksums, or changes no array.
        broken[rng.integers(len(whole))] ^= 0xFF
        contents.append(bytes(broken))
    contents += [b"", b"PK", b"\x93NUMPY", np.random.default_rng(0).bytes(5000)]
    expected = pcg(K, y, 1e-3, rank=5).coef
    for content in contents:
        path.write_bytes(content)
        try:
            found = pcg(K, y, 1e-3, rank=5, checkpoint=path)
        except ValueError as error:
            assert "a.npz is" in str(error)  # noqa: PT017
        else:
            np.testing.assert_array_equal(found.coef, expected)
    folder, pipe = tmp_path / "folder", tmp_path / "pipe"
    folder.mkdir()
    os.mkfifo(pipe)
    for other in (folder, pipe):
        with pytest.raises(ValueError, match=r"is no checkpoint: .*is not a regular file"):
            pcg(K, y, 1e-3, rank=5, checkpoint=other)


def test_bombs_and_pickles_are_refused_before_arrays_are_made(rng, tmp_path):
    (K, y), path = problem(rng), tmp_path / "a.npz"
    stopped(K, y, path)
    state = arrays(path)
    np.savez_compressed(path, **(state | {"X": np.zeros((1 << 12, 1 << 10))}))
    with pytest.raises(ValueError, match=r"no checkpoint: .*is compressed"):
        pcg(K, y, 1e-3, rank=5, checkpoint=path)
    # A header that promises a terabyte, in a file of a few kilobytes.
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (1 << 37,)})
    np.savez(path, **{name: part for name, part in state.items() if name != "rz"})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("rz.npy", header.getvalue())
    with pytest.raises(ValueError, match=r"array rz is float64 of shape \(137438953472,\)"):
        pcg(K, y, 1e-3, rank=5, checkpoint=path)
    np.savez(path, **(state | {"X": np.array([print], object)}), allow_pickle=True)
    with pytest.raises(ValueError, match="array X is object"):
        pcg(K, y, 1e-3, rank=5, checkpoint=path)
    path.write_bytes(bytes(1 << 20))
    with pytest.raises(ValueError, match=r"has 1048576 bytes: at most \d+ are read"):
        pcg(K, y, 1e-3, rank=5, checkpoint=path)


def test_memory_of_a_checkpoint_counts(rng, tmp_path, monkeypatch):
    (K, y), path = problem(rng), tmp_path / "a.npz"
    stopped(K, y, path)
    file = checkpoint.StateFile(path, "mark")
    monkeypatch.setenv("WIDELEARN_MAX_MEMORY", "20K")
    with pytest.raises(MemoryError, match=r"The checkpoint .*a\.npz needs .* 20 KiB .*WIDELEARN_MAX_MEMORY"):
        file.read({}, 1 << 40)


def test_links_beside_it_are_not_followed_and_the_dead_are_swept(rng, tmp_path):
    (K, y), path = problem(rng), tmp_path / "a.npz"
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "a.npz.part").symlink_to(victim)
    left = tmp_path / ".widelearn-00000000-1-00000000.tmp"
    left.write_bytes(b"half")
    stopped(K, y, path)
    assert victim.read_text() == "precious"
    assert not left.exists()
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        pcg(K, y, 1e-3, checkpoint=tmp_path / "nowhere" / "a.npz")


def test_a_full_disk_is_a_warning(rng, tmp_path, monkeypatch):
    (K, y), path = problem(rng), tmp_path / "a.npz"
    stopped(K, y, path)
    before, expected = path.read_bytes(), pcg(K, y, 1e-3, rank=5)

    def full(*_, **__):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(checkpoint.np, "savez", full)
    with pytest.warns(UserWarning, match=r"checkpoint was not written: .*No space left.*The run goes on"):
        found = pcg(K, y, 1e-3, rank=5, checkpoint=path)
    np.testing.assert_array_equal(found.coef, expected.coef)
    assert path.read_bytes() == before


CHILD = """
import sys, time
import numpy as np
from widelearn.kernels import Laplace
from widelearn.ridge import checkpoint, pcg
checkpoint.BETWEEN_WRITES = checkpoint.SHARE = 0.0
X = np.random.default_rng(0).standard_normal((200, 3))
found = pcg(Laplace(0.5)(X), np.sin(X), 1e-3, rank=5, checkpoint=sys.argv[1], callback=lambda i, r: time.sleep(0.01))
np.save(sys.argv[2], found.coef)
"""


def test_kills_and_two_processes_at_once(tmp_path):
    X = np.random.default_rng(0).standard_normal((200, 3))
    K, y = Laplace(0.5)(X), np.sin(X)
    path, expected = tmp_path / "a.npz", pcg(K, y, 1e-3, rank=5)

    def child(name):
        return subprocess.Popen([sys.executable, "-c", CHILD, str(path), str(tmp_path / name)])

    killed = child("never.npy")
    while not path.exists():
        time.sleep(0.01)
    time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    both = [child("one.npy"), child("other.npy")]
    assert [process.wait() for process in both] == [0, 0]
    for name in ("one.npy", "other.npy"):
        np.testing.assert_array_equal(np.load(tmp_path / name), expected.coef)
    assert sorted(os.listdir(tmp_path)) == ["a.npz", "one.npy", "other.npy"]
    assert pcg(K, y, 1e-3, rank=5, checkpoint=path).n_iter == expected.n_iter


@pytest.mark.parametrize("match", ["lacks the array", "array theta is", "array square is", "history", "has NaN"])
def test_nets_name_what_is_damaged_too(match, rng, tmp_path):
    X, path = rng.standard_normal((60, 3)), tmp_path / "net.npz"
    options = {"width": 8, "random_state": 0, "max_iter": 4, "checkpoint": path}
    whole = TwoLayerRegressor(**options).fit(X, X[:, 0])
    again = TwoLayerRegressor(**options).fit(X, X[:, 0])
    np.testing.assert_array_equal(again.W_, whole.W_)
    state = arrays(path)
    if match == "lacks the array":
        del state["velocity"]
    elif match == "array theta is":
        state["theta"] = state["theta"][:-1]
    elif match == "array square is":
        state["square"] = np.zeros(3)
    elif match == "history":
        state["history"] = np.zeros((2, 4))
    else:
        state["theta"][0] = np.nan
    np.savez(path, **state)
    with pytest.raises(ValueError, match=rf"net\.npz is no checkpoint: .*{match}"):
        TwoLayerRegressor(**options).fit(X, X[:, 0])
    assert Path(path).exists()
