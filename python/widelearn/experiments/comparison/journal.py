"""What a comparison has found so far, kept on disk as data so that a stopped one can continue."""

import hashlib
import json
from pathlib import Path
from typing import Any

from widelearn.experiments import store
from widelearn.experiments.comparison.scores import METRICS
from widelearn.experiments.errors import InputError, complain

FILE = "checkpoint.json"
SCHEMA = "widelearn-checkpoint/2"
RESULTS = ("results.json", "compare.png")
# What a method's row holds; numbers may be missing, those of a method that did not fail only in part.
TEXTS = ("model", "package", "metric")
NUMBERS = ("score", "score_se", "fit_s", "predict_s", "peak_bytes", "n_used", "tune_s", "tune_score")
MEASURED = ("fit_s", "predict_s", "n_used")
LARGEST = 1e300


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
        self.refuse_another(self.path, content.get("question"))
        done = content.get("done")
        names = self.question["models"]
        if content.get("schema") != SCHEMA or not isinstance(done, dict) or not done.keys() <= set(names):
            raise InputError(f"{self.path} is damaged: remove it, or start anew by --force without --resume")
        for name, entry in done.items():
            if not _is_entry(name, entry):
                raise InputError(f"{self.path} is damaged at {name}: remove it, or start anew by --force")
        self.done, self.saved = done, content.get("saved")

    def refuse_another(self, path: Path, question: object) -> None:
        """Raise InputError unless the question of a file is the one that is asked now."""
        if not isinstance(question, dict):
            raise InputError(f"{path} is damaged, or of another version: remove it, or start anew by --force")
        if other := store.differences(question, self.question):
            raise InputError(
                f"{path} is of another table or other settings: repeat those, or start anew by --force; different: "
                f"{other}"
            )

    def add(self, name: str, row: dict[str, Any], warnings: list[str]) -> None:
        """Keep a method's row and warnings."""
        self.done[name] = {"row": row, "warnings": warnings}
        self._write()

    def save(self, digest: str) -> None:
        """Keep the digest of the model that is about to take its place."""
        self.saved = digest
        self._write()

    def _write(self) -> None:
        """Write all of it; a disk that is full stops no comparison, whose results may still find room or be printed."""
        content = {"schema": SCHEMA, "question": self.question, "done": self.done, "saved": self.saved}
        try:
            store.write_json(self.path, content)
        except OSError as error:
            if not self.failed:
                complain(f"{self.path} is not written, so that --resume will know less: {error.strerror}")
            self.failed = True

    def finished(self) -> dict[str, Any] | None:
        """Return the results of this question if the folder holds them, whole; refuse those of another."""
        path = self.folder / RESULTS[0]
        if not path.exists():
            return None
        results = store.read_json(path)
        self.refuse_another(path, results.get("question"))
        return results

    def clear(self) -> None:
        """Remove what was kept."""
        self.path.unlink(missing_ok=True)


def _is_entry(name: str, entry: object) -> bool:
    """Whether what a file says of a method has the form that `Journal.add` gives it."""
    if not isinstance(entry, dict) or entry.keys() != {"row", "warnings"}:
        return False
    row, warned = entry["row"], entry["warnings"]
    if not isinstance(row, dict) or row.keys() != {*TEXTS, *NUMBERS, "params", "error"} or row["model"] != name:
        return False
    params, failed = row["params"], row["error"] is not None
    return (
        isinstance(warned, list)
        and all(isinstance(text, str) for text in [*warned, *(row[key] for key in TEXTS)])
        and isinstance(row["error"], str | None)
        and row["metric"] in METRICS.values()
        and all(_is_number(row[key]) or row[key] is None for key in NUMBERS)
        and (failed or all(_is_number(row[key]) for key in MEASURED))
        and (failed if params is None else isinstance(params, dict))
        and all(_is_number(value) or isinstance(value, str | bool) for value in (params or {}).values())
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST


def mark(arrays: dict[str, Any], *settings: Any) -> str:
    """Return a digest of arrays and settings: what results depend on."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
