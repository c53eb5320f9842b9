"""Rows as Dask collections, and what a fit to them is compared with."""

from contextlib import contextmanager

import dask
import dask.array as da
import numpy as np
import pytest
from sklearn.preprocessing import PolynomialFeatures

from widelearn import FourierFeatures, RandomFeatures

# Sums in another order differ by eps sqrt(n), and the solution by that times the condition number, at most 1e5 here
# (asserted): 5e-10 at worst, and 1e-10 is asked for.
CLOSE = {"rtol": 1e-10, "atol": 1e-10}
MAPS = {
    "random": RandomFeatures(30, random_state=0),
    "open seed": RandomFeatures(30),
    "many": RandomFeatures(300, bias_scale=1.0, random_state=0),
    "fourier": FourierFeatures(n_components=31, random_state=0),
    "passthrough": "passthrough",
    "polynomial": PolynomialFeatures(2),
}
N, BLOCKS = 240, 20
COLUMNS = list("abcd")


def lazy(*arrays, blocks=BLOCKS):
    """Cut arrays into blocks of rows, not all of the same length."""
    cuts = np.linspace(0, len(arrays[0]), blocks + 1).astype(int)
    found = [da.from_array(a, chunks=(tuple(np.diff(cuts)), *a.shape[1:])) for a in arrays]
    return found if len(found) > 1 else found[0]


def unknown(array):
    """The same blocks, of lengths that Dask does not know."""
    return da.concatenate(
        [da.from_delayed(block, (np.nan, *array.shape[1:]), array.dtype) for block in array.to_delayed().ravel()],
        allow_unknown_chunksizes=True,
    )


def lying(array, number, change):
    """An array of which one block is not what Dask was told."""

    def block(x, block_info=None):
        return change(x) if block_info and block_info[0]["chunk-location"][0] == number else x

    return array.map_blocks(block, dtype=array.dtype, meta=np.empty((0,) * array.ndim, array.dtype))


def same(model, whole, X, close=CLOSE):
    np.testing.assert_allclose(model.coef_, whole.coef_, **close)
    np.testing.assert_allclose(model.predict(X), whole.predict(X), **close)
    assert model.coef_.dtype == whole.coef_.dtype
    assert set(vars(model)) == set(vars(whole))


@contextmanager
def computing(client):
    with client.as_current(), dask.config.set(scheduler="distributed"):
        yield


def left_alone(model, error, match, *arguments):
    before = dict(vars(model))
    with pytest.raises(error, match=match):
        model.fit(*arguments)
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is value for name, value in before.items())
