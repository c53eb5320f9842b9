"""Simplified gradients of neurons on rows: where training moves each of them, and how well the rows say so."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from widelearn.diagnostics.net_paths import rows_of
from widelearn.nets import loss as mean_loss
from widelearn.nets import simplified_gradient
from widelearn.runtime import NumberOverflowError, capped, check_memory, in_range

Array = NDArray[np.float64]

BIASES = ("constant", "signs", "normal")
MOST = 1 << 40
# Numbers whose squares float64 holds with all digits.
TINY = 1e-145


@dataclass(frozen=True, eq=False)
class GradientFeatures:
    """Hold simplified gradients G(w, b) = E[r x 1{<w, x> > b}] of neurons: estimates from rows, or closed forms.

    Parameters
    ----------
    W : ndarray of shape (m, d)
        First layer.
    b : ndarray of shape (m,)
        Thresholds.
    G : ndarray of shape (m, d)
        The vectors.
    errors : ndarray of shape (m,)
        E‖Ĝ - G‖², how far off they are in the mean square; 0 for closed forms.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.diagnostics import GradientFeatures
    >>> found = GradientFeatures(
    ...     np.eye(2), np.zeros(2), np.array([[5.0, 0.0], [0.0, 1.0]]), np.array([9.0, 2.0])
    ... )
    >>> found.norms, found.angles.round(1)
    (array([4., 0.]), array([36.9, 90. ]))
    """

    W: Array
    b: Array
    G: Array
    errors: Array

    @property
    def norms(self) -> Array:
        """Return √(‖Ĝ‖² - E‖Ĝ - G‖²) (m,), which noise does not inflate as it does ‖Ĝ‖; 0 where noise is larger."""
        return np.asarray(np.sqrt(np.maximum(np.einsum("ij,ij->i", self.G, self.G) - self.errors, 0.0)))

    @property
    def angles(self) -> Array:
        """Return the angles in degrees (m,) by which the directions are off: tan θ = √E‖Ĝ - G‖²/‖G‖."""
        norms = self.norms
        return np.where(norms > 0, np.degrees(np.arctan2(np.sqrt(self.errors), norms)), 90.0)

    @in_range
    def cosines(self, directions: ArrayLike) -> Array:
        """Return the cosines (m, r) of G and rows `directions` (r, d), by the norms that noise does not inflate.

        <Ĝ, D> is right in the mean, and so is its ratio to the norm, to first order; 0 where the norm is 0.
        """
        axes = unit_rows(directions, self.G.shape[1])
        norms = self.norms[:, None]
        return np.asarray(np.clip(self.G @ axes.T / np.where(norms > 0, norms, np.inf), -1.0, 1.0))

    @in_range
    def plot(self, directions: ArrayLike | None = None, *, gamma: float | None = None) -> Any:
        """Return a Matplotlib figure: arrows from w to G(w, b), both sets of vectors over their largest length.

        Vectors of two columns are drawn as they are, with lines along `directions` and, for a `gamma` above 0 and at
        most 1, the cones |cos| > 1 - gamma around them. Those of more columns are projected onto the plane of two
        directions: angles there are not those of the vectors, and cones are not drawn.
        """
        from widelearn import plots
        from widelearn.diagnostics.planes import plane_axes

        d = self.W.shape[1]
        given = np.empty((0, d)) if directions is None else unit_rows(directions, d)
        if gamma is not None and (d != 2 or isinstance(gamma, bool) or not isinstance(gamma, Real)):
            raise ValueError(
                f"gamma draws cones of vectors of two columns, these have {d}, and is a number: {gamma!r}."
            )
        if gamma is not None and not 0 < gamma <= 1:
            raise ValueError(f"gamma must be above 0 and at most 1, got {gamma!r}.")
        basis = plane_axes(None if d == 2 else given if len(given) else None, d)
        sets = [part / power_near(part) for part in (self.W, self.G)]
        tails, heads = (part / (np.linalg.norm(part, axis=1).max() or 1.0) for part in sets)
        labels = {"xlabel": "first column", "ylabel": "second column"}
        title = f"Where the gradient moves {len(self.W)} neurons"
        if d != 2:
            labels = {"xlabel": "along the first direction", "ylabel": "beside it, towards the second"}
            kept = float(np.sum((heads @ basis.T) ** 2) / (np.sum(heads**2) or 1.0))
            title += f": projected, {max(0.0, 1 - kept):.0%} of the squares of G are beside the plane"
        ends = tails @ basis.T, heads @ basis.T, given @ basis.T
        return plots.square(lambda ax: plots.arrows(*ends, gamma, ax), title, **labels)


def initial_neurons(
    n_draws: int,
    d: int,
    *,
    weight_scale: float = 1.0,
    bias: str = "constant",
    bias_scale: float = 1.0,
    random_state: int = 0,
) -> tuple[Array, Array]:
    """Draw neurons by the law of a start: w ~ N(0, weight_scale² I/d), and b a constant, of either sign, or normal.

    Parameters
    ----------
    n_draws : int
        Number m of neurons, drawn independently; a probability p is seen from about 30/p of them.
    d : int
        Number of features.
    weight_scale : float, default=1.0
        As in the two-layer estimators: rows with ‖x‖² = d have pre-activations of that standard deviation.
    bias : {"constant", "signs", "normal"}, default="constant"
        `bias_scale`, that with a fair sign as in a start of quadruples, or that times a standard normal.
    bias_scale : float, default=1.0
        Size of the thresholds. Those of a few standard deviations of <w, x> let a neuron see one cluster alone.
    random_state : int, default=0
        The seed.

    Returns
    -------
    W : ndarray of shape (m, d)
        First layer.
    b : ndarray of shape (m,)
        Thresholds.

    Raises
    ------
    ValueError
        If a number is out of range or the law of the thresholds unknown.
    MemoryError
        If the weights do not fit.

    Examples
    --------
    >>> from widelearn.diagnostics import initial_neurons
    >>> W, b = initial_neurons(1000, 50, bias="signs", bias_scale=0.5)
    >>> W.shape, sorted(set(b.tolist()))
    ((1000, 50), [-0.5, 0.5])
    """
    for name, count in (("n_draws", n_draws), ("d", d)):
        if not isinstance(count, Integral) or isinstance(count, bool) or not 1 <= count <= MOST:
            raise ValueError(f"{name} must be a whole number of at least 1, got {count!r}.")
    for name, size in (("weight_scale", weight_scale), ("bias_scale", bias_scale)):
        if not isinstance(size, Real) or not 0 <= size <= 1e100 or (name == "weight_scale" and size == 0):
            raise ValueError(f"{name} must be a positive number up to 1e100, got {size!r}.")
    if bias not in BIASES:
        raise ValueError(f"bias must be one of {', '.join(BIASES)}, got {bias!r}.")
    m, d = int(n_draws), int(d)
    check_memory(16 * m * d, f"Drawing {m} neurons of {d} features", "Draw fewer.")
    rng = np.random.default_rng(seed_of(random_state))
    W = rng.standard_normal((m, d)) * (float(weight_scale) / np.sqrt(d))
    drawn = rng.standard_normal(m)
    law = {"constant": np.ones(m), "signs": np.where(drawn < 0, -1.0, 1.0), "normal": drawn}[bias]
    return W, float(bias_scale) * law


@capped
def gradient_features(
    X: ArrayLike,
    y: ArrayLike,
    W: ArrayLike,
    b: ArrayLike,
    *,
    outputs: ArrayLike | None = None,
    loss: str = "logistic",
    sample_weight: ArrayLike | None = None,
) -> GradientFeatures:
    """Return neurons' simplified gradients on rows, Ĝ = Σ_i p_i r_i x_i 1{<w, x_i> > b}, and their sampling errors.

    A net whose outputs are 0 moves w_r by -a_r ℓ'(0) G(w_r, b_r) first, r = y. Later residuals are r = -∂ℓ/∂f at its
    `outputs`: what it has not fitted yet. p_i are equal, or the weights over their sum.

    Parameters
    ----------
    X : array-like of shape (n, d)
        Rows, at least 2.
    y : array-like of shape (n,)
        Labels -1 and 1, or any numbers.
    W : array-like of shape (m, d)
        First layer: the start of a net, or draws of :func:`initial_neurons`.
    b : array-like of shape (m,)
        Thresholds.
    outputs : array-like of shape (n,), optional
        f(x_i) of a net; none for the residuals r = y.
    loss : {"logistic", "hinge", "squared"}, default="logistic"
        ℓ where there are outputs: log(1 + e^(-y f)), max(0, 1 - y f), ½ (f - y)².
    sample_weight : array-like of shape (n,), optional
        Weights >= 0.

    Returns
    -------
    GradientFeatures
        The vectors, E‖Ĝ - G‖² of each as estimated from the rows, and norms, angles and cosines by them.

    Raises
    ------
    ValueError
        If shapes do not fit, a value is not finite, labels do not suit the loss, or fewer than 2 rows have weight.
    MemoryError
        If the gradients do not fit.

    Notes
    -----
    6 n m d flops in double precision. For v_i = r_i x_i 1{...}, E‖Ĝ - G‖² = (E‖v‖² - ‖G‖²)/n, estimated by
    Σ p_i² (‖v_i‖² - ‖Ĝ‖²)/(1 - Σ p_i²), which is right in the mean for equal weights.

    References
    ----------
    Shi, Wei & Liang, "Provable guarantees for neural networks via gradient feature learning", NeurIPS 2023: the
    simplified gradient vector.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.datasets import parity
    >>> from widelearn.diagnostics import gradient_features, initial_neurons
    >>> data = parity(1500, 20, 3, kind="structured", random_state=0)
    >>> found = gradient_features(data.X, data.y, *initial_neurons(50, 20))
    >>> (
    ...     bool(np.median(np.abs(found.cosines(data.directions))) > 0.9),
    ...     bool(np.median(found.angles) < 20),
    ... )
    (True, True)
    """
    rows, first, thresholds, weight = problem_of(X, y, W, b, sample_weight)
    residual = residuals_of(y, outputs, loss, len(rows))
    refuse_tiny(rows, residual)
    G, squares = _scaled(rows, residual, first, thresholds, weight)
    lost = float(weight @ weight)
    with np.errstate(over="ignore", invalid="ignore"):
        errors = np.maximum(squares - lost * np.einsum("ij,ij->i", G, G), 0.0) / (1 - lost)
    if not (np.isfinite(errors).all() and np.isfinite(G).all()):
        raise NumberOverflowError("The squares of the gradients are beyond float64. Scale rows or labels down.")
    return GradientFeatures(first, thresholds, G, errors)


def problem_of(
    X: ArrayLike, y: ArrayLike, W: ArrayLike, b: ArrayLike, sample_weight: ArrayLike | None
) -> tuple[Array, Array, Array, Array]:
    """Return rows, first layer, thresholds, and weights that add up to 1, checked."""
    rows = rows_of("X", X)
    first = rows_of("W", W, rows.shape[1])
    thresholds = column("b", b, len(first))
    weight = np.ones(len(rows)) if sample_weight is None else column("sample_weight", sample_weight, len(rows))
    if weight.min() < 0 or np.count_nonzero(weight) < 2:
        raise ValueError(
            f"sample_weight must be >= 0 and at least 2 rows must have weight, got {np.count_nonzero(weight)} of"
            f" {len(rows)}: one row has no error that could be estimated."
        )
    weight = weight / weight.max()
    weight = weight / weight.sum()
    if not 1 - float(weight @ weight) > 0:
        raise ValueError("One row has all the weight to rounding: no error can be estimated. Take weights nearer.")
    return rows, first, thresholds, weight


def halves(rows: Array, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Return the places of two random halves of the rows, equal rows being in one, and the group of every row."""
    groups = np.unique(rows, axis=0, return_inverse=True)[1].ravel()
    count, rng = int(groups.max()) + 1, np.random.default_rng(seed)
    if count == len(rows):
        order = rng.permutation(count)
        return order[::2], order[1::2], groups
    side = rng.permutation(count)[groups] % 2
    return np.flatnonzero(side == 0), np.flatnonzero(side == 1), groups


