"""Rows that are looked at here instead of by scikit-learn: the same arrays, the same refusals."""

import numpy as np
import pandas as pd
import pytest
from sklearn.utils.validation import validate_data

from widelearn import KernelRidge, RandomFeatures
from widelearn.kernels import RBF, Polynomial
from widelearn.kernels.operators import fitted_product
from widelearn.kernels.rows import DTYPES, FEW_NUMBERS, is_plain, new_rows, rows_and_targets
from widelearn.runtime import NumberOverflowError


def guises(X):
    """Name -> rows that are right or wrong in some way."""
    spoilt = X.copy()
    spoilt[1, 1] = np.nan
    return {
        "as they are": X,
        "float32": X.astype(np.float32),
        "integers": X.astype(int),
        "other bytes": X.astype(">f8"),
        "Fortran": np.asfortranarray(X),
        "strided": np.repeat(X, 2, axis=0)[::2],
        "list": X.tolist(),
        "frame": pd.DataFrame(X, columns=list("abcde")),
        "masked": np.ma.masked_array(X),
        "one row": X[0],
        "no rows": X[:0],
        "no columns": X[:, :0],
        "narrow": X[:, :4],
        "cube": X[None],
        "missing": spoilt,
        "infinite": np.where(X > 1.0, np.inf, X),
        "text": X.astype(str),
        "complex": X + 0j,
        "objects": X.astype(object),
    }


def outcome(check, *args, **options):
    try:
        found = check(*args, **options)
    except (TypeError, ValueError, UserWarning) as error:
        return type(error), str(error)
    return [(part.dtype, part.tolist()) for part in (found if isinstance(found, tuple) else (found,))]


@pytest.mark.parametrize("name", guises(np.ones((2, 5))))
def test_outcomes_are_scikit_learns(rng, name):
    X = rng.standard_normal((12, 5))
    given, y = guises(X)[name], X[:, 0]
    fitted = RandomFeatures(10, random_state=0).fit(X)
    options = {"dtype": DTYPES, "reset": False}
    assert outcome(new_rows, fitted, given) == outcome(validate_data, fitted, given, **options)
    for targets in (y, y.tolist(), y[:-1], y[:, None], np.where(y > 0, np.nan, y), (y > 0).astype(int), y[None, None]):
        for reset in (True, False):
            ours, theirs = (RandomFeatures(10, random_state=0).fit(X) for _ in range(2))
            options = {"dtype": DTYPES, "multi_output": True, "reset": reset}
            found = outcome(rows_and_targets, ours, given, targets, reset=reset)
            assert found == outcome(validate_data, theirs, given, targets, **options)
            assert vars(ours).keys() == vars(theirs).keys()
            assert ours.n_features_in_ == theirs.n_features_in_


def test_names_of_columns_are_asked_for_and_forgotten(rng):
    X = rng.standard_normal((12, 5))
    fitted = RandomFeatures(10, random_state=0).fit(pd.DataFrame(X, columns=list("abcde")))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        new_rows(fitted, X)
    rows_and_targets(fitted, X, X[:, 0], reset=True)
    assert not hasattr(fitted, "feature_names_in_")


def test_many_numbers_are_scikit_learns_to_look_at():
    assert is_plain(np.zeros((2, FEW_NUMBERS // 2)))
    assert not is_plain(np.zeros((2, FEW_NUMBERS // 2 + 1)))


def test_products_with_fitted_rows_have_the_bits_of_products(rng):
    X, Y, V = rng.standard_normal((9, 5)), rng.standard_normal((40, 5)), rng.standard_normal((40, 3))
    for kernel in (RBF(gamma=0.3), RBF() + Polynomial(), RBF() * Polynomial(degree=2)):
        for x, y, v in ((X, Y, V), (X.astype(np.float32), Y, V), (X, np.asfortranarray(Y), V[:, ::-1]), (Y, Y, V)):
            np.testing.assert_array_equal(fitted_product(kernel, x, y, v), kernel.dot(x, y.view(), v))


def test_rows_that_overflow_are_refused_in_predictions(rng):
    X = rng.standard_normal((30, 4))
    model = KernelRidge(Polynomial(degree=3)).fit(X, X[:, 0])
    with pytest.raises(ValueError, match="overflows float64 at row 1 of X"):
        model.predict(np.vstack([X[:1], 1e120 * X[:1]]))
    # What was spoilt after the fit is not computed with.
    model.X_fit_[3] = np.nan
    with pytest.raises(NumberOverflowError, match="row 3"):
        model.predict(X[:2])
