"""Write files whole or not at all, and into no folder that holds the user's own."""

from __future__ import annotations

import contextlib
import json
import math
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from widelearn.experiments.errors import InputError, first_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder, which takes the place of `path` when the block ends well.

    Even if the machine stops in between, `path` is the old file or the whole new one.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make a rename durable, where the file system offers it."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def number(value: float | None) -> float | None:
    """Return a number that JSON knows, None for what is not finite."""
    return None if value is None or not math.isfinite(value) else float(value)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write standard JSON (no NaN, no Infinity), whole or not at all."""
    text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False)
    write_text(path, text + "\n")


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_figure(path: Path, figure: Figure) -> None:
    """Draw a figure as PNG, whole or not at all."""
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)


def write_model(path: Path, model: Any) -> None:
    """Pickle a fitted model by joblib, whole or not at all."""
    import joblib

    with replacing(path) as temporary:
        joblib.dump(model, temporary, compress=3)


@contextlib.contextmanager
def reserve(out: str | None, force: bool, default: str) -> Iterator[Path]:
    """Make the folder for results, and remove it if it is still empty when the block ends.

    Without `out` it is the first free of `default`, `default`-2, ... in the current folder. With `force`, `out` may
    hold files already; those of the same names will be replaced.
    """
    folder, made = _named(Path(out), force) if out is not None else _first_free(default)
    try:
        _probe(folder)
        yield folder
    finally:
        for path in made:
            with contextlib.suppress(OSError):
                path.rmdir()  # only succeeds while it is empty


def _named(folder: Path, force: bool) -> tuple[Path, list[Path]]:
    """Check or make a folder that the user named; also return what was made, innermost first."""
    try:
        if folder.is_dir():
            if any(folder.iterdir()) and not force:
                raise InputError(f"--out {folder} is not empty: add --force to replace results in it")
            return folder, []
        if folder.exists():
            raise InputError(f"--out {folder} is not a directory")
        made = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True)
    except OSError as error:
        raise InputError(f"cannot write to --out {folder}: {error.strerror or first_line(error)}") from error
    return folder, made


def _first_free(default: str) -> tuple[Path, list[Path]]:
    """Make the first of the numbered folders that does not exist."""
    number = 1
    while True:
        folder = Path(default if number == 1 else f"{default}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
        except OSError as error:
            raise InputError(
                f"cannot write here: {error.strerror or first_line(error)}; name a folder by --out"
            ) from error
        else:
            return folder, [folder]


def _probe(folder: Path) -> None:
    """Find out now, not after minutes of work, whether files can be written."""
    probe = folder / f".{secrets.token_hex(4)}.tmp"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(f"cannot write to {folder}: {error.strerror or first_line(error)}") from error


def check_save(path: str, force: bool) -> Path:
    """Refuse a file that cannot be written, or that is there already unless `force` is set; return its path."""
    target = Path(path)
    if target.is_dir():
        raise InputError(f"--save {target} is a directory: name a file")
    if target.exists() and not force:
        raise InputError(f"--save {target} exists: add --force to replace it")
    if not target.parent.is_dir():
        raise InputError(f"--save {target}: there is no directory {target.parent}")
    _probe(target.parent)
    return target
