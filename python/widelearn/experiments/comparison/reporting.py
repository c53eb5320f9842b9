"""Draw the folder of a comparison anew, from its results alone."""

from pathlib import Path
from typing import Any

from widelearn.experiments import store
from widelearn.experiments.comparison import outputs
from widelearn.experiments.errors import InputError, first_line, require

RESULTS, ROWS = "results.json", "rows.jsonl"


def redrawn(folder: Path) -> dict[str, Any] | None:
    """Write report and figures anew by a folder's results.json, and return it; None if it is of no comparison."""
    path = folder / RESULTS
    if not path.is_file() or (folder / ROWS).exists():
        return None
    results = store.read_json(path)
    schema = results.get("schema")
    if not isinstance(schema, str) or not schema.startswith("widelearn-compare/"):
        return None
    if schema != outputs.SCHEMA:
        raise InputError(f"{path} is of {schema[:40]}, this version draws {outputs.SCHEMA}: run the comparison again")
    require("rich", "matplotlib", "jinja2")
    with store.claimed(folder):
        try:
            outputs.draw(results, folder)
        except (OSError, MemoryError):
            raise
        except Exception as error:
            why = f"{type(error).__name__}: {first_line(error)}"
            raise InputError(f"{path} is damaged ({why}): run the comparison again") from error
    return results
