"""What a fitted model says on a plane through its rows: decision regions, with the rows beside them."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from widelearn.diagnostics.net_paths import rows_of
from widelearn.runtime import capped, check_memory, row_blocks

Array = NDArray[np.float64]

# Points of the plane that are asked for at once, and most points along one side.
BLOCK, MOST = 8192, 4096
# Coordinates whose squares, and twice as large ones, are numbers.
FARTHEST = 1e150


@dataclass(frozen=True, eq=False)
class DecisionPlane:
    """Hold a model's outputs on the points c + s u + t v of a plane, and rows projected onto it.

    Parameters
    ----------
    grid : ndarray of shape (g,)
        The values of s, and of t.
    values : ndarray of shape (g, g)
        Outputs at t (rows) and s (columns): a decision between two classes or predicted numbers, or for more classes
        the places of the predicted ones in `classes`.
    points : ndarray of shape (n, 2)
        The rows' s and t.
    labels : tuple of str of length n
        What the rows are called in a figure.
    classes : tuple of str
        What the model's classes are called, in its order; none for predicted numbers.
    axes : ndarray of shape (2, d)
        u and v, orthonormal.
    center : ndarray of shape (d,)
        c.
    beside : float
        Root mean square distance of the rows from the plane, over that from c.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.diagnostics import DecisionPlane
    >>> line = np.linspace(-1.0, 1.0, 3)
    >>> DecisionPlane(
    ...     line,
    ...     np.outer(line, line),
    ...     np.zeros((1, 2)),
    ...     ("row",),
    ...     (),
    ...     np.eye(2),
    ...     np.zeros(2),
    ...     0.0,
    ... ).values[0]
    array([ 1., -0., -1.])
    """

    grid: Array
    values: NDArray[Any]
    points: Array
    labels: tuple[str, ...]
    classes: tuple[str, ...]
    axes: Array
    center: Array
    beside: float

    def plot(self) -> Any:
        """Return a Matplotlib figure: outputs as colours, edges of the decision as lines, rows as points."""
        from widelearn import plots

        title = "Decision regions on a plane"
        if self.beside > 1e-6:
            title += f": rows are projected, {self.beside:.0%} of their spread is beside it"
        labels = {"xlabel": "along the first axis", "ylabel": "along the second axis"}
        found = self.grid, self.values, self.points, self.labels, self.classes
        return plots.square(lambda ax: plots.regions(*found, ax), title, **labels)


@capped
def decision_plane(
    model: Any,
    X: ArrayLike,
    y: ArrayLike | None = None,
    *,
    axes: ArrayLike | None = None,
    center: ArrayLike | None = None,
    margin: float = 0.1,
    resolution: int = 100,
) -> DecisionPlane:
    """Ask a fitted model for its outputs on a plane, and project rows onto it.

    Parameters
    ----------
    model : estimator
        Anything with `decision_function` or `predict`. The decision is shown where it is one number a row, else the
        predicted classes or numbers.
    X : array-like of shape (n, d)
        Rows to show, d >= 2.
    y : array-like of shape (n,), optional
        Labels, by which rows are coloured.
    axes : array-like of shape (2, d), optional
        Two directions that span the plane, as true directions do; the columns themselves if there are two.
    center : array-like of shape (d,), optional
        A point of the plane; the rows' mean if it is not given.
    margin : float, default=0.1
        Room beyond the rows, over half the side of the square that holds them.
    resolution : int, default=100
        Points along one side.

    Returns
    -------
    DecisionPlane
        Outputs, projected rows, and how far these are from the plane; ``plot()`` draws them.

    Raises
    ------
    ValueError
        If rows have more than two columns and axes are not given, axes are parallel, a shape or number does not fit,
        the plane's points overflow, or the model gives several labels or numbers to a row.
    TypeError
        If the model neither decides nor predicts.
    MemoryError
        If the points of the plane do not fit.

    Notes
    -----
    Costs resolution² predictions. The first axis is that given, the second the rest of the other beside it. Rows of
    many columns lie beside the plane: what the model says of one need not be the colour behind it.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import TwoLayerClassifier
    >>> from widelearn.datasets import xor_mixture
    >>> from widelearn.diagnostics import decision_plane
    >>> data = xor_mixture(600, 30, 5.0, random_state=0)
    >>> model = TwoLayerClassifier.preset("xor_mixture", random_state=0).fit(data.X, data.y)
    >>> found = decision_plane(model, data.X, data.y, axes=data.directions, center=np.zeros(30))
    >>> found.values.shape, bool(np.median(np.sign(found.values[45:55, -10:])) == 1)
    ((100, 100), True)
    """
    rows = rows_of("X", X)
    d = rows.shape[1]
    u = plane_axes(axes, d)
    origin = rows.mean(axis=0) if center is None else rows_of("center", np.asarray(center)[None], d)[0]
    if isinstance(resolution, bool) or not isinstance(resolution, Integral) or not 2 <= int(resolution) <= MOST:
        raise ValueError(f"resolution must be a whole number from 2 to {MOST}, got {resolution!r}.")
    if isinstance(margin, bool) or not isinstance(margin, Real) or not 0 <= margin <= 100:
        raise ValueError(f"margin must be from 0 to 100, got {margin!r}.")
    g = int(resolution)
    check_memory(8 * (g * g + 3 * BLOCK * d + rows.size), f"A plane of {g} x {g} points", "Lower resolution.")
    labels = _names(y, len(rows))
    with np.errstate(over="ignore"):
        apart = rows - origin
    if not np.abs(apart).max() < FARTHEST:
        raise ValueError(f"Rows reach {np.abs(rows).max():.3g}: points of the plane overflow. Scale X and center down.")
    points = apart @ u.T
    far = float(np.abs(points).max())
    grid = np.linspace(-1.0, 1.0, g) * ((far or 1.0) * (1 + float(margin)))
    whole, seen = (float(np.linalg.norm(part / (np.abs(apart).max() or 1.0))) for part in (apart, points))
    beside = float(np.sqrt(max(0.0, 1 - (seen / whole) ** 2))) if whole > 0 else 0.0
    classes = getattr(model, "classes_", ())
    if isinstance(classes, list):
        raise ValueError("The model has classes for each of several targets: show one of them at a time.")
    outputs = []
    for part in row_blocks(g * g, BLOCK):
        at = np.arange(g * g)[part]
        outputs.append(_asked(model, origin + grid[at % g, None] * u[0] + grid[at // g, None] * u[1]))
    values = np.concatenate(outputs).reshape(g, g)
    return DecisionPlane(grid, values, points, labels, tuple(map(str, classes)), u, origin, beside)


def plane_axes(axes: ArrayLike | None, d: int) -> Array:
    """Return two orthonormal rows, the first along the first that was given."""
    if axes is None:
        if d != 2:
            raise ValueError(
                f"Rows have {d} columns: give axes, two directions (2, {d}) that span the plane to be drawn."
            )
        return np.eye(2)
    given = rows_of("axes", axes, d)
    if len(given) != 2:
        raise ValueError(f"axes must be two rows of {d} columns, got {len(given)}.")
    sizes = np.abs(given).max(axis=1, keepdims=True)
    if not sizes.min() > 0:
        raise ValueError("An axis is 0: it points nowhere. Give two directions.")
    given = given / sizes
    first = given[0] / np.linalg.norm(given[0])
    second = given[1] - (given[1] @ first) * first
    left = float(np.linalg.norm(second))
    if left <= 1e-8 * np.linalg.norm(given[1]):
        raise ValueError("The two axes are parallel: they span no plane. Give another direction.")
    second = second / left
    second = second - (second @ first) * first
    return np.stack([first, second / np.linalg.norm(second)])


def _names(y: ArrayLike | None, n: int) -> tuple[str, ...]:
    """Return what rows are called: their labels, or rows."""
    if y is None:
        return ("row",) * n
    labels = np.asarray(y)
    if labels.shape != (n,):
        raise ValueError(f"y has the shape {labels.shape}: give one label for each of {n} rows.")
    return tuple(str(label) for label in labels)


def _asked(model: Any, rows: Array) -> NDArray[Any]:
    """Return a decision's one number a row, or the predicted number or place of the class."""
    classes = getattr(model, "classes_", None)
    if not hasattr(model, "predict") and not hasattr(model, "decision_function"):
        raise TypeError(f"{type(model).__name__} has neither decision_function nor predict: give a fitted model.")
    found = np.asarray(model.decision_function(rows)) if hasattr(model, "decision_function") else np.empty(0)
    if found.shape != (len(rows),) and hasattr(model, "predict"):
        # A decision of several columns is read by the model itself.
        found = np.asarray(model.predict(rows))
        found = found[:, 0] if found.shape == (len(rows), 1) else found
        if classes is not None and found.shape == (len(rows),):
            return places_of(found, np.asarray(classes))
    if found.shape != (len(rows),) or found.dtype.kind not in "biuf":
        raise ValueError(
            f"The model returned {found.dtype} of the shape {found.shape} for {len(rows)} rows: show a model of one"
            " real number or class a row."
        )
    return found.astype(float)


def places_of(labels: NDArray[Any], classes: NDArray[Any]) -> NDArray[Any]:
    """Return the places of labels among classes in any order."""
    order = np.argsort(classes)
    found = np.clip(np.searchsorted(classes, labels, sorter=order), 0, len(classes) - 1)
    places = order[found]
    if not np.array_equal(classes[places], labels):
        raise ValueError("The model predicts labels that are not among its classes_: it cannot be drawn.")
    return np.asarray(places)
