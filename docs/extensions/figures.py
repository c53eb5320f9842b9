"""Draw the figures of studies from rows that runs left in `docs/rows`: no study runs when the documentation is built.

``python docs/extensions/figures.py FOLDER...`` takes the results of studies from the folders that ``widelearn run NAME
--out FOLDER`` wrote, with the command that made them, and the versions.
"""

import json
import shlex
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive

from widelearn import plots
from widelearn.experiments import store, studies

DOCS = Path(__file__).parents[1]
ROWS, FIGURES = DOCS / "rows", DOCS / "papers" / "figures"
# What is kept of a study's results: what tells where rows come from, what was claimed, and the rows.
KEPT = ("study", "quick", "seed", "settings", "versions", "claims", "rows")


def fixed(value: Any) -> Any:
    """Return what JSON made lists of as the tuples that settings hold."""
    return tuple(map(fixed, value)) if isinstance(value, list) else value


def panels(content: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what a study shows of its rows, with theory beside them."""
    spec = studies.find(content["study"])
    return spec.panels(content["rows"], {name: fixed(value) for name, value in content["settings"].items()})


def draw(path: Path, folder: Path = FIGURES) -> Path:
    """Draw the rows of a file unless that was done, and return the figure."""
    target = folder / f"{path.stem}.png"
    if not target.exists() or target.stat().st_mtime < path.stat().st_mtime:
        content = json.loads(path.read_text(encoding="utf-8"))
        folder.mkdir(parents=True, exist_ok=True)
        figure = plots.study(panels(content), studies.find(content["study"]).about)
        store.write_figure(target, figure)
    return target


def command(content: dict[str, Any]) -> str:
    """Return the line that makes the rows again."""
    spec = studies.find(content["study"])
    usual = spec.settings_for(content["quick"])
    words = ["widelearn", "run", content["study"], *(["--quick"] if content["quick"] else [])]
    for name, value in content["settings"].items():
        if name == "draws" and value != usual[name]:
            words += ["--seeds", str(value)]
        elif fixed(value) != usual[name]:
            words += ["--set", f"{name}={','.join(map(str, value)) if isinstance(value, list) else value}"]
    return shlex.join(words + (["--seed", str(content["seed"])] if content["seed"] else []))


def take(folder: Path) -> None:
    """Keep the results of every study of a folder."""
    for path in sorted(folder.glob("*/results.json")):
        content = store.read_json(path)
        kept = {"command": command(content), **{name: content[name] for name in KEPT}}
        text = json.dumps(kept, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        (ROWS / f"{content['study']}.json").write_text(text.replace('},{"', '},\n{"') + "\n", encoding="utf-8")


class Study(Directive):
    """Show a study: its figure, the line that makes its rows again, and what it claimed of them."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the figure and the list of claims."""
        name = self.arguments[0]
        path = ROWS / f"{name}.json"
        if not path.exists():
            raise self.error(f"there are no rows of the study {name!r}: run it, and take them by {Path(__file__).name}")
        content = json.loads(path.read_text(encoding="utf-8"))
        about = " ".join(studies.find(name).about.split())
        figure = nodes.figure("", nodes.image(uri=f"figures/{name}.png", alt=f"{about} Simulation and theory."))
        line = nodes.literal("", content["command"])
        made = f", widelearn {content['versions']['widelearn']}, NumPy {content['versions']['numpy']}."
        figure += nodes.caption("", "", nodes.Text("Rows of "), line, nodes.Text(made))
        claims = nodes.bullet_list(bullet="-")
        for claim in content["claims"]:
            told = f"{claim['text']}: {claim['detail']}" if claim["detail"] else claim["text"]
            kind = "Control" if claim["control"] and not claim["text"].startswith("control") else ""
            text = f"{kind}: {told}" if kind else told
            claims += nodes.list_item("", nodes.paragraph("", text[0].upper() + text[1:] + "."))
        return [figure, claims]


def setup(app: Any) -> dict[str, bool]:
    """Draw all before pages are read."""
    app.add_directive("study", Study)
    app.connect("config-inited", lambda app, config: [draw(path) for path in sorted(ROWS.glob("*.json"))])
    return {"parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    for name in sys.argv[1:]:
        take(Path(name))
