"""A saved model predicts a later table row by row, whatever its order, and refuses one of another schema."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.kernel_approximation import RBFSampler
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

import widelearn as wl
from command_line import run_briefly as run
from widelearn.experiments.comparison import command, fitted, outputs, recipe
from widelearn.experiments.comparison.fitted import FittedModel, TargetScale
from widelearn.experiments.comparison.plans import fit_on
from widelearn.experiments.comparison.prediction import predicted
from widelearn.experiments.comparison.sklearn_methods import SignCoded
from widelearn.experiments.comparison.worker import _fit_weights
from widelearn.experiments.errors import InputError
from widelearn.experiments.tables.dialect import Dialect
from widelearn.experiments.tables.problem import Request, build
from widelearn.experiments.tables.table import Table, read


def raw(seed=0, rows=60):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"size": rng.normal(size=rows), "kind": rng.choice(["x", "y", "z"], rows)})
    frame["code"] = [f"k{number}" for number in range(rows)]
    frame["label"] = np.where(frame["size"] + (frame["kind"] == "x") > 0, "up", "down")
    return frame.assign(y=3 * frame["size"] + 100)


def model_of(estimator, target="label", native=False):
    problem = build(Table(raw().drop(columns={"label", "y"} - {target}), "t.csv"), Request(target))
    arrays = problem.arrays
    scale = TargetScale.of(arrays["y_train"]) if problem.classes is None else TargetScale()
    estimator.fit(arrays["N_train" if native else "X_train"], scale.forward(arrays["y_train"]))
    about = {"row": {"model": type(estimator).__name__}, "versions": fitted.versions(), "data": "t.csv"}
    return FittedModel(problem.preparation, estimator, scale, problem.classes, problem.target, about, native)


@pytest.fixture(autouse=True)
def one_thread():
    with threadpool_limits(1):
        yield


@pytest.fixture
def saved(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = model_of(wl.TwoLayerClassifier(8, max_iter=20, random_state=0))
    model.save("m.wl")
    raw(1).drop(columns="label").to_csv("new.csv", index=False)
    return model


def test_rows_ids_and_probabilities_keep_their_order(saved, capsys):
    assert run(capsys, "predict", "m.wl", "new.csv", "--id", "code", "--proba", "--out", "p.csv")[0] == 0
    found, frame = pd.read_csv("p.csv"), pd.read_csv("new.csv")
    assert list(found.columns) == ["code", "label", "probability of down", "probability of up"]
    assert list(found["code"]) == list(frame["code"])
    assert list(found["label"]) == list(saved.predict(frame))
    np.testing.assert_allclose(found.iloc[:, 2:], saved.predict_proba(frame), atol=1e-12)
    assert (found.iloc[:, 2:].sum(axis=1) - 1).abs().max() < 1e-12
    frame[::-1].to_csv("back.csv", index=False)
    run(capsys, "predict", "m.wl", "back.csv", "--id", "code", "--proba", "--out", "b.csv")
    pd.testing.assert_frame_equal(pd.read_csv("b.csv")[::-1].reset_index(drop=True), found)


def test_wrong_usage_is_one_line(saved, capsys):
    wl.save(wl.KernelRidge(), "k.wl")
    model_of(wl.KernelRidge("rbf"), "y").save("n.wl")
    content = bytearray(Path("m.wl").read_bytes())
    content[-3] ^= 1
    Path("edited.wl").write_bytes(content)
    for arguments, said in (
        (["k.wl", "new.csv"], "holds a KernelRidge alone"),
        (["edited.wl", "new.csv"], "was changed, the digest differs"),
        (["m.wl", "new.csv", "--id", "cod"], "'code'"),
        (["n.wl", "new.csv", "--proba"], "predicts numbers, no probabilities"),
        (["m.wl", "new.csv", "--interval"], "gives no intervals"),
        (["m.wl", "new.csv", "--interval", "2"], "2 is not between 0 and 1"),
        (["m.wl", "."], "is a directory"),
    ):
        code, out, err = run(capsys, "predict", *arguments)
        assert (code, out) == (2, "")
        assert said in err
        assert err.count("\n") == 1


def test_another_schema_is_refused_by_name(saved):
    frame = raw(2)
    cases = [
        (frame.drop(columns="kind"), "lacks columns that the model uses: kind"),
        (frame.assign(size="big"), "'size' held numbers in the training table, and 60 of its 60 cells are none here"),
        (
            frame.assign(kind=frame["size"]),
            "'kind' held words in the training table such as 'x', 'y', 'z', and numbers",
        ),
    ]
    for changed, said in cases:
        with pytest.raises(InputError, match=said):
            saved.preparation.doubts(changed)
    assert saved.preparation.doubts(frame) == []
    frame.loc[3, "kind"] = "new"
    [note] = saved.preparation.doubts(frame)
    assert note.startswith("'kind': 1 cell never seen")


def test_intervals_stand_beside_predictions_where_the_model_has_them(saved):
    model, frame = model_of(wl.KernelRidge("rbf", 0.1), "y"), raw(3)
    assert list(predicted(model, frame).columns) == ["y"]
    wide, narrow = (predicted(model, frame, level=level) for level in (0.9, 0.5))
    assert list(wide.columns) == ["y", "y lower", "y upper"]
    inside = (wide["y lower"] <= frame["y"]) & (frame["y"] <= wide["y upper"])
    assert inside.mean() > 0.8
    assert (narrow["y upper"] - narrow["y lower"]).mean() < (wide["y upper"] - wide["y lower"]).mean()
    with pytest.raises(InputError, match="--interval: the model TwoLayerClassifier gives no intervals"):
        predicted(saved, frame, level=0.9)
    with pytest.raises(InputError, match=r"no intervals: .*rows"):
        predicted(model, frame, level=0.9999)


@pytest.mark.parametrize(
    ("estimator", "native"),
    [
        (HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=3, categorical_features=[1]), True),
        (LogisticRegression(), False),
        (SignCoded(wl.KernelRidge("rbf")), False),
    ],
)
def test_winners_of_either_package_come_back(estimator, native, tmp_path):
    model = model_of(estimator, native=native)
    model.save(tmp_path / "m.wl")
    found, frame = fitted.load(tmp_path / "m.wl"), raw(4)
    assert list(found.predict(frame)) == list(model.predict(frame))
    shares = model.predict_proba(frame)
    assert (shares is None) == isinstance(estimator, SignCoded)
    if shares is not None:
        np.testing.assert_allclose(found.predict_proba(frame), shares, atol=1e-12)


def test_a_winner_that_cannot_be_kept_loses_no_results(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = {"write_json": [], "cleared": []}
    monkeypatch.setattr(outputs.store, "write_json", lambda path, results: done["write_json"].append(path.name))
    monkeypatch.setattr(outputs, "draw", lambda results, out: set())
    journal = SimpleNamespace(save=None, clear=lambda: done["cleared"].append(True))
    model = model_of(wl.KernelRidge(lambda x, y: x @ y.T), "y")
    found = SimpleNamespace(results={"schema": outputs.SCHEMA}, best=model, held_out=None)
    with pytest.raises(InputError, match=r"cannot keep the model in m\.wl: FittedModel\.model\.kernel is a function"):
        outputs.write(found, tmp_path, Path("m.wl"), journal)
    assert done == {"write_json": ["results.json"], "cleared": [True]}
    assert list(tmp_path.iterdir()) == []


def test_what_could_not_be_saved_is_refused_before_work():
    fitted.check_kept("ridge", LogisticRegression())
    fitted.check_kept("ours", wl.KernelRidge())
    with pytest.raises(InputError, match=r"--save cannot keep mine if it is chosen: KernelRidge\.kernel is a function"):
        fitted.check_kept("mine", wl.KernelRidge(lambda x, y: x @ y.T))
    own = type("Own", (LogisticRegression,), {})
    with pytest.raises(InputError, match=r"--save cannot keep mine if it is chosen: Own is a .*Own, which is no class"):
        fitted.check_kept("mine", own())


@pytest.mark.parametrize(
    ("estimator", "target", "request_", "asked", "balanced"),
    [
        (
            wl.KernelRidge(wl.kernels.NTK(depth=2) + 2.0 * wl.kernels.RBF(), 0.1),
            "y",
            {"seed": 3},
            {"drop": ("code",)},
            False,
        ),
        (SignCoded(KernelRidge(kernel="rbf", gamma=np.float64(0.2))), "label", {"test_size": 0.5}, {}, False),
        (make_pipeline(RBFSampler(n_components=9, random_state=0), Ridge()), "y", {"weight": "w"}, {}, False),
        (LogisticRegression(), "label", {"weight": "w"}, {}, True),
        (wl.TwoLayerClassifier(5, max_iter=5, random_state=0), "label", {}, {}, True),
    ],
)
def test_the_printed_lines_fit_the_winner_again(estimator, target, request_, asked, balanced, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    raw().assign(w=np.arange(60) % 3 + 1.0).to_csv("t.csv", index=False)
    wanted, how = Request(target, **request_), Dialect(**asked)
    problem = build(read("t.csv", how), wanted)
    arrays = problem.arrays
    scale = TargetScale.of(arrays["y_train"], arrays.get("w_train")) if problem.classes is None else TargetScale()
    weight = _fit_weights(arrays, {"class_weight": "balanced" if balanced else None})
    fit_on(estimator, arrays["X_train"], scale.forward(arrays["y_train"]), weight)
    about = {"row": {"weighted": weight is not None, "n_used": None}}
    model = FittedModel(problem.preparation, estimator, scale, problem.classes, problem.target, about)
    said = recipe.lines(model, "t.csv", wanted, how, balanced=balanced)
    assert len(said) <= 17
    space = {}
    exec("\n".join(said), space)  # what a user would paste
    found = model.predict(problem.raw)
    if problem.classes is None:
        np.testing.assert_allclose(space["prediction"], found, rtol=1e-9)
    else:
        assert list(space["prediction"]) == list(found)


def test_a_later_table_is_read_as_the_first_was(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    frame = raw().drop(columns="label")
    frame[["size", "y"]] = frame[["size", "y"]].round(3)
    frame.to_csv("t.csv", index=False, sep=";", decimal=",")
    arguments = ("compare", "t.csv", "--target", "y", "--models", "linear", "--save", "m.wl", "--out", "o", "--quiet")
    code, out, _ = run(capsys, *arguments)
    assert code == 0
    assert "fit again by:\nfrom widelearn import FeatureRidge\n" in out
    assert fitted.load("m.wl").dialect.decimal == ","
    later = frame.drop(columns="y").head(3).assign(size=[1, 2, 3])
    later.to_csv("new.csv", index=False, sep=";", decimal=",")
    code, out, _ = run(capsys, "predict", "m.wl", "new.csv")
    assert code == 0
    np.testing.assert_allclose(np.array(out.split()[1:], float), 3 * np.arange(1, 4) + 100, rtol=0.05)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--out", "m.wl", "--force"], "--out m.wl would replace the model itself"),
        (["--out", "new.csv", "--force"], "--out new.csv would replace the table itself"),
        (["--out", ".", "--force"], "--out . is a directory"),
        (["--out", "none/p.csv"], "--out none/p.csv: there is no directory none"),
        (["--encoding", "nope"], "new.csv is not nope text"),
        (["--encoding", "utf-32"], "new.csv is not utf-32 text"),
    ],
)
def test_what_predict_cannot_write_or_read_leaves_all_as_it_was(arguments, said, saved, capsys):
    before = {path.name: path.read_bytes() for path in Path().iterdir()}
    code, out, err = run(capsys, "predict", "m.wl", "new.csv", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert {path.name: path.read_bytes() for path in Path().iterdir()} == before


def test_a_model_does_not_take_the_place_of_the_results(tmp_path):
    for save, said in (("out", "is the folder of the results"), ("out/results.json", "is a file of the results")):
        with pytest.raises(InputError, match=said):
            command._check_apart(tmp_path / save, tmp_path / "out")
    command._check_apart(tmp_path / "out" / "m.wl", tmp_path / "out")