def merged(rows: Array, residual: Array, weight: Array) -> tuple[Array, Array, Array]:
    """Return different rows that have weight, with the mean residual of equal ones and the sum of their weights."""
    there = weight > 0
    rows, residual, weight = rows[there], residual[there], weight[there]
    found, groups = np.unique(rows, axis=0, return_inverse=True)
    groups = groups.ravel()
    total = np.bincount(groups, weight)
    return np.asarray(found), np.bincount(groups, weight * residual) / total, np.asarray(total, dtype=float)


def refuse_tiny(rows: Array, residual: Array) -> None:
    """Refuse rows and residuals of whose products float64 does not hold the squares."""
    most, least = float(np.abs(rows).max()), float(np.abs(residual).max())
    if most > 0 and least > 0 and most * least < TINY:
        raise ValueError(f"X reaches {most:.3g} and y {least:.3g}: squares of their product vanish. Scale them up.")


def residuals_of(y: ArrayLike, outputs: ArrayLike | None, loss: str, n: int) -> Array:
    """Return what is left of labels, -∂ℓ/∂f at outputs, or the labels themselves."""
    labels = column("y", y, n)
    if loss not in ("logistic", "hinge", "squared"):
        raise ValueError(f"loss must be one of logistic, hinge, squared, got {loss!r}.")
    if outputs is None:
        return labels
    _, slope = mean_loss(column("outputs", outputs, n)[:, None], labels[:, None], loss)
    return np.asarray(-n * slope[:, 0])


