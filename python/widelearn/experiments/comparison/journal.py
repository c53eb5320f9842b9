"""What a comparison has found so far, kept on disk as data so that a stopped one can continue."""

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from widelearn.experiments import store
from widelearn.experiments.comparison.rows import Kept
from widelearn.experiments.comparison.scores import ALL
from widelearn.experiments.errors import InputError, complain
from widelearn.runtime.whole_files import read_regular, replacing

FILE = "checkpoint.json"
SCHEMA = "widelearn-checkpoint/3"
# What the methods said of the held-out rows: a finished comparison keeps it, so that methods can be added.
HELD_OUT, SO_FAR = "held_out.npz", "checkpoint.npz"
RESULTS = ("results.json", "compare.png")
# What a method's row holds; numbers may be missing, those of a method that did not fail only in part.
TEXTS = ("model", "package", "metric")
SCORES = ("cv_score", "cv_se", "score", "score_se")
NUMBERS = (*SCORES, "settings", "n_used", "tune_s", "fit_s", "predict_s", "total_s", "peak_bytes")
MEASURED = ("fit_s", "predict_s", "n_used")
FLAGS, TABLES, LISTS = ("stopped", "weighted"), ("scores", "scores_se"), ("edge", "repeats")
OTHERS = ("interval", "difference", "over_dummy", "params", "error")
LARGEST = 1e300
# So many bytes of what methods said are read back at most.
MOST_BYTES = 1 << 31


class Journal:
    """The finished methods of a comparison, written at the end of each, whole or not at all.

    With `resume`, what an earlier run left is taken up; if it is of another question, or damaged, it is refused.
    Without, it stays until the first method is finished.
    """

    def __init__(self, folder: Path, question: dict[str, Any], resume: bool) -> None:
        self.folder, self.question = folder, question
        self.done: dict[str, dict[str, Any]] = {}
        # The digest of the saved model, from shortly before it takes its place.
        self.saved: str | None = None
        self.failed = False
        if resume:
            self._read()

    @property
    def path(self) -> Path:
        """Return the file that holds it."""
        return self.folder / FILE

    def _read(self) -> None:
        if not self.path.exists():
            return
        content = store.read_json(self.path)
        models = self._models_of(self.path, content.get("question"))
        done = content.get("done")
        if content.get("schema") != SCHEMA or not isinstance(done, dict) or not done.keys() <= models.keys():
            raise InputError(f"{self.path} is damaged: remove it, or start anew by --force without --resume")
        for name, entry in done.items():
            if not _is_entry(name, entry):
                raise InputError(f"{self.path} is damaged at {name}: remove it, or start anew by --force")
        self.saved = content.get("saved")
        self._take(done, SO_FAR)
        self.question["models"] = {name: models[name] for name in self.done} | self.models

    def _take(self, done: dict[str, Any], file: str) -> None:
        """Take up methods, those whose predictions are there as they were; the others run again."""
        kept = _read_held_out(self.folder / file)
        for name, entry in done.items():
            arrays = kept.get(name, {})
            failed = entry["row"]["error"] is not None
            if failed or (arrays and mark(arrays) == entry["mark"]):
                self.done[name] = entry | {"kept": None if failed else Kept.from_arrays(arrays)}

    def refuse_another(self, path: Path, question: object) -> None:
        """Raise InputError unless the question of a file is the one that is asked now."""
        if not isinstance(question, dict):
            raise InputError(f"{path} is damaged, or of another version: remove it, or start anew by --force")
        if other := store.differences(question, self.question):
            raise InputError(
                f"{path} is of another table or other settings: repeat those, or start anew by --force; different: "
                f"{other}"
            )

    def add(self, name: str, row: dict[str, Any], warnings: list[str], kept: Kept | None) -> None:
        """Keep a method's row and warnings, and what it said of the held-out rows."""
        digest = None if kept is None else mark(kept.arrays())
        self.done[name] = {"row": row, "warnings": warnings, "kept": kept, "mark": digest}
        self._write()

    def save(self, digest: str) -> None:
        """Keep the digest of the model that is about to take its place."""
        self.saved = digest
        self._write()

    def entries(self) -> dict[str, Any]:
        """Return what JSON holds of the finished methods."""
        return {name: {key: entry[key] for key in ("row", "warnings", "mark")} for name, entry in self.done.items()}

    def marks(self) -> dict[str, Any]:
        """Return what results.json holds of the finished methods beside their rows."""
        return {name: {key: entry[key] for key in ("warnings", "mark")} for name, entry in self.done.items()}

    def _write(self) -> None:
        """Write all of it; a disk that is full stops no comparison, whose results may still find room or be printed.

        Predictions first: what the other file names is there.
        """
        content = {"schema": SCHEMA, "question": self.question, "done": self.entries(), "saved": self.saved}
        try:
            self.write_held_out(SO_FAR)
            store.write_json(self.path, content)
        except OSError as error:
            if not self.failed:
                complain(f"{self.path} is not written, so that --resume will know less: {error.strerror}")
            self.failed = True

    def write_held_out(self, file: str = HELD_OUT) -> None:
        """Write what the methods said of the held-out rows."""
        arrays = {
            f"{name}/{key}": array
            for name, entry in self.done.items()
            if entry["kept"] is not None
            for key, array in entry["kept"].arrays().items()
        }
        with replacing(self.folder / file) as stream:
            np.savez(stream, **arrays)

    def finished(self) -> dict[str, Any] | None:
        """Return the results of this question if the folder holds them, whole; refuse those of another.

        Where further methods are asked for, None: the rows that are there are taken up, and asked for, too.
        """
        path = self.folder / RESULTS[0]
        if not path.exists():
            return None
        results = store.read_json(path)
        there = results.get("question")
        models = self._models_of(path, there)
        if self.models.keys() <= models.keys():
            return results
        earlier, done = self.done, _entries_of(results)
        if done.keys() != models.keys() or not all(map(_is_entry, done, done.values())):
            raise InputError(f"{path} is damaged: name another --out, or start anew by --force")
        self.done = {}
        self._take(done, HELD_OUT)
        self.done |= earlier
        self.question["models"] = models | self.models
        return None

    def _models_of(self, path: Path, question: object) -> dict[str, Any]:
        """Return the models of a file's question; refuse it if it is another one, but for models that are not asked."""
        models = question.get("models") if isinstance(question, dict) else None
        if isinstance(question, dict) and isinstance(models, dict):
            same = {name: models.get(name, what) for name, what in self.models.items()}
            self.refuse_another(path, question | {"models": same})
            return models
        raise InputError(f"{path} is damaged, or of another version: remove it, or start anew by --force")

    @property
    def models(self) -> dict[str, Any]:
        """Return what is asked for: names, and of the user's own estimators what they are."""
        return dict(self.question["models"])

    def clear(self) -> None:
        """Remove what only a stopped comparison needs."""
        self.path.unlink(missing_ok=True)
        (self.folder / SO_FAR).unlink(missing_ok=True)


