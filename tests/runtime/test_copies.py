"""Copies that are made in parts are those made at once."""

import numpy as np
import pytest

from widelearn.runtime import arrays, crossing, doubles


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("at_once", [1, 7, 100, 1 << 22])
def test_parts_are_the_whole(dtype, at_once, monkeypatch):
    monkeypatch.setattr(arrays, "COPIED", at_once)
    rng = np.random.default_rng(0)
    K = rng.standard_normal((23, 17)).astype(dtype)
    for given in (K, np.asfortranarray(K), K[::-1, ::2]):
        rows, columns = rng.integers(0, given.shape[0], 9), rng.integers(0, given.shape[1], 5)
        found = crossing(given, rows, columns)
        np.testing.assert_array_equal(found, given[np.ix_(rows, columns)], strict=True)
        assert found.flags.c_contiguous
        np.testing.assert_array_equal(doubles(given), given.astype(np.float64), strict=True)
    assert crossing(K, rows[:0], columns).shape == (0, 5)
