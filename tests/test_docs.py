"""The documentation: its blocks run, its reference is whole, its table is true, its figures have rows."""

import ast
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

from extensions import chart, figures, mathml, models, offline, plain_text, reference  # noqa: E402 (found by the line above)

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
    assert len(PAGES) >= 15
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


TRIED = [column for column in models.FACTS if column not in {"Dask", "stays float32", "`wl.save`", "ONNX"}]


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


@pytest.mark.parametrize("path", ROWS, ids=lambda path: path.stem)
def test_rows_of_figures_are_of_todays_studies(path):
    """Claims have the words that the study says, and theory beside the rows is what the package computes."""
    content = json.loads(path.read_text(encoding="utf-8"))
    spec, settings = studies.find(path.stem), {name: figures.fixed(one) for name, one in content["settings"].items()}
    assert [claim["text"] for claim in content["claims"]] == [judge.text for judge in spec.judges(settings)]
    predicted = spec.theory(settings) if spec.theory else lambda row: None
    for row in content["rows"]:
        wanted = predicted(row)
        # Equal here; eigenvalues and sums of other libraries' versions may round otherwise.
        assert (row["theory"] is None) if wanted is None else np.isclose(row["theory"], wanted, rtol=1e-6, atol=0)


def test_every_study_shown_has_rows_and_all_rows_are_shown():
    shown = [name for page in PAGES for name in re.findall(r"^```{study} (.+)$", page.read_text("utf-8"), re.MULTILINE)]
    assert sorted(shown) == [path.stem for path in ROWS]


def test_the_guide_names_every_study():
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert [name for name in studies.NAMES if f"`{name}`" not in text] == []


def test_a_figure_is_drawn_from_rows(tmp_path):
    target = figures.draw(DOCS / "rows" / "gcv.json", tmp_path)
    assert target.read_bytes().startswith(b"\x89PNG")
    content = json.loads((DOCS / "rows" / "gcv.json").read_text(encoding="utf-8"))
    assert figures.command(content) == content["command"]
    assert figures.command(content | {"seed": 3}).endswith("--seed 3")


def literals(path: Path) -> str:
    """All texts of a file of Python, with a gap for what is put into them."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else "\0" for part in node.values)
            found.append("".join(map(str, parts)))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(node.value)
    return "\n".join(found)


def test_messages_of_troubleshooting_are_those_of_the_package():
    page = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    quoted = re.findall(r"^\| `([^`]+)` \|", page, flags=re.MULTILINE)
    said = "\n".join(literals(path) for path in (ROOT / "python" / "widelearn").rglob("*.py"))
    assert len(quoted) > 25
    assert [text for text in quoted if text not in said] == []


# Calls of warn whose texts are made elsewhere, and what is constant of those.
MADE_ELSEWHERE = {
    ("estimators/choice.py", "self.edge"): ["was chosen"],
    ("estimators/feature_ridge/fit.py", "FORGOTTEN"): ["the rows given to fit are forgotten"],
    ("estimators/kernel_ridge/durations.py", "line"): ["will take about"],
    ("estimators/labels.py", "COLUMN"): ["A column-vector y was passed"],
    ("estimators/linearized/training.py", "trace.fault"): [
        "diverged after",
        "found no lower value after",
        "stopped after max_iter",
    ],
    ("estimators/taylor/training.py", "trace.fault"): ["diverged after", "stopped after max_iter"],
    ("estimators/taylor/training.py", "next(filter(None, blind))"): ["cannot fit a target of degree"],
    ("ridge/complaints.py", "message"): [],
    ("ridge/complaints.py", "worst.message"): [],
    ("ridge/conjugate_gradients.py", "complaint"): ["Conjugate gradients reached a relative residual of"],
    ("ridge/primal_systems.py", "describe(worst, len(self.system.A), self.system.A.dtype)"): ["is singular to"],
    ("ridge/row_spectrum.py", "describe(Trouble('eigen', EPS, rank), n, self.y.dtype)"): ["is singular to"],
    ("ridge/symmetric_systems.py", "describe(worst, len(A), A.dtype)"): ["is singular to", "plus alpha is indefinite"],
    ("runtime/messages.py", "message"): [],
}


def first_words(node: ast.expr) -> tuple[str, str]:
    """The constant text of an argument, and the source of what stands at its head where that is no text."""
    if not isinstance(node, ast.JoinedStr):
        return (node.value, "") if isinstance(node, ast.Constant) else ("", ast.unparse(node))
    text = "\0".join(part.value for part in node.values if isinstance(part, ast.Constant))
    head = node.values[0]
    return text, ast.unparse(head.value) if isinstance(head, ast.FormattedValue) else ""


def test_troubleshooting_names_every_warning():
    warnings = (DOCS / "troubleshooting.md").read_text(encoding="utf-8").split("## Errors")[0]
    quoted = re.findall(r"^\| `([^`]+)` \|", warnings, flags=re.MULTILINE)
    package, missing, elsewhere = ROOT / "python" / "widelearn", [], set()
    # Commands print their notes, and warn of nothing.
    for path in sorted(set(package.rglob("*.py")) - set((package / "experiments").rglob("*.py"))):
        place = path.relative_to(package).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            named = isinstance(node, ast.Call) and ast.unparse(node.func) in {"warn", "warnings.warn", "complain_once"}
            if not named:
                continue
            text, head = first_words(node.args[0])
            if (place, head) in MADE_ELSEWHERE:
                elsewhere.add((place, head))
            elif not any(words in text for words in quoted):
                missing.append((place, node.lineno, text))
    assert missing == []
    assert elsewhere == set(MADE_ELSEWHERE)
    assert [words for many in MADE_ELSEWHERE.values() for words in many if words not in "\n".join(quoted)] == []


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("y_i - f_-i(x_i)", r"y_i - f\_-i(x_i)"),
        ("alpha_ and |w|", r"alpha\_ and \|w\|"),
        ("``alpha_`` and `beta_`", "``alpha_`` and `beta_`"),
        (r"mean\_, two", r"mean\_, two"),
        (">>> alpha_\n1\n", ">>> alpha_\n1\n"),
        ("See::\n\n    f_ | g\n\nh_", "See::\n\n    f_ | g\n\nh\\_"),
    ],
)
def test_plain_text_is_escaped(text, escaped):
    lines = text.split("\n")
    plain_text.process(None, "class", "name", None, None, lines)
    assert "\n".join(lines) == escaped


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_formulas_are_mathml(page):
    text = re.sub(r"^```.*?^```$|`[^`]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for formula in re.findall(r"\$\$(.+?)\$\$", text, flags=re.DOTALL) + re.findall(
        r"(?<!\$)\$([^$\n]+)\$(?!\$)", text
    ):
        assert mathml.tex2mathml(formula, as_block=True).startswith("<math")


def test_what_is_loaded_from_a_network_is_found(tmp_path):
    page = tmp_path / "page.html"
    page.write_text('<a href="https://example.org">x</a><script src="static/x.js"></script>', encoding="utf-8")
    assert offline.remote(tmp_path) == []
    page.write_text('<link rel="stylesheet"\n href="https://example.org/x.css"/>', encoding="utf-8")
    (tmp_path / "x.css").write_text("a { background: url(//example.org/x.png) }", encoding="utf-8")
    assert len(offline.remote(tmp_path)) == 2


def test_rows_are_small():
    assert sum(path.stat().st_size for path in ROWS) < 2_000_000
