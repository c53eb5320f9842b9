"""Products of few rows of many columns: sums in extended precision, the same bits for every number of threads."""

import numpy as np
import pytest

from widelearn import runtime
from widelearn.kernels import long_rows
from widelearn.kernels.long_rows import own_products, products


@pytest.fixture
def threads():
    before = runtime.get_num_threads()
    yield runtime.set_num_threads
    runtime.set_num_threads(before)


@pytest.mark.parametrize("seed", range(12))
def test_products_are_sums_in_extended_precision_for_every_number_of_threads(monkeypatch, threads, seed):
    rng = np.random.default_rng(seed)
    n, m, p = (int(rng.integers(1, most)) for most in (40, 30, 5000))
    dtypes = [(np.float64, np.float64), (np.float32, np.float32), (np.float32, np.float64)][seed % 3]
    A, B = (rng.standard_normal((k, p)).astype(dtype) for k, dtype in zip((n, m), dtypes, strict=True))
    # Tiles, ranges and parts of them, as they are of large ones.
    for name, value in (("TILE", 16), ("ENOUGH", 1 << 10), ("WORK", 1 << 14)):
        monkeypatch.setattr(long_rows, name, value)
    found = []
    for count in (1, 2, 3):
        threads(count)
        found.append((products(A, B), own_products(A)))
    for across, own in found[1:]:
        np.testing.assert_array_equal(across, found[0][0])
        np.testing.assert_array_equal(own, found[0][1])
    # Ulps of the sums of sizes; parts of float32 columns are summed in float32.
    unit = {np.float64: 2e-15, np.float32: 2e-6}
    big = A.astype(np.longdouble), B.astype(np.longdouble)
    for one, (C, D), dtype in zip(found[0], (big, big[:1] * 2), (max(dtypes, key=str), dtypes[0]), strict=True):
        exact, size = C @ D.T, np.abs(C) @ np.abs(D).T
        assert one.dtype == np.float64
        assert (np.abs(one - exact) <= unit[dtype] * size).all()
    np.testing.assert_array_equal(found[0][1], found[0][1].T)


def test_an_error_of_one_range_ends_the_others(monkeypatch, threads):
    threads(2)
    monkeypatch.setattr(long_rows, "ENOUGH", 1)
    monkeypatch.setattr(long_rows, "WORK", 1)
    seen = []

    def refuse(A, B, columns, stop):
        seen.append((columns.start, stop))
        if columns.start == 0:
            raise KeyboardInterrupt
        assert stop.wait(20)

    monkeypatch.setattr(long_rows, "summed", refuse)
    A = np.ones((3, 64))
    with pytest.raises(KeyboardInterrupt):
        products(A, A)
    assert all(stop.is_set() for _, stop in seen)
