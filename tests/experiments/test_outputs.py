"""What a comparison leaves in its folder: a report that is one page and runs nothing, figures, rows, predictions."""

import csv
import json
from html.parser import HTMLParser

import pytest

import compared_results
from command_line import run
from compared_results import CLASSES, HOSTILE
from widelearn.experiments.comparison import outputs, page
from widelearn.experiments.comparison.journal import Journal
from widelearn.experiments.comparison.runner import Comparison
from widelearn.experiments.studies.experiment import report

MAKERS = [compared_results.classification, compared_results.regression]
VOID = {"meta", "link", "img", "br"}


class Page(HTMLParser):
    """Elements, attributes and text of a page whose elements close in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def all(self, name):
        return [value for key, value in self.attributes if key == name]


def written(folder, results, held_out=None):
    folder.mkdir(exist_ok=True)
    found = Comparison(results)
    found.held_out = held_out
    outputs.write(found, folder, None, Journal(folder, {}, resume=False))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The files of both comparisons by name."""
    folder = tmp_path_factory.mktemp("outputs")
    held_out = {
        "row": [3, 1],
        "id": ["a,b", HOSTILE],
        "truth": CLASSES[:2],
        "prediction": CLASSES[1:],
        "probabilities": [[0.5, 0.25, 0.25], [0.125, 0.5, 0.375]],
    }
    return [
        written(folder / "classes", compared_results.classification(), held_out),
        written(folder / "numbers", compared_results.regression()),
    ]


def test_files(files):
    names = {name for name in outputs.FILES if "residuals" not in name}
    assert set(files[0]) == names
    assert set(files[1]) == {
        "results.json",
        "report.html",
        *(f"compare{part}.{kind}" for part in ("", "-residuals", "-importance") for kind in ("png", "svg", "csv")),
    }
    for one in files:
        assert all(content.startswith(b"\x89PNG") for name, content in one.items() if name.endswith(".png"))
        assert all(b"<svg" in content for name, content in one.items() if name.endswith(".svg"))


def test_bytes_are_the_same_again_and_nothing_stays_of_another(files, tmp_path):
    written(tmp_path / "out", compared_results.classification())
    again = written(tmp_path / "out", compared_results.regression())
    assert again == files[1]


def test_predictions(files):
    rows = list(csv.DictReader(files[0]["predictions.csv"].decode().splitlines()))
    assert list(rows[0]) == ["row", "id", "truth", "prediction", *(f"probability of {label}" for label in CLASSES)]
    assert [(row["row"], row["id"], row["truth"], row["prediction"]) for row in rows] == [
        ("3", "a,b", CLASSES[0], CLASSES[1]),
        ("1", HOSTILE, CLASSES[1], CLASSES[2]),
    ]
    assert rows[1][f"probability of {CLASSES[1]}"] == "0.5"


def test_rows_of_the_figures(files):
    rows = list(csv.DictReader(files[0]["compare.csv"].decode().splitlines()))
    assert [row["model"] for row in rows] == ["ntk", "rbf", "linear", "dummy", "taylor"]
    assert (rows[1]["difference"], rows[4]["error"]) == ("0.006", "ValueError: <b>no</b>")
    counts = list(csv.DictReader(files[0]["compare-confusion.csv"].decode().splitlines()))
    assert sum(int(row["rows"]) for row in counts) == 125


@pytest.mark.parametrize("which", [0, 1])
def test_report_is_one_page_that_runs_and_fetches_nothing(files, which):
    text = files[which]["report.html"].decode()
    found = Page(text)
    assert not {"script", "iframe", "object", "form", "b"} & set(found.tags)
    sources = [*found.all("src"), *found.all("href")]
    assert all(source.startswith("data:") for source in sources)
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in found.all("content")
    # A text for every figure, a scope for every head, and every table says what it is.
    assert found.tags.count("img") == len([alt for alt in found.all("alt") if len(alt) > 20])
    assert found.tags.count("th") == len(found.all("scope"))
    assert found.tags.count("table") == found.tags.count("caption") == 4
    assert HOSTILE in found.text


def test_report_says_all_of_it(files):
    text = " ".join(Page(files[0]["report.html"].decode()).text.split())
    for words in (
        "Chosen is ntk, by the best cross-validated accuracy: 0.9400 ± 0.0110.",
        f"{HOSTILE} alone tells the target",
        "stopped by --time-limit; not to be told from the chosen one",
        "chosen at the edge of what was tried: alpha",
        "failed: ValueError: <b>no</b>",
        "-0.1400 ± 0.0300",
        "117 of 125 are right",
        "That is not known: every method was fitted on one number of rows.",
        "number (decimal point)",
        "sep ',', decimal '.', encoding 'utf-8'",
        f"dropped: {HOSTILE}",
        f"widelearn compare '{HOSTILE}.csv' --target y",
        "import widelearn as wl",
        "seed 0, 5 folds",
        "numpy 2",
    ):
        assert words in text


def test_report_of_little():
    results = compared_results.regression() | {"inspection": None, "chosen": None, "forecast": {"text": "No & no."}}
    del results["reproduce"]
    results["data"]["columns"] = [{"name": f"c{k}", "kind": "number"} for k in range(400)]
    text = Page(page.document(results, [])).text
    assert "No method was chosen" in text
    assert "No & no." in text
    assert "The first 300 of 400; results.json has all." in text


def test_control_characters_are_shown_in_the_page():
    results = compared_results.classification()
    results["data"]["notes"] = ["\x1b[31m\u202e"]
    assert "\\x1b[31m\\u202e" in page.document(results, [])


def put(folder, results):
    folder.mkdir()
    (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")
    return folder


def test_a_folder_is_drawn_again(files, tmp_path, capsys):
    folder = put(tmp_path / "out", json.loads(files[0]["results.json"]))
    code, out, _ = run(capsys, "report", folder)
    assert code == 0
    assert "Chosen is ntk" in out
    assert f"Report: {folder / 'report.html'}" in out
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "results.json"} == {
        name: content for name, content in files[0].items() if name not in {"predictions.csv", "results.json"}
    }
    assert report(folder) == json.loads(files[0]["results.json"])


@pytest.mark.parametrize("key", ["rows", "data", "metric", "inspection", "versions"])
def test_damaged_results_are_refused(tmp_path, capsys, key):
    folder = put(tmp_path / "out", compared_results.classification() | {key: [3]})
    code, _, err = run(capsys, "report", folder)
    assert code == 2
    assert "is damaged" in err
    assert err.count("\n") == 1


def test_results_of_another_version_are_refused(tmp_path, capsys):
    folder = put(tmp_path / "out", {"schema": "widelearn-compare/1"})
    code, _, err = run(capsys, "report", folder)
    assert (code, "is of widelearn-compare/1, this version draws widelearn-compare/2" in err) == (2, True)