def _scaled(rows: Array, residual: Array, first: Array, thresholds: Array, weight: Array) -> tuple[Array, Array]:
    """Return Ĝ and Σ p² ‖v‖² of all neurons, computed in rows and residuals of size 1."""
    # Powers of two change no bits.
    size, unit = power_near(rows), power_near(residual)
    X, r = rows / size, residual / unit
    second = len(r) * weight * r**2 * np.einsum("ij,ij->i", X, X)
    # A column of ones that no neuron sees gives the sums over active rows.
    X, W = np.column_stack([X, np.ones(len(X))]), np.column_stack([first, np.zeros(len(first))])
    with np.errstate(over="ignore", under="ignore"):
        found = simplified_gradient(X, np.column_stack([r, second]), W, np.ascontiguousarray(thresholds / size), weight)
        G = found[0, :, :-1] * size * unit
        return G, found[1, :, -1] / len(r) * np.square(size) * np.square(unit)


def power_near(values: Array) -> float:
    """Return a power of two near the largest size."""
    largest = float(np.abs(values).max())
    return float(2.0 ** np.clip(np.floor(np.log2(largest)), -1000, 1000)) if largest > 0 else 1.0


def unit_rows(directions: ArrayLike, d: int) -> Array:
    """Return directions divided by their lengths."""
    axes = rows_of("directions", directions, d)
    largest = np.abs(axes).max(axis=1, keepdims=True)
    if not largest.min() > 0:
        raise ValueError("A direction is 0: it points nowhere. Leave it out.")
    axes = axes / largest
    return np.asarray(axes / np.linalg.norm(axes, axis=1, keepdims=True))


def column(name: str, values: ArrayLike, n: int) -> Array:
    """Return n finite numbers in double precision."""
    found = np.asarray(values)
    if found.shape != (n,) or np.iscomplexobj(found):
        raise ValueError(
            f"{name} has the shape {found.shape} and type {found.dtype}: it must be real, of shape ({n},)."
        )
    found = np.ascontiguousarray(found, dtype=np.float64)
    if not np.isfinite(found).all():
        raise ValueError(f"{name} must be finite: drop the rows without a value.")
    return cast(Array, found)


def seed_of(random_state: Any) -> int:
    """Return a seed."""
    if not isinstance(random_state, Integral) or not 0 <= int(random_state) < 1 << 63:
        raise ValueError(f"random_state must be a whole number from 0 to 2^63 - 1, got {random_state!r}.")
    return int(random_state)
