"""A folder for the files that processes hand to one another, which is gone when they are."""

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from widelearn.runtime.whole_files import MADE, abandoned, lock, own_name


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """Make a folder that only this user can enter, below TMPDIR, and remove it and those of dead processes."""
    root = Path(tempfile.gettempdir())
    _sweep(root)
    path, handle = _made(root)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(handle)


def _made(root: Path) -> tuple[Path, int]:
    """Make and lock a folder."""
    while True:
        path = root / own_name()
        path.mkdir(mode=0o700)
        with contextlib.suppress(FileNotFoundError):
            handle = os.open(path, os.O_RDONLY)
            lock(handle, wait=True)
            # One that sweeps may have been faster than the lock.
            if path.exists():
                return path, handle
            os.close(handle)


def _sweep(root: Path) -> None:
    """Remove what dead processes of this user left; no others."""
    found = []
    with contextlib.suppress(OSError), os.scandir(root) as entries:
        found = [entry.path for entry in entries if MADE.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)]
    for path in found:
        with contextlib.suppress(OSError), abandoned(Path(path)) as dead:
            state = os.lstat(path)
            if dead and stat.S_ISDIR(state.st_mode) and state.st_uid == os.geteuid():
                shutil.rmtree(path, ignore_errors=True)
