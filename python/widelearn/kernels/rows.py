"""Rows: what kernels take, checked once and made ready for the compiled core."""

from typing import Any, TypeGuard

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from widelearn.kernels import stored
from widelearn.runtime import Array, ordered

DTYPES = [np.float64, np.float32]
NATIVE = {np.dtype(dtype) for dtype in DTYPES}
# Up to so many numbers a look here spares scikit-learn's checks, which take longer than small jobs.
FEW_NUMBERS = 1 << 17


def as_rows(X: ArrayLike, name: str = "X") -> tuple[Array, bool]:
    """Return `X` as finite, aligned, native, C-contiguous rows of float32 or float64, and whether it was one row.

    float32 is kept, every other real type becomes float64; a one-dimensional `X` is one row. Sparse rows are compressed
    ones in which each column stands once, in order.
    """
    if issparse(X):
        return ordered(check_array(undamaged(X), dtype=DTYPES, accept_sparse="csr", input_name=name)), False
    if is_plain(X) and X.flags.carray:
        return X, False
    single = np.ndim(X) == 1
    x = check_array(np.asarray(X).reshape(1, -1) if single else X, dtype=DTYPES, order="C", input_name=name)
    x = np.require(x, requirements=["C", "ALIGNED"])
    return x, single


def is_plain(X: Any) -> TypeGuard[Array]:
    """Whether checks would return rows as they are: few finite numbers of a type that is kept, and no subclass."""
    whole = type(X) is np.ndarray and X.ndim == 2 and X.dtype in NATIVE and 0 < X.size <= FEW_NUMBERS
    return whole and bool(np.isfinite(X).all())


def new_rows(fitted: Any, X: ArrayLike, **options: Any) -> Any:
    """Return validated rows like those that an object was fitted to."""
    known = vars(fitted)
    if is_plain(X) and X.shape[1] == known.get("n_features_in_") and "feature_names_in_" not in known:
        return X
    return validate_data(fitted, undamaged(X), dtype=DTYPES, reset=False, **options)


def rows_and_targets(draft: Any, X: Any, y: Any, *, reset: bool, **options: Any) -> tuple[Any, Any]:
    """Return validated rows and targets, which fix the columns that a draft knows, or are like earlier ones."""
    known = vars(draft)
    plain = is_plain(X) and type(y) is np.ndarray and y.ndim in (1, 2) and y.dtype in NATIVE and y.size > 0
    if plain and len(X) == len(y) and np.isfinite(y).all():
        if reset:
            known.pop("feature_names_in_", None)
            draft.n_features_in_ = X.shape[1]
            return X, y
        if X.shape[1] == known.get("n_features_in_") and "feature_names_in_" not in known:
            return X, y
    if options.get("y_numeric"):
        check_dense_targets(y)
    return validate_data(draft, undamaged(X), y, dtype=DTYPES, reset=reset, multi_output=True, **options)


def check_dense_targets(y: Any) -> None:
    """Refuse numbers to be predicted that are stored as a sparse matrix; a multilabel indicator may be one."""
    if is_sparse(y):
        shape = " x ".join(map(str, y.shape))
        raise TypeError(f"y is a sparse matrix ({shape}), and targets are dense: pass y.toarray(), or its one column.")


def undamaged(X: Any) -> Any:
    """Return rows; refuse compressed ones whose parts do not belong together: libraries read past the end of such."""
    if not is_sparse(X) or X.format not in ("csr", "csc"):
        return X
    lines, across = X.shape if X.format == "csr" else X.shape[::-1]
    what, where = ("row", "column") if X.format == "csr" else ("column", "row")
    indptr, stored = X.indptr, min(len(X.indices), len(X.data))
    ends = len(indptr) == lines + 1 and indptr[0] == 0 and indptr[-1] <= stored
    if not ends or (np.diff(indptr) < 0).any():
        raise ValueError(
            f"X is damaged: its indptr must be {lines + 1} numbers that rise from 0 to at most {stored}, the number of"
            f" stored values, and tell where {what}s begin."
        )
    places = X.indices[: indptr[-1]]
    if len(places) and not 0 <= (least := places.min()) <= (most := places.max()) < across:
        wrong = least if least < 0 else most
        raise ValueError(f"X is damaged: a value is stored in {where} {wrong}, and there are {across} {where}s.")
    return X


def is_sparse(X: Any) -> bool:
    """Whether it is one of SciPy's sparse matrices or arrays."""
    return issparse(X)


def check_square(K: Array) -> None:
    """Refuse a matrix that is precomputed for the fitted rows and not square."""
    if K.shape[0] != K.shape[1]:
        raise ValueError(f"A precomputed kernel matrix must be square at fit, got shape {K.shape}.")


def as_pair(X: ArrayLike, Y: ArrayLike | None) -> tuple[Array, Array | None, list[int]]:
    """Return `X` and `Y` as rows of one dtype and the axes of K(X, Y) to keep; None where `Y` is `X` itself."""
    x, single = as_rows(X)
    if Y is None or Y is X:
        return x, None, [0, 0] if single else [1, 1]
    y, single_y = as_rows(Y, "Y")
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"X has {x.shape[1]} features, but Y has {y.shape[1]}: both must have as many.")
    x, y = stored.alike(x, y)
    dtype = np.result_type(x.dtype, y.dtype)
    return x.astype(dtype, copy=False), y.astype(dtype, copy=False), [not single, not single_y]