def _is_entry(name: str, entry: object) -> bool:
    """Whether what a file says of a method has the form that `Journal.add` gives it."""
    if not isinstance(entry, dict) or entry.keys() != {"row", "warnings", "mark"}:
        return False
    row, warned = entry["row"], entry["warnings"]
    if not isinstance(row, dict) or row.keys() != {*TEXTS, *NUMBERS, *FLAGS, *TABLES, *LISTS, *OTHERS}:
        return False
    failed = row["error"] is not None
    return (
        row["model"] == name
        and isinstance(warned, list)
        and all(isinstance(text, str) for text in [*warned, *(row[key] for key in TEXTS)])
        and isinstance(row["error"], str | None)
        and isinstance(entry["mark"], str | None)
        and row["metric"] in ALL
        and all(_is_number(row[key]) or row[key] is None for key in NUMBERS)
        and (failed or all(_is_number(row[key]) for key in MEASURED))
        and all(isinstance(row[key], bool) for key in FLAGS)
        and all(_is_scores(row[key]) for key in TABLES)
        and isinstance(row["edge"], list)
        and all(isinstance(text, str) for text in row["edge"])
        and (row["interval"] is None or (_is_list(row["interval"], 2) and all(map(_is_number, row["interval"]))))
        and all(row[key] is None or _is_pair(row[key]) for key in ("difference", "over_dummy"))
        and isinstance(row["repeats"], list)
        and bool(failed or row["repeats"])
        and all(_is_repeat(one) for one in row["repeats"])
        and (failed if row["params"] is None else _is_parameters(row["params"]))
    )


def _entries_of(results: dict[str, Any]) -> dict[str, Any]:
    """Return the finished methods of results.json in the form of `Journal.entries`."""
    rows, kept = results.get("rows"), results.get("kept")
    if not isinstance(rows, list) or not isinstance(kept, dict):
        return {}
    by_name = {row["model"]: row for row in rows if isinstance(row, dict) and isinstance(row.get("model"), str)}
    return {
        name: {**entry, "row": by_name[name]}
        for name, entry in kept.items()
        if isinstance(entry, dict) and name in by_name
    }


def _is_list(value: object, size: int) -> bool:
    return isinstance(value, list) and len(value) == size


def _is_scores(value: object) -> bool:
    return isinstance(value, dict) and all(
        name in ALL and (one is None or _is_number(one)) for name, one in value.items()
    )


def _is_pair(value: object) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"value", "se"}
        and all(one is None or _is_number(one) for one in value.values())
    )


def _is_repeat(value: object) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"seed", "cv_score", "score", "params"}
        and _is_number(value["seed"])
        and all(value[key] is None or _is_number(value[key]) for key in ("cv_score", "score"))
        and _is_parameters(value["params"])
    )


def _is_parameters(value: object) -> bool:
    return isinstance(value, dict) and all(_is_number(one) or isinstance(one, str | bool) for one in value.values())


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST


def _read_held_out(path: Path) -> dict[str, dict[str, Any]]:
    """Read what methods said, by their names; nothing of a file that is damaged, or of no file."""
    found: dict[str, dict[str, Any]] = {}
    try:
        content = io.BytesIO(read_regular(path, MOST_BYTES))
        with zipfile.ZipFile(content) as archived:
            if sum(entry.file_size for entry in archived.infolist()) > MOST_BYTES:
                return {}
        with np.load(content, allow_pickle=False) as archive:
            for key in archive.files:
                name, _, part = key.rpartition("/")
                found.setdefault(name, {})[part] = archive[key]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, MemoryError, NotImplementedError):
        return {}
    return found


def mark(arrays: dict[str, Any], *settings: Any) -> str:
    """Return a digest of arrays and settings: what results depend on."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
