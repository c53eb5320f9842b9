"""Write results whole or not at all, into no folder that holds the user's own, and read them back as data."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import math
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from widelearn.experiments.errors import InputError, first_line, listing
from widelearn.persistence.layout import write
from widelearn.persistence.model_files import contents
from widelearn.runtime.whole_files import claim, is_ours, probe, read_regular, replacing, sweep

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# So many bytes of JSON are read back at most; results of every method or study take less than a hundredth.
MOST_JSON = 1 << 26


def number(value: float | None) -> float | None:
    """Return a number that JSON knows, None for what is not finite."""
    return None if value is None or not math.isfinite(value) else float(value)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write standard JSON (no NaN, no Infinity), whole or not at all."""
    text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False)
    write_text(path, text + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read an object of standard JSON that anyone may have put there; InputError if it is none."""
    try:
        content = parse(read_regular(path, MOST_JSON))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged, {first_line(error)}: remove it, or start anew by --force") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} is damaged, it holds no object: remove it, or start anew by --force")
    return content


def parse(text: bytes) -> Any:
    """Read standard JSON: no NaN, no Infinity."""
    return json.loads(text, parse_constant=_no_number)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text, whole or not at all; what UTF-8 has no bytes for, as escapes."""
    content = text.encode("utf-8", errors="backslashreplace")
    with replacing(path) as stream:
        stream.write(content)


def write_figure(path: Path, figure: Figure) -> None:
    """Draw a figure as its suffix says, PNG or SVG, whole or not at all."""
    content = drawn(figure, path.suffix.removeprefix("."))
    with replacing(path) as stream:
        stream.write(content)


def drawn(figure: Figure, kind: str) -> bytes:
    """Return a figure as "png" or "svg"; the same figure gives the same bytes.

    Texts of an SVG stay texts, so that a viewer's fonts show what Matplotlib's own lacks.
    """
    from matplotlib import rc_context

    stream = io.BytesIO()
    with rc_context({"svg.hashsalt": "widelearn", "svg.fonttype": "none"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(stream, format=kind, dpi=150, metadata={"Date": None} if kind == "svg" else None)
    return stream.getvalue()


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as CSV, whole or not at all: a column for each key that any of them has, empty where there is none."""
    columns = dict.fromkeys(key for row in rows for key in row)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


@contextlib.contextmanager
def write_model(path: Path, model: Any) -> Iterator[str]:
    """Write a fitted model as data, whole or not at all; yield its digest before it takes its place."""
    try:
        content = contents(model)
    except ValueError as error:
        raise InputError(f"cannot keep the model in {path}: {error}") from error
    with replacing(path) as stream:
        write(stream, *content)
        stream.seek(0)
        yield hashlib.file_digest(stream, "sha256").hexdigest()


def digest(path: Path) -> str:
    """Return the digest of a file, as `write_model` yields it."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest_of(content: Mapping[str, Any]) -> str:
    """Return a digest of what JSON says, whatever the order of its keys."""
    text = json.dumps(content, sort_keys=True, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def differences(found: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    """Say which entries of a question are not what is asked now, empty if none: "seed (3, now 5)"."""
    texts = []
    for key, value in json.loads(json.dumps(asked)).items():
        there = found.get(key)
        if isinstance(value, Mapping) and isinstance(there, Mapping):
            texts += [differences(there, value)]
        elif there != value:
            plain = all(isinstance(one, str | int | float | None) for one in (there, value))
            short = plain and all(len(str(one)) <= 40 for one in (there, value))
            texts += [f"{key} ({there}, now {value})" if short else key]
    return ", ".join(text for text in texts if text)


@contextlib.contextmanager
def reserve(out: str | None, force: bool, default: str, resume: Collection[str] | None = None) -> Iterator[Path]:
    """Make the folder for results, keep other processes out of it, and remove it if it is empty when the block ends.

    Without `out` it is the first free of `default`, `default`-2, ... in the current folder. With `force`, `out` may
    hold files already; those of the same names will be replaced. `resume` are names that it may hold without.
    """
    folder, made = _named(Path(out)) if out is not None else _first_free(default)
    try:
        with claimed(folder):
            others = [name for name in listed(folder) if name not in (resume or ())]
            if others and not force:
                why = "not empty" if resume is None else f"not that of a stopped run, it holds {listing(others)}"
                raise InputError(f"--out {folder} is {why}: add --force to replace results in it")
            yield folder
    finally:
        for path in made:
            with contextlib.suppress(OSError):
                path.rmdir()  # only succeeds while it is empty


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Keep other processes out of a folder, and find out now, not after minutes of work, whether it takes files."""
    with contextlib.ExitStack() as stack:
        try:
            sweep(folder)
            stack.enter_context(claim(folder / "results.json"))
            probe(folder)
        except BlockingIOError as error:
            raise InputError(f"--out {folder} is {error.strerror}") from error
        except OSError as error:
            raise _unwritable(folder, error) from error
        yield


def listed(folder: Path) -> list[str]:
    """Return the names in a folder, none if it is not there; this package's own temporary files do not count."""
    try:
        return sorted(path.name for path in folder.iterdir() if not is_ours(path.name))
    except FileNotFoundError:
        return []


def _unwritable(folder: Path, error: OSError) -> InputError:
    return InputError(f"cannot write to --out {folder}: {error.strerror or first_line(error)}")


def _named(folder: Path) -> tuple[Path, list[Path]]:
    """Check or make a folder that the user named; also return what was made, innermost first."""
    try:
        if folder.is_dir():
            return folder, []
        if folder.exists():
            raise InputError(f"--out {folder} is not a directory")
        made = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True)
    except OSError as error:
        raise _unwritable(folder, error) from error
    return folder, made


def _first_free(default: str) -> tuple[Path, list[Path]]:
    """Make the first of the numbered folders that does not exist."""
    number = 1
    while True:
        folder = Path(default if number == 1 else f"{default}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            sweep(folder)
            number += 1
        except OSError as error:
            raise InputError(
                f"cannot write here: {error.strerror or first_line(error)}; name a folder by --out"
            ) from error
        else:
            return folder, [folder]


def check_save(path: str, force: bool) -> Path:
    """Refuse a file that cannot be written, or that is there already unless `force` is set; return its path."""
    target = Path(path)
    if target.is_dir():
        raise InputError(f"--save {target} is a directory: name a file")
    if target.exists() and not force:
        raise InputError(f"--save {target} exists: add --force to replace it")
    if not target.parent.is_dir():
        raise InputError(f"--save {target}: there is no directory {target.parent}")
    try:
        probe(target.parent)
    except OSError as error:
        raise InputError(f"cannot write to --save {target}: {error.strerror or first_line(error)}") from error
    return target
