"""What a comparison has found so far, kept on disk so that a stopped one can continue."""

import hashlib
import json
from pathlib import Path
from typing import Any

from widelearn.experiments import store
from widelearn.experiments.errors import InputError, first_line

FILE, MODEL = "checkpoint.json", "checkpoint.model"
SCHEMA = "widelearn-checkpoint/1"


class Journal:
    """The finished methods of a comparison, each written at its end, whole or not at all.

    What an earlier run left is taken up with `resume`, else removed; one of another :func:`mark` is refused.
    """

    def __init__(self, folder: Path, mark: str, resume: bool) -> None:
        self.folder, self.mark = folder, mark
        self.done: dict[str, dict[str, Any]] = {}
        self.best: str | None = None
        if resume:
            self._read()
        else:
            self.clear()

    def _read(self) -> None:
        path = self.folder / FILE
        if not path.exists():
            return
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            mark, done, best = content["mark"], dict(content["done"]), content["best"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path} is damaged ({first_line(error)}): remove it, or start anew by --force") from error
        if mark != self.mark:
            raise InputError(f"{path} is of another table or other settings: repeat those, or start anew by --force")
        self.done, self.best = done, best

    def add(self, name: str, row: dict[str, Any], warnings: list[str], model: Any = None) -> None:
        """Keep a method's row and warnings, and its model if it is the best so far."""
        self.done[name] = {"row": row, "warnings": warnings}
        if model is not None:
            store.write_model(self.folder / MODEL, model)
            self.best = name
        content = {"schema": SCHEMA, "mark": self.mark, "done": self.done, "best": self.best}
        store.write_json(self.folder / FILE, content)

    def model(self) -> Any:
        """Return the best model so far, None if none was kept."""
        if self.best is None:
            return None
        import joblib

        return joblib.load(self.folder / MODEL)

    def clear(self) -> None:
        """Remove what was kept."""
        for name in (FILE, MODEL):
            (self.folder / name).unlink(missing_ok=True)


def mark(arrays: dict[str, Any], *settings: Any) -> str:
    """Return a digest of arrays and settings: what results depend on."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
