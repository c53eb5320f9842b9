"""Files appear whole or not at all, leftovers of the dead are swept, one process has a path at a time."""

import contextlib
import errno
import os
import resource
import signal
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from widelearn.runtime import whole_files
from widelearn.runtime.whole_files import claim, own_name, read_regular, replacing, sweep


def names(folder):
    return sorted(os.listdir(folder))


def write(path, content):
    with replacing(path) as stream:
        stream.write(content)


def test_a_file_is_replaced_when_the_block_ends_well(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")
    path.chmod(0o640)
    with replacing(path) as stream:
        stream.write(b"new")
        assert path.read_text() == "old"
        assert len(names(tmp_path)) == 2
    assert (path.read_text(), names(tmp_path)) == ("new", ["a"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, OSError(errno.ENOSPC, "full")])
def test_nothing_changes_when_the_block_fails(tmp_path, error):
    path = tmp_path / "a"
    path.write_text("old")
    with contextlib.suppress(RuntimeError, KeyboardInterrupt, OSError), replacing(path) as stream:
        stream.write(b"half")
        raise error
    assert (path.read_text(), names(tmp_path)) == ("old", ["a"])


@pytest.mark.parametrize("length", [1, 200, 255])
def test_long_names_are_names_too(tmp_path, length):
    write(tmp_path / ("é" * (length // 2) + "a" * (length % 2)), b"x")
    assert len(names(tmp_path)) == 1


def test_links_are_replaced_not_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    link = tmp_path / "link"
    link.symlink_to(victim)
    write(link, b"new")
    assert (victim.read_text(), link.read_text(), link.is_symlink()) == ("precious", "new", False)


def test_a_planted_name_is_never_opened(tmp_path, monkeypatch):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    name = own_name()
    (tmp_path / f".{name}.tmp").symlink_to(victim)
    monkeypatch.setattr(whole_files, "own_name", lambda: name)
    with pytest.raises(FileExistsError, match="a'"):
        write(tmp_path / "a", b"new")
    assert victim.read_text() == "precious"


def test_a_full_disk_is_named_and_loses_nothing(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match="too large") as caught:
            write(path, b"x" * 100_000)
        with pytest.raises(OSError, match=r"a'$"), replacing(path) as stream:
            np.save(stream, np.zeros(1000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.filename == str(path)
    assert (path.read_text(), names(tmp_path)) == ("old", ["a"])


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        write(tmp_path / "none" / "a", b"x")
    assert caught.value.filename == str(tmp_path / "none" / "a")


KILLED = """
import importlib.util, sys, time
# The file alone, without what the package loads.
spec = importlib.util.spec_from_file_location("whole_files", sys.argv[2])
alone = importlib.util.module_from_spec(spec)
spec.loader.exec_module(alone)
with alone.claim(sys.argv[1]), alone.replacing(sys.argv[1]) as stream:
    stream.write(b"half"); stream.flush()
    print("ready", flush=True)
    time.sleep(60)
"""


@contextlib.contextmanager
def writer(path):
    """A process that holds a path and has half written it; killed at the end."""
    arguments = [sys.executable, "-c", KILLED, str(path), whole_files.__file__]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()


def test_leftovers_of_the_dead_are_swept_and_those_of_the_living_stay(tmp_path):
    path = tmp_path / "a"
    foreign = [".widelearn-x.tmp", f".{own_name()}.tmp2", "a.tmp", f"{own_name()}.tmpx", ".widelearn-1-2-3.tmp"]
    for name in foreign:
        (tmp_path / name).touch()
    with writer(path) as process:
        made = set(names(tmp_path)) - set(foreign)
        assert len(made) == 2
        sweep(tmp_path)
        write(tmp_path / "b", b"b")
        assert set(names(tmp_path)) == made | {*foreign, "b"}
        message = f"in use by process {process.pid}"
        with pytest.raises(BlockingIOError, match=message), claim(path):
            pass
    assert set(names(tmp_path)) == made | {*foreign, "b"}
    write(tmp_path / "b", b"b")
    assert names(tmp_path) == sorted([*foreign, "b"])


def test_a_dead_process_keeps_nothing(tmp_path):
    with writer(tmp_path / "a"):
        pass
    with claim(tmp_path / "a"):
        write(tmp_path / "a", b"whole")
    assert ((tmp_path / "a").read_bytes(), names(tmp_path)) == (b"whole", ["a"])


def test_without_locks_the_process_decides(tmp_path, monkeypatch):
    class NoLocks:
        LOCK_EX = LOCK_NB = 0

        @staticmethod
        def flock(handle, how):
            raise OSError(errno.ENOSYS, "no locks")

    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    mine = own_name()
    dead = mine.replace(f"-{os.getpid()}-", f"-{ended.pid}-")
    elsewhere = dead.replace(dead[10:18], "0" * 8)
    for name in (mine, dead, elsewhere):
        (tmp_path / f".{name}.tmp").touch()
    monkeypatch.setattr(whole_files, "fcntl", NoLocks)
    with claim(tmp_path / "a"), claim(tmp_path / "a"):
        write(tmp_path / "a", b"x")
    assert names(tmp_path) == sorted([f".{mine}.tmp", f".{elsewhere}.tmp", "a"])
    monkeypatch.setattr(whole_files, "fcntl", None)
    with claim(tmp_path / "a"):
        write(tmp_path / "a", b"y")
    assert names(tmp_path) == sorted([f".{mine}.tmp", f".{elsewhere}.tmp", "a"])


def test_one_claim_a_path(tmp_path):
    again = pytest.raises(BlockingIOError, match=f"process {os.getpid()}")
    with claim(tmp_path / "a"), claim(tmp_path / "b"), again, claim(tmp_path / "a"):
        pass
    with claim(tmp_path / "a"):
        (lock,) = names(tmp_path)
    assert names(tmp_path) == []
    (tmp_path / "victim").write_text("precious")
    for plant in (os.symlink, os.link):
        plant(tmp_path / "victim", tmp_path / lock)
        with pytest.raises(OSError), claim(tmp_path / "a"):  # noqa: PT011 - ELOOP, or ours
            pass
        assert (tmp_path / "victim").read_text() == "precious"
        (tmp_path / lock).unlink()


def in_threads(work):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))


def test_claims_of_many_threads_follow_one_another(tmp_path):
    held, most = [], []

    def work(_):
        while len(most) < 60:
            with contextlib.suppress(BlockingIOError), claim(tmp_path / "a"):
                held.append(1)
                most.append(len(held))
                held.pop()
            sweep(tmp_path)

    in_threads(work)
    assert set(most) == {1}
    assert names(tmp_path) == []


def test_writers_and_sweepers_at_once_lose_nothing(tmp_path):
    def work(number):
        for k in range(20):
            write(tmp_path / f"{number % 2}", bytes([number]) * 1000)
            assert len(set((tmp_path / f"{number % 2}").read_bytes())) == 1, k

    in_threads(work)
    assert names(tmp_path) == ["0", "1"]


def test_only_regular_files_of_a_size_are_read(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 10)
    os.mkfifo(tmp_path / "pipe")
    os.truncate(os.open(tmp_path / "huge", os.O_CREAT | os.O_WRONLY), 1 << 40)
    assert read_regular(tmp_path / "a", 10) == b"x" * 10
    started = time.monotonic()
    for name, message in (
        ("a", "has 10 bytes: at most 9"),
        ("pipe", "not a regular file"),
        (".", "not a regular file"),
        ("/dev/zero", "not a regular file"),
        ("huge", "has 1099511627776 bytes"),
    ):
        with pytest.raises(ValueError, match=message):
            read_regular(tmp_path / name, 9)
    with pytest.raises(FileNotFoundError):
        read_regular(tmp_path / "none", 9)
    assert time.monotonic() - started < 5
