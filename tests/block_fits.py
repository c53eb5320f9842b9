"""What fits to blocks of rows are compared with."""

import numpy as np
import pytest

# Both sums are exact to rounding, and alpha bounds the condition number by about 1e5: 1e5 eps, times what n rows add.
CLOSE = {"rtol": 1e-9, "atol": 1e-9}


def same(model, whole, X):
    # Products of single precision are of rows less another origin: 1e2 eps.
    close = {"rtol": 1e-5, "atol": 1e-5} if whole.coef_.dtype == np.float32 else CLOSE
    np.testing.assert_allclose(model.coef_, whole.coef_, **close)
    np.testing.assert_allclose(model.intercept_, whole.intercept_, **close)
    np.testing.assert_allclose(model.predict(X), whole.predict(X), **close)
    assert model.coef_.dtype == whole.coef_.dtype
    assert set(vars(model)) == set(vars(whole))


def left_alone(model, error, match, *arguments, **options):
    """A call that fails, and leaves the estimator as it was."""
    before = dict(vars(model))
    with pytest.raises(error, match=match):
        model.fit_blocks(*arguments, **options)
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is value for name, value in before.items())
