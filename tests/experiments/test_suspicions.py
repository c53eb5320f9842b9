"""What makes scores too good is named with its column, and nothing else is."""

import numpy as np
import pandas as pd
import pytest

from made_tables import curved, problem
from widelearn.experiments.tables import table as tables
from widelearn.experiments.tables.problem import Request, build


def warned(data: pd.DataFrame, target: str = "y", **options: object) -> list[tuple[str, str | None]]:
    found = problem(data, target, **options).data["warnings"]
    assert all(set(one) == {"kind", "column", "text"} and "\n" not in one["text"] for one in found)
    return [(one["kind"], one["column"]) for one in found]


def noise(rows: int = 300, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    data = pd.DataFrame(random.normal(size=(rows, 4)), columns=list("abcd"))
    return data.assign(y=random.normal(size=rows), label=random.choice(["p", "q", "r"], rows))


def test_what_is_sound_is_not_suspected():
    assert warned(noise()) == []
    assert warned(noise(), "label") == []
    assert warned(curved(400).drop(columns=["g", "w", "label"])) == []
    assert [
        one for name in tables.BUILTIN for one in build(tables.builtin(name), Request("target")).data["warnings"]
    ] == []


@pytest.mark.parametrize("leak", [lambda y: 24 - y, np.exp, lambda y: y + 1e-5 * np.sin(1e6 * y)])
def test_a_column_that_follows_the_target(leak):
    data = noise()
    assert warned(data.assign(after=leak(data["y"]))) == [("leak", "after")]


@pytest.mark.parametrize(
    "leak", [lambda code: code, lambda code: code + 0.3 * np.random.default_rng(1).random(len(code))]
)
def test_a_column_that_tells_the_class(leak):
    data = noise()
    code = data["label"].map({"p": 2, "q": 0, "r": 1})
    assert ("leak", "after") in warned(data.assign(after=leak(code)), "label")
    assert ("leak", "after") in warned(data.assign(after=code.map({0: "x", 1: "y", 2: "z"})), "label")


def test_repeated_rows_on_both_sides():
    data = pd.concat([noise(150)] * 2, ignore_index=True)
    assert warned(data) == [("repeated rows", None)]


def test_hidden_groups():
    random = np.random.default_rng(0)
    patient = np.repeat(np.arange(40), 10)
    data = noise(400).assign(patient=patient, label=random.choice(["p", "q"], 40)[patient])
    assert warned(data, "label") == [("groups", "patient")]
    assert warned(data.rename(columns={"patient": "x"}), "label") == [("groups", "x")]
    assert warned(data, "label", group="patient") == []
    assert ("groups", "subject_id") in warned(noise(400).assign(subject_id=patient))


def test_rare_classes():
    data = noise(400)
    data["label"] = np.where(np.arange(400) < 8, "rare", "often")
    assert warned(data, "label") == [("imbalance", None)]
