"""The documentation: its blocks run, its reference is whole, its table is true, its figures have rows."""

import doctest
import inspect
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import is_classifier

import widelearn as wl
from widelearn.experiments import studies

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS))

from extensions import chart, models, reference  # noqa: E402 (found by the line above)

MADE = {"_build", "gallery", "generated", "figures"}
PAGES = sorted(path for path in DOCS.rglob("*.md") if not MADE & set(path.relative_to(DOCS).parts))
FENCED = re.compile(r"^```(\{code-block\} )?python\n(?P<code>.*?)^```$", flags=re.DOTALL | re.MULTILINE)
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def blocks(text: str) -> list[str]:
    """The blocks of Python of a page."""
    return [found["code"] for found in FENCED.finditer(text)]


def run(name: str, code: list[str]) -> str:
    """Run blocks in one namespace; those with prompts must print what stands there. Return what failed."""
    names: dict[str, object] = {"__name__": "__main__"}
    told: list[str] = []
    for place, block in enumerate(code):
        if not block.lstrip().startswith(">>>"):
            exec(compile(block, f"{name}, block {place + 1}", "exec"), names)
            continue
        examples = doctest.DocTestParser().get_doctest(block, names, f"{name}, block {place + 1}", name, 0)
        doctest.DocTestRunner(optionflags=OPTIONS).run(examples, out=told.append, clear_globs=False)
        names.update(examples.globs)
    return "".join(told)


def test_there_are_pages():
    assert len(PAGES) >= 7
    assert sum(len(blocks(path.read_text(encoding="utf-8"))) for path in PAGES) >= 20


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(DOCS).as_posix())
def test_blocks_of_a_page_run(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(path.name, blocks(path.read_text(encoding="utf-8"))) == ""


def test_wrong_output_is_found():
    assert "Expected:\n    3\nGot:\n    2" in run("page", [">>> a = 1\n", ">>> a + 1\n3\n"])
    assert run("page", ["a = 1\n", ">>> a + 1\n2\n"]) == ""


def test_every_public_name_is_in_the_reference(tmp_path):
    reference.write(tmp_path)
    rooms = [wl, *(value for name in wl.__all__ if inspect.ismodule(value := getattr(wl, name))), wl.experiments]
    for room in rooms:
        text = (tmp_path / f"room-{room.__name__}.rst").read_text(encoding="utf-8")
        listed = {line.strip().lstrip("~").rsplit(".", 1)[-1] for line in text.splitlines()}
        named = {name for name in room.__all__ if not inspect.ismodule(getattr(room, name))}
        assert named - listed == set()
    pages = {path.stem for path in tmp_path.glob("widelearn.*.rst")}
    assert {"widelearn.KernelRidge", "widelearn.kernels.NTK", "widelearn.theory.risk"} <= pages
    assert "autoclass:: KernelRidge" in (tmp_path / "widelearn.KernelRidge.rst").read_text(encoding="utf-8")


def test_a_name_that_is_gone_loses_its_page(tmp_path):
    (tmp_path / "widelearn.Gone.rst").touch()
    reference.write(tmp_path)
    assert not (tmp_path / "widelearn.Gone.rst").exists()


def test_the_chart_is_what_its_script_draws():
    assert chart.PLACE.read_text(encoding="utf-8") == chart.drawn()
    for _, _, name, _ in chart.QUESTIONS:
        assert hasattr(wl, re.match(r"\w+", name)[0])


def tried(name: str, column: str) -> bool:
    """Whether an estimator does what a column says, found by doing it."""
    X, y = models.rows(name)
    fitted = lambda **options: models.small(name).fit(X, y, **options)  # noqa: E731
    weights = np.linspace(0.5, 1.5, len(X))
    tries = {
        "sparse rows": lambda: models.small(name).fit(sparse.csr_matrix(X), y).predict(sparse.csr_matrix(X)),
        "weights": lambda: fitted(sample_weight=weights),
        "several targets": lambda: models.small(name).fit(X, np.column_stack([y, -y])).predict(X).shape[1],
        "`predict_proba`": lambda: fitted().predict_proba(X).shape[1],
        "`predict_set`": lambda: fitted().predict_set(X),
        "`predict_interval`": lambda: fitted().predict_interval(X).shape[1],
        "standard deviations": lambda: fitted().predict(X, return_std=True)[1].shape,
        "`partial_fit`": lambda: models.small(name).partial_fit(X, y, **classes).predict(X),
        "`fit_blocks`": lambda: models.small(name).fit_blocks([(X, y)], **classes).predict(X),
        "callback": lambda: models.small(name, callback=lambda *found: None).fit(X, y),
    }
    classes = {"classes": np.unique(y)} if is_classifier(models.small(name)) else {}
    return models.works(tries[column])


TRIED = [column for column in models.FACTS if column not in {"Dask", "stays float32", "`wl.save`"}]


@pytest.mark.parametrize("name", models.NAMES)
def test_the_table_says_what_an_estimator_does(name):
    said = models.facts()[name]
    wrong = [column for column in TRIED if tried(name, column) != said[column]]
    # A classifier that takes several columns of labels has them for its classes, which is no matter of targets.
    assert [column for column in wrong if not (column == "several targets" and is_classifier(models.small(name)))] == []


@pytest.mark.parametrize("column", models.FACTS)
def test_no_column_of_the_table_is_empty(column):
    assert any(said[column] for said in models.facts().values())


def test_readme_says_how_to_build():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "sphinx-build -W --keep-going -n docs docs/_build/html" in readme
    assert (DOCS / "conf.py").exists()


ROWS = sorted((DOCS / "rows").glob("*.json"))


@pytest.mark.parametrize("path", ROWS, ids=lambda path: path.stem)
def test_rows_of_figures_say_where_they_come_from(path):
    content = json.loads(path.read_text(encoding="utf-8"))
    assert path.stem in studies.NAMES
    assert content["command"].startswith(f"widelearn run {path.stem}")
    assert {"widelearn", "numpy"} <= set(content["versions"])
    assert all(claim["held"] for claim in content["claims"])


def test_rows_are_small():
    assert sum(path.stat().st_size for path in ROWS) < 2_000_000
