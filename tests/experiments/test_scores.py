"""Scores are scikit-learn's; standard errors are those of other held-out samples."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn import metrics
from sklearn.metrics import accuracy_score, r2_score

from widelearn.experiments.comparison.scores import ALL, Output, score, spread, standard_error, wilson


@pytest.mark.parametrize("weighted", [False, True])
def test_scores_are_scikit_learns(rng, weighted):
    y, p = rng.normal(size=50), rng.normal(size=50)
    w = rng.uniform(size=50) if weighted else None
    assert score("regression", y, p, w) == pytest.approx(r2_score(y, p, sample_weight=w), abs=1e-12)
    assert score("classification", y > 0, p > 0, w) == pytest.approx(
        accuracy_score(y > 0, p > 0, sample_weight=w), abs=1e-12
    )


def test_standard_error_of_accuracy_is_binomial():
    y, p = np.zeros(200, int), np.r_[np.ones(30, int), np.zeros(170, int)]
    assert standard_error("classification", y, p) == pytest.approx(np.sqrt(0.85 * 0.15 / 200), rel=1e-12)


def outputs(rng, n=300, classes=3):
    y = np.r_[np.arange(classes), rng.integers(0, classes, n - classes)]
    p = rng.dirichlet(np.ones(classes), n) + 0.7 * (y[:, None] == np.arange(classes))
    p /= p.sum(axis=1, keepdims=True)
    return y, Output(p.argmax(axis=1), np.round(p, 2) / np.round(p, 2).sum(axis=1, keepdims=True))


def numbers(rng, n=300):
    y = rng.normal(size=n)
    return y, Output(y + 0.5 * rng.normal(size=n))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_every_metric_is_scikit_learns(rng, classes, weighted):
    y, output = outputs(rng, classes=classes)
    w = rng.uniform(0.5, 2, len(y)) if weighted else None
    area = metrics.roc_auc_score(y == 1, output.probability[:, 1], sample_weight=w)
    if classes == 3:
        area = np.mean([metrics.roc_auc_score(y == c, output.probability[:, c], sample_weight=w) for c in range(3)])
    expected = {
        "accuracy": metrics.accuracy_score(y, output.prediction, sample_weight=w),
        "balanced_accuracy": metrics.balanced_accuracy_score(y, output.prediction, sample_weight=w),
        "auc": area,
        "log_loss": metrics.log_loss(y, np.maximum(output.probability, 1e-15), sample_weight=w),
        "brier": metrics.brier_score_loss(
            y, output.probability[:, 1] if classes == 2 else output.probability, sample_weight=w
        ),
    }
    if classes == 2:
        # two columns that add up to 1 after clipping
        expected["log_loss"] = metrics.log_loss(y, output.probability, sample_weight=w)
    for name, value in expected.items():
        assert ALL[name](y, output, w)[0] == pytest.approx(value, abs=1e-9), name
    y, output = numbers(rng)
    w = rng.uniform(0.5, 2, len(y)) if weighted else None
    for name, value in {
        "r2": metrics.r2_score(y, output.prediction, sample_weight=w),
        "rmse": metrics.root_mean_squared_error(y, output.prediction, sample_weight=w),
        "mae": metrics.mean_absolute_error(y, output.prediction, sample_weight=w),
    }.items():
        assert ALL[name](y, output, w)[0] == pytest.approx(value, abs=1e-12), name


@pytest.mark.parametrize("name", list(ALL))
def test_influences_are_derivatives_by_weights(rng, name):
    y, output = outputs(rng) if ALL[name].task == "classification" else numbers(rng)
    w = rng.uniform(0.5, 2, len(y))
    influence = ALL[name](y, output, w)[1]
    for row in range(0, len(y), 37):
        up, down = (w * (1 + step * (np.arange(len(y)) == row)) for step in (1e-4, -1e-4))
        slope = (ALL[name](y, output, up)[0] - ALL[name](y, output, down)[0]) / 2e-4
        # central differences: an error of step² and rounding over step
        assert influence[row] == pytest.approx(slope, abs=1e-9)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_grouped_standard_error_is_near_the_delete_one_jackknife(rng, task):
    y, p, w = rng.integers(0, 3, 600), rng.integers(0, 3, 600), rng.uniform(size=600)
    group = rng.integers(0, 60, 600)
    groups = np.unique(group)
    left_out = np.array([score(task, y[group != g], p[group != g], w[group != g]) for g in groups])
    m = len(groups)
    expected = np.sqrt((m - 1) / m * np.sum((left_out - left_out.mean()) ** 2))
    # they differ by what is of the second order in 1 / m
    assert standard_error(task, y, p, w, group) == pytest.approx(expected, rel=3 / m)


def test_a_paired_difference_is_surer_than_two_scores(rng):
    y = rng.integers(0, 2, 400)
    one = np.where(rng.uniform(size=400) < 0.2, 1 - y, y)
    two = np.where(rng.uniform(size=400) < 0.02, 1 - one, one)
    parts = [ALL["accuracy"](y, Output(p))[1] for p in (one, two)]
    found = (y == one).astype(float) - (y == two)
    assert spread(parts[0] - parts[1]) == pytest.approx(found.std() / 20, rel=1e-12)
    assert spread(parts[0] - parts[1]) < spread(parts[0])


def test_wilsons_interval_of_rows_that_count_as_one_holds_the_share():
    # Of 10 rows none, and half: the roots of (p - s)^2 = z^2 p (1 - p) / n.
    assert wilson(0.0, 0.0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(0.5, 0.0, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    for n in range(1, 500):
        for share in (0.0, 1 / n, 1.0):
            low, high = wilson(share, 0.0, n)
            assert 0 <= low <= share <= high <= 1


def test_wilsons_interval_is_scipys():
    low, high = wilson(0.9, np.sqrt(0.09 / 50), 50)
    expected = binomtest(45, 50).proportion_ci(method="wilson")
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert wilson(1.0, 0.0, 45)[1] == wilson(1.0, 0.0, 30)[1] == 1.0
    assert wilson(1.0, 0.0, 45) == pytest.approx((1 - 0.0786, 1.0), abs=1e-4)


def test_standard_error_of_r2_matches_repeated_samples(rng):
    def draw(n):
        y = rng.normal(size=n)
        return y, y + 0.5 * rng.normal(size=n)

    repeated = [score("regression", *draw(200)) for _ in range(400)]
    estimated = np.mean([standard_error("regression", *draw(200)) for _ in range(100)])
    # the spread of 400 draws is itself known to 1 / sqrt(800) = 3.5 %; 4 of those
    assert estimated == pytest.approx(np.std(repeated), rel=0.15)


def test_undefined_scores_are_nan():
    assert np.isnan(score("regression", np.ones(4), np.ones(4)))
    assert np.isnan(standard_error("regression", np.array([1.0]), np.array([1.0])))
