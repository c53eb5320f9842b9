"""Which directions of the rows a fitted quadratic model has found, and their angles to the true ones."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import subspace_angles

from widelearn.diagnostics.taylor_problem import fitted_net, refuse_order
from widelearn.runtime import in_range
from widelearn.theory import hermite_coefficients

Array = NDArray[np.float64]

# Degrees of σ'' that are looked at, and the share of degree 0 from which signs of neurons tell directions.
DEGREES, SIGNED = 40, 0.5
# Eigenvalues below this share of the largest are noise.
SMALL = 0.02


@dataclass(frozen=True, eq=False)
class Directions:
    """Hold directions that a model has found, the heaviest first, and angles to true ones.

    Parameters
    ----------
    vectors : ndarray of shape (k, d)
        Orthonormal rows in the model's units of rows; unit rows, not orthogonal, for a model that whitens.
    weights : ndarray of shape (d,)
        All eigenvalues of the form, largest absolute value first.
    angles : ndarray of shape (min(k, r),), or None
        Principal angles in degrees between the span of the vectors and that of r true directions, largest first.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.diagnostics import Directions
    >>> Directions(np.eye(2)[:1], np.array([1.0, 0.0]), np.array([3.0])).angles
    array([3.])
    """

    vectors: Array
    weights: Array
    angles: Array | None


@in_range
def directions(model: Any, n_directions: int | None = None, *, truth: ArrayLike | None = None) -> Directions:
    """Return the directions that a fitted quadratic model depends on most, and their angles to the truth.

    They are the eigenvectors, largest absolute eigenvalues first, of Σ_r a_r w_r w_rᵀ where σ'' is mostly its mean: the
    model is then about xᵀ(½ c''_0 Σ_r a_r w_r w_rᵀ)x. For another σ'' they are those of Σ_r ‖a_r‖ w_r w_rᵀ.

    Parameters
    ----------
    model : TaylorRegressor or TaylorClassifier
        Fitted with order=2.
    n_directions : int, optional
        k; None is the number of true ones or, without truth, that up to the largest ratio of consecutive eigenvalues,
        those below 2 % of the largest being taken for 2 %.
    truth : array-like of shape (r, d), optional
        True directions in the rows' units, such as `directions` of :mod:`widelearn.datasets`.

    Returns
    -------
    Directions
        Vectors, all eigenvalues, and principal angles.

    Raises
    ------
    ValueError
        If the order or shapes do not fit, or a number is out of range.
    TypeError
        If the model is no fitted Taylor model.

    Notes
    -----
    m d² + d³ operations. Several outputs add up: Σ_rc |c-th form|, by the square root of the sum of squared forms.

    References
    ----------
    Bai & Lee, "Beyond linearization: on quadratic and higher-order approximation of wide neural networks", ICLR 2020,
    section 5: movements of low rank express targets of few directions.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import TaylorRegressor
    >>> from widelearn.diagnostics import directions
    >>> X = np.random.default_rng(0).choice([-1.0, 1.0], (400, 20))
    >>> model = TaylorRegressor(random_state=0).fit(X, X[:, 0] * X[:, 1])
    >>> bool(directions(model, truth=np.eye(20)[:2]).angles.max() < 5)
    True
    """
    refuse_order(model, "Recovery of directions")
    expansion, W = fitted_net(model)
    d = model.W_.shape[1]
    # A threshold is no direction of the rows.
    W = W[:, :d]
    axes = None if truth is None else _true(truth, d)
    row = hermite_coefficients(expansion.activation, DEGREES, derivative=2)
    signed = row[0] ** 2 >= SIGNED * float(row @ row)
    if signed:
        forms = np.einsum("rc,ri,rj->cij", expansion.a, W, W, optimize=True)
    else:
        forms = ((np.linalg.norm(expansion.a, axis=1)[:, None] * W).T @ W)[None]
    # One form keeps its signs; of several the squares add up.
    form = forms[0] if len(forms) == 1 else np.einsum("cij,cjk->ik", forms, forms)
    values, vectors = np.linalg.eigh(form)
    if len(forms) > 1:
        values = np.sqrt(np.maximum(values, 0.0))
    order = np.argsort(-np.abs(values), kind="stable")
    weights, found = values[order], vectors[:, order].T
    count = _count(n_directions, weights, axes, d)
    vectors = found[:count]
    if model.whiten:
        vectors = vectors @ np.asarray(model.whitening_, dtype=float)
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    angles = None if axes is None else np.degrees(subspace_angles(vectors.T, axes.T))
    return Directions(vectors, weights, angles)


def _true(truth: ArrayLike, d: int) -> Array:
    axes = np.asarray(truth, dtype=float)
    if axes.ndim != 2 or axes.shape[1] != d or not len(axes) or not np.isfinite(axes).all():
        raise ValueError(f"truth must be finite directions of shape (r, {d}), got shape {axes.shape}.")
    return axes


def _count(n_directions: int | None, weights: Array, axes: Array | None, d: int) -> int:
    """Return how many directions are wanted."""
    if n_directions is not None:
        if not isinstance(n_directions, Integral) or not 1 <= n_directions <= d:
            raise ValueError(f"n_directions must be from 1 to {d}, a whole number, got {n_directions!r}.")
        return int(n_directions)
    if axes is not None:
        return min(len(axes), d)
    sizes = np.abs(weights)
    if d == 1 or not sizes[0] > 0:
        return 1
    sizes = np.maximum(sizes, SMALL * sizes[0])
    return int(np.argmax(sizes[:-1] / sizes[1:])) + 1
