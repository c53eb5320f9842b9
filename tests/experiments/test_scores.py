"""Scores are scikit-learn's; standard errors are those of other held-out samples."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, r2_score

from widelearn.experiments.comparison.scores import score, standard_error


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


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_grouped_standard_error_is_the_delete_one_jackknife(rng, task):
    y, p, w = rng.integers(0, 3, 60), rng.integers(0, 3, 60), rng.uniform(size=60)
    group = rng.integers(0, 12, 60)
    groups = np.unique(group)
    left_out = np.array([score(task, y[group != g], p[group != g], w[group != g]) for g in groups])
    m = len(groups)
    expected = np.sqrt((m - 1) / m * np.sum((left_out - left_out.mean()) ** 2))
    # closed form against refitting: differences of sums of 60 terms, so 60 roundings
    assert standard_error(task, y, p, w, group) == pytest.approx(expected, rel=1e-10)


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
