"""Frames and targets that are unlike a tidy table, and models that are not what they should be."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_squared_error, r2_score

from instant_methods import InstantMethods
from widelearn.experiments import compare
from widelearn.experiments.comparison.answers import answer
from widelearn.experiments.comparison.scores import ALL, Output
from widelearn.experiments.errors import InputError


def test_names_of_columns_are_taken_as_texts(monkeypatch, tmp_path, rng):
    InstantMethods.in_place(monkeypatch, tmp_path)
    frame = pd.DataFrame(rng.standard_normal((45, 3)))
    frame[3] = np.repeat(np.arange(15), 3)
    found = compare(frame, 2, ["linear"], group=3)
    assert [column["name"] for column in found["data"]["columns"]][:2] == ["0", "1"]
    assert found["chosen"] == "linear"
    with pytest.raises(InputError, match="frame has 'a' as the name of several columns"):
        compare(pd.DataFrame(rng.standard_normal((45, 3)), columns=["a", "a", "y"]), "y", ["linear"])
    with pytest.raises(InputError, match="frame is a ndarray: give a pandas DataFrame"):
        compare(frame.to_numpy(), "y", ["linear"])


def test_why_no_row_is_left_is_said(rng):
    frame = pd.DataFrame({"a": rng.standard_normal(45), "y": np.full(45, 1e200)})
    with pytest.raises(InputError, match=r"0 usable rows: a comparison needs at least 10 .*45 infinite values"):
        compare(frame, "y", ["linear"])


def test_a_regressor_does_not_predict_classes(rng):
    X, y = rng.standard_normal((45, 2)), np.arange(45) % 2
    with pytest.raises(ValueError, match=r"LinearRegression predicts .* none of the 2 classes: give a classifier"):
        answer(LinearRegression().fit(X, y), X, 2)


@pytest.mark.parametrize(("scale", "offset"), [(1e-250, 0.0), (1e-150, 0.0), (1.0, 0.0), (1e140, 0.0), (1.0, 1e12)])
def test_scores_of_targets_of_any_scale(rng, scale, offset):
    truth = rng.standard_normal(30)
    said, weight = truth + 0.3 * rng.standard_normal(30), rng.uniform(0.5, 2.0, 30)
    y, output = scale * truth + offset, Output(scale * said + offset)
    r2, _ = ALL["r2"](y, output, weight)
    rmse, influence = ALL["rmse"](y, output, weight)
    # An offset of 1e12 leaves four digits.
    assert r2 == pytest.approx(r2_score(truth, said, sample_weight=weight), rel=1e-3 if offset else 1e-12)
    expected = np.sqrt(mean_squared_error(truth, said, sample_weight=weight))
    assert rmse / scale == pytest.approx(expected, rel=1e-3 if offset else 1e-12)
    assert (influence / scale).sum() == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e150 / 3])
def test_a_constant_target_has_no_r2(value):
    y = np.full(7, value)
    assert np.isnan(ALL["r2"](y, Output(y), np.array([0.1, 0.7, 0.3, 1.1, 0.2, 0.9, 3.0]))[0])
