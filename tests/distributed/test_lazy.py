"""Nothing is computed before it is asked for, nor twice."""

import dask.array as da
import numpy as np
from dask.callbacks import Callback
from sklearn.base import clone

from lazy_rows import BLOCKS, MAPS, lazy
from widelearn import FeatureRidge, FeatureRidgeClassifier


class Counter(Callback):
    """How often Dask has computed anything."""

    def __init__(self):
        self.runs = 0
        super().__init__(start=self._count)

    def _count(self, graph):
        self.runs += 1


def test_outputs_are_lazy(rows):
    X, Y, _ = rows
    x, y, label = lazy(X, Y, Y[:, 0] > 10)
    regressor = FeatureRidge(MAPS["random"]).fit(x, y)
    classifier = FeatureRidgeClassifier(MAPS["random"]).fit(x, label)
    with Counter() as counter:
        outputs = {
            "predict": (regressor.predict(x), regressor.predict(X)),
            "classes": (classifier.predict(x), classifier.predict(X)),
            "decision": (classifier.decision_function(x), classifier.decision_function(X)),
            "transform": (MAPS["random"].fit_transform(x), clone(MAPS["random"]).fit_transform(X)),
        }
    assert counter.runs == 0
    for name, (values, wanted) in outputs.items():
        assert isinstance(values, da.Array), name
        assert (values.chunks[0], values.shape, values.dtype) == (x.chunks[0], wanted.shape, wanted.dtype), name
        np.testing.assert_allclose(values.compute(), wanted, err_msg=name)
        np.testing.assert_allclose(values[5:40].compute(), wanted[5:40], err_msg=name)


def test_a_block_that_rows_and_targets_are_cut_from_is_made_once(rows):
    X, Y, _ = rows
    made = []

    def block(x):
        made.append(len(x))
        return x

    whole = lazy(np.hstack([X, Y])).map_blocks(block, dtype=float, meta=np.empty((0, 0)))
    FeatureRidge(MAPS["random"]).fit(whole[:, :4], whole[:, 4:5], abs(whole[:, 5]))
    assert len(made) == BLOCKS


def test_dask_is_not_needed_for_arrays(script):
    code = """
import sys
import numpy as np
import widelearn as wl

x = np.eye(5)
wl.FeatureRidgeClassifier().fit(x, [0, 1, 0, 1, 0]).predict(x)
heavy = ("dask", "distributed", "widelearn.distributed")
print([name for name in sys.modules if name.startswith(heavy)])
"""
    assert script(code) == "[]\n"
