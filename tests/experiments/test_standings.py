"""What rows mean, in words: who was chosen, how far ahead it is, and whether that is sure."""

import pytest

import compared_results
from compared_results import pair
from widelearn.experiments.comparison.standings import number, ranked, verdict, with_error


def test_rows_are_ranked_by_cross_validation():
    models = [row["model"] for row in ranked(compared_results.classification())]
    assert models == ["ntk", "rbf", "linear", "dummy", "taylor"]
    # Of losses the least is the best.
    assert [row["model"] for row in ranked(compared_results.regression())][::2] == ["ntk", "dummy"]


def test_verdict_of_a_classification():
    assert verdict(compared_results.classification()) == [
        "Chosen is ntk, by the best cross-validated accuracy: 0.9400 ± 0.0110.",
        "On 125 held-out rows that took no part in the choice: accuracy 0.9300 (95 % interval 0.9060 to 0.9540).",
        "That is 0.5900 ± 0.0400 better than the baseline dummy, which looks at no column.",
        "The runner-up, rbf, is 0.0060 ± 0.0100 ahead of it on the same held-out rows: the two cannot be told apart.",
    ]


def test_verdict_of_losses_over_repeats():
    found = " ".join(verdict(compared_results.regression()))
    assert "by the least cross-validated RMSE: 2.1000 ± 0.0110." in found
    assert "mean of 3 splits: RMSE 2.2000 ± 0.0120." in found
    assert "6.5000 ± 0.4000 better than the baseline" in found
    assert found.endswith("sklearn_random_forest, is 0.4000 ± 0.1000 behind it on the same held-out rows.")


@pytest.mark.parametrize(
    ("model", "change", "words"),
    [
        (
            "ntk",
            {"over_dummy": pair(0.05, 0.04)},
            (
                "0.0500 ± 0.0400 better than the baseline dummy, which looks at no "
                "column, too little to tell the two apart."
            ),
        ),
        (
            "ntk",
            {"over_dummy": pair(-0.05, None)},
            "0.0500 worse than the baseline dummy, which looks at no column, and its error is unknown.",
        ),
        ("linear", {"difference": pair(-0.01, 0.02)}, "Not to be told from it are rbf, linear."),
        (
            "rbf",
            {"difference": pair(-0.1, None)},
            "rbf, is 0.1000 behind it on the same held-out rows, with an unknown",
        ),
    ],
)
def test_verdict_says_what_is_not_sure(model, change, words):
    results = compared_results.classification()
    next(row for row in results["rows"] if row["model"] == model).update(change)
    assert words in " ".join(verdict(results))


def test_verdict_without_a_choice_or_for_the_baseline():
    results = compared_results.classification()
    assert verdict(results | {"chosen": None}) == ["No method was chosen: none has a cross-validated score."]
    found = " ".join(verdict(results | {"chosen": "dummy"}))
    assert "That is the baseline, which looks at no column: no method learned anything" in found
    alone = results | {"rows": [row for row in results["rows"] if row["model"] == "ntk"]}
    assert len(verdict(alone)) == 3


def test_numbers():
    assert [number(value) for value in (0.5, -12.345, 12345.6, 1.5e9)] == ["0.5000", "-12.3", "12,345.6", "1.5e+09"]
    assert [number(value) for value in (-1e-9, -0.0001)] == ["0.0000", "-0.0001"]
    assert [with_error(*pair) for pair in ((None, 1.0), (0.5, None), (1.0, 0.0))] == ["undefined", "0.5000", "1.0000"]
