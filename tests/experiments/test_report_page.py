"""Words for the terminal: names that were meant, lists, counts, and the cells of the printed table."""

import pytest

from widelearn.experiments.errors import counted, listing, nearest
from widelearn.experiments.report_page import memory_text, parameters_text, ranked, score_text


def test_rows_are_ranked_by_falling_score():
    rows = [{"score": None}, {"score": -0.3}, {"score": 0.0}]
    assert [row["score"] for row in ranked(rows)] == [0.0, -0.3, None]


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (score_text({"score": 0.9876, "score_se": 0.0051}), "0.9876 ± 0.0051"),
        (score_text({"score": 0.5, "score_se": None}), "0.5000"),
        (score_text({"score": None, "score_se": None}), "undefined"),
        (memory_text(3 * 1024**2), "3 MiB"),
        (memory_text(None), "unknown"),
        (parameters_text({"gamma": 0.0625, "alpha": 0.01}), "gamma 0.0625, alpha 0.01"),
        (nearest("Prise", ["carat", "price"]), "did you mean 'price'?"),
        (nearest("x", ["carat", "price"]), "there are carat, price"),
        (listing(["a", "b", "c"], most=2), "a, b and 1 more"),
        (counted(1, "row"), "1 row"),
        (counted(1200, "row"), "1,200 rows"),
    ],
)
def test_texts(found, text):
    assert found == text
