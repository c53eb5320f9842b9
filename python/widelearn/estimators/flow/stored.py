"""What flows ask of sparse rows, of which none is made dense: which are one, and how long columns are."""

from typing import Any

import numpy as np

from widelearn.ridge.centred_rows import turned
from widelearn.runtime import Array, ordered, sparse_arrays


def values_of(X: Any) -> Array:
    """Return the numbers of rows that are not zero for certain."""
    found: Array = X.data if hasattr(X, "indptr") else X
    return found


def without_zeros(X: Any) -> Any:
    """Return sparse rows, each column once and in order, that store no zeros."""
    found = ordered(X).copy()
    found.eliminate_zeros()
    return found


def contents(X: Any) -> Array:
    """Return the number of every sparse row's content among the distinct ones, in the order of dense rows.

    A row is read as what it stores: of two rows that part in column k, the one whose value there is larger comes last,
    and what is not stored is zero. So a positive value ranks above an end, the further left the higher, and a negative
    one below it, the further left the lower.
    """
    X = without_zeros(X)
    indptr, columns, values = sparse_arrays(X)
    sign = np.sign(values)
    order = np.lexsort((values, -sign * columns, sign))
    new = np.ones(len(order), bool)
    new[1:] = (columns[order[1:]] != columns[order[:-1]]) | (values[order[1:]] != values[order[:-1]])
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.cumsum(new)
    end = int(ranks[sign < 0].max(initial=0)) + 1
    ranks[sign > 0] += 1
    # Bytes compare as numbers do, the highest first.
    tokens, last = ranks.astype(">i8"), np.array([end], ">i8").tobytes()
    keys = [tokens[indptr[i] : indptr[i + 1]].tobytes() + last for i in range(X.shape[0])]
    place = {key: number for number, key in enumerate(sorted(set(keys)))}
    return np.array([place[key] for key in keys], np.intp)


def alike(X: Any) -> bool:
    """Whether all sparse rows are one."""
    return not len(X.indptr) or int(contents(X).max(initial=0)) == 0


def lengths(X: Any, share: Array, fit_intercept: bool) -> tuple[Array, Array]:
    """Return weighted mean squares (d,) of columns of sparse rows, and those about the mean, in units of a power of 2.

    Without an intercept the latter are the former.
    """
    indptr, columns, values = sparse_arrays(ordered(X))
    exponent = int(np.frexp(np.abs(values).max(initial=0.0))[1])
    units, d, weight = np.ldexp(values.astype(np.float64), -exponent), X.shape[1], share[:, None]
    squares = turned((indptr, columns, units**2), d, weight)[:, 0]
    if not fit_intercept:
        return squares, squares
    mean = turned((indptr, columns, units), d, weight)[:, 0]
    there = turned((indptr, columns, np.ones(len(units))), d, weight)[:, 0]
    about = turned((indptr, columns, (units - mean[columns]) ** 2), d, weight)[:, 0]
    # Shares of rows that are all stored add up to 1 but for rounding, which is no zero.
    zeros = np.where(np.bincount(columns, minlength=d) < X.shape[0], np.maximum(1.0 - there, 0.0), 0.0)
    return squares, about + zeros * mean**2
