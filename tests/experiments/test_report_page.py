"""Words for the terminal: names that were meant, lists, counts, and the cells of the printed table."""

import pytest

from widelearn.experiments.errors import counted, listing, nearest
from widelearn.experiments.report_page import memory_text, parameters_text


@pytest.mark.parametrize(
    ("found", "text"),
    [
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
