"""Rows are held out and cut into folds by class, group or time; samples keep shares."""

import numpy as np
import pandas as pd
import pytest

from made_tables import frame, problem, said
from widelearn.experiments.tables.splits import sample


def test_split_is_stratified_and_seeded():
    data = frame(400)
    found = problem(data, "c")
    for side in ("train", "test"):
        assert np.bincount(found.arrays[f"y_{side}"])[0] / found.split[f"n_{side}"] == pytest.approx(
            (data["c"] == "p").mean(), abs=0.01
        )
    np.testing.assert_array_equal(problem(data, "c").arrays["X_test"], found.arrays["X_test"])
    assert not np.array_equal(problem(data, "c", seed=1).arrays["X_test"], found.arrays["X_test"])


@pytest.mark.parametrize("target", ["y", "c"])
def test_groups_stay_together(target):
    data = frame(240)
    data["g"] = np.arange(240) // 6
    data["mark"] = data["g"] + 0.5
    found = problem(data, target, group="g")
    mark = list(found.preparation.get_feature_names_out()).index("mark")
    train, test = (set(found.arrays[f"X_{side}"][:, mark]) for side in ("train", "test"))
    assert not train & test
    tuned = found.arrays["X_train"][found.arrays["tune"], mark]
    for fold in range(found.split["folds"]):
        fit, check = (set(tuned[found.arrays[f"fold{fold}_{side}"]]) for side in ("fit", "check"))
        assert not fit & check
    assert len(np.unique(found.arrays["group_test"])) == len(test)
    assert said(found.data["notes"], "'g' (group)")


def test_the_latest_rows_are_held_out():
    data = frame(200).sample(frac=1.0, random_state=0)
    data["t"] = pd.date_range("2020-01-01", periods=200, freq="D")[data.index].astype(str)
    data["order"] = data.index + 0.5
    found = problem(data.reset_index(drop=True), time="t")
    order = list(found.preparation.get_feature_names_out()).index("order")
    train, test = (found.arrays[f"X_{side}"][:, order] for side in ("train", "test"))
    assert (np.diff(train) > 0).all()
    assert train.max() < test.min()
    for fold in range(found.split["folds"]):
        assert found.arrays[f"fold{fold}_fit"].max() < found.arrays[f"fold{fold}_check"].min()


def test_rows_of_one_time_stay_together():
    data = frame(200).assign(year=np.repeat([2019, 2020, 2021, 2022, 2023], 40))
    found = problem(data, time="year")
    assert found.split["n_test"] == 40


def test_weights():
    data = frame().assign(w=np.r_[np.zeros(5), np.ones(115)])
    found = problem(data, weight="w")
    assert len(found.arrays["w_train"]) + len(found.arrays["w_test"]) == 115
    assert said(found.data["notes"], "weighted by 'w'")
    assert said(found.data["notes"], "5 rows without a positive weight")


def test_large_tables_are_tuned_on_a_stratified_sample():
    random = np.random.default_rng(0)
    rows = 16_000
    data = pd.DataFrame({"a": random.normal(size=rows), "c": np.where(np.arange(rows) % 1000 < 2, "few", "many")})
    found = problem(data, "c")
    codes = found.arrays["y_train"]
    for name, size in (("tune", 3_000), ("some", 8_000)):
        assert len(found.arrays[name]) == size
        assert np.mean(codes[found.arrays[name]] == 0) == pytest.approx(0.002, abs=3e-4)
    checks = np.concatenate([found.arrays[f"fold{k}_check"] for k in range(3)])
    np.testing.assert_array_equal(np.sort(checks), np.arange(3_000))


def test_samples_keep_shares_and_every_class():
    y = np.repeat([0, 1, 2], [9000, 990, 10])
    rows = sample(y, "classification", 1000, seed=3)
    np.testing.assert_array_equal(np.bincount(y[rows]), [900, 99, 1])
    np.testing.assert_array_equal(rows, sample(y, "classification", 1000, seed=3))
    assert (np.diff(rows) > 0).all()
    assert not np.array_equal(rows, sample(y, "classification", 1000, seed=4))
