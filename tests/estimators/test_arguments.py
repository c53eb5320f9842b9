"""Wrong arguments of a method: the error names the user's class and what the method takes."""

import numpy as np
import pytest
from sklearn.base import is_classifier

import widelearn as wl

X = np.random.default_rng(0).standard_normal((30, 3))
FITTED = [value for name in wl.__all__ if isinstance(value := getattr(wl, name), type) and hasattr(value, "fit")]


@pytest.mark.parametrize("family", FITTED)
def test_an_unknown_argument_names_the_class(family):
    class Own(family):
        """A subclass of the user's."""

    Own.__init__ = family.__init__
    y = X[:, 0] > 0 if is_classifier(family()) else X[:, 0]
    for kind in (family, Own):
        with pytest.raises(TypeError, match=rf"^{kind.__name__}\.fit\(\) .*'wait'. It takes: X, y"):
            kind().fit(X, y, wait=1)
        with pytest.raises(TypeError, match=rf"^{kind.__name__}\.fit\(\) .*X"):
            kind().fit()


@pytest.mark.parametrize("family", [wl.RandomFeatures, wl.NystromFeatures])
def test_weights_where_there_are_none(family):
    with pytest.raises(TypeError, match=rf"^{family.__name__}\.fit\(\) .*'sample_weight'. It takes: X, y\."):
        family().fit(X, X[:, 0], sample_weight=np.ones(30))
