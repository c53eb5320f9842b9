"""Margins of two-layer nets in units that no rescaling of their weights changes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from widelearn.diagnostics.first_gradients import power_near
from widelearn.diagnostics.net_paths import rows_of
from widelearn.diagnostics.net_starts import NetStart
from widelearn.nets import TwoLayer
from widelearn.runtime import in_range

Array = NDArray[np.float64]

NORMS = ("path", "product")
# Activations with σ(c z) = c σ(z) for c > 0.
HOMOGENEOUS = ("relu", "leaky_relu", "identity")


@in_range
def normalized_margins(model: Any, X: ArrayLike, y: ArrayLike, *, norm: str = "path") -> Array:
    """Return each row's margin over the size of the net's weights: y f(x)/Σ_r ‖a_r‖ ‖(w_r, b_r)‖, or over ‖a‖ ‖(W, b)‖.

    Of several outputs the margin is that of the row's class over the best other. Neither size changes where a_r is
    divided by what (w_r, b_r) is multiplied with, all r alike; the path norm is the smaller one, and bounds margins:
    |f(x)| <= Σ_r |a_r| ‖(w_r, b_r)‖ ‖(x, 1)‖. The least one over the rows is what gradient descent on separable data
    makes large.

    Parameters
    ----------
    model : TwoLayerClassifier or TwoLayer
        A fitted classifier, or a net of :mod:`widelearn.nets` with an activation that is linear on half-lines.
    X : array-like of shape (n, d)
        Rows.
    y : array-like of shape (n,)
        Their classes; of a net with one output -1 and 1, of one with several the number of the output.
    norm : {"path", "product"}, default="path"
        Σ_r ‖a_r‖ ‖(w_r, b_r)‖ or (Σ ‖a_r‖²)^½ (Σ ‖(w_r, b_r)‖²)^½, in the model's units of rows.

    Returns
    -------
    array of shape (n,)
        Margins, negative for rows that the net gets wrong.

    Raises
    ------
    ValueError
        If shapes do not fit, labels are unknown, all weights are 0, or the activation is another.
    NotFittedError
        If the classifier is not fitted.
    TypeError
        If the model is no classifier and no net.

    Notes
    -----
    2 n m d flops.

    References
    ----------
    Neyshabur, Tomioka & Srebro, "Norm-based capacity control in neural networks", COLT 2015 (the path norm).

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.diagnostics import normalized_margins
    >>> from widelearn.nets import TwoLayer
    >>> net = TwoLayer(
    ...     np.array([[3.0, 0.0], [-3.0, 0.0]]), np.zeros(2), np.array([[2.0], [-2.0]]), "relu"
    ... )
    >>> normalized_margins(net, [[1.0, 5.0], [-2.0, 0.0]], [1, -1])
    array([0.5, 1. ])
    """
    if norm not in NORMS:
        raise ValueError(f"norm must be one of {', '.join(NORMS)}, got {norm!r}.")
    net, rows, Y = _problem(model, X, y)
    name = net.activation if isinstance(net.activation, str) else net.activation[0]
    if name not in HOMOGENEOUS or net.smoothing:
        raise ValueError(
            f"Margins are measured of nets with activation {', '.join(HOMOGENEOUS)}, not smoothed, got {name!r} with"
            f" smoothing {net.smoothing:g}: of others they change with the scale of neurons."
        )
    # Powers of two leave the ratios as they are, and keep squares in range.
    joint, a = (np.asarray(part, dtype=float) for part in (np.column_stack([net.W, net.b]), net.a))
    joint, a = joint / power_near(joint), np.ascontiguousarray(a / power_near(a))
    ins, outs = np.linalg.norm(joint, axis=1), np.linalg.norm(a, axis=1)
    size = float(ins @ outs) if norm == "path" else float(np.linalg.norm(ins) * np.linalg.norm(outs))
    if not size > 0:
        raise ValueError("No neuron has weights on both sides: the net is 0 and has no margin.")
    W, b = np.ascontiguousarray(joint[:, :-1]), np.ascontiguousarray(joint[:, -1])
    scaled = TwoLayer(W, b, a, net.activation)
    F = scaled.outputs(rows) / size
    if F.shape[1] == 1:
        return np.asarray(F[:, 0] * Y[:, 0])
    own = np.where(Y > 0, F, -np.inf).max(axis=1)
    return np.asarray(own - np.where(Y > 0, -np.inf, F).max(axis=1))


def _problem(model: Any, X: ArrayLike, y: ArrayLike) -> tuple[TwoLayer, Array, Array]:
    """Return a net, rows in its units, and codes of labels: ±1 for one output, else positive at the row's class."""
    if not isinstance(model, TwoLayer):
        start = NetStart.of(model, X, y)
        if start.reading == "numbers" or (start.reading == "signs" and start.Y.shape[1] > 1):
            raise ValueError(f"{type(model).__name__} tells no single class of a row: margins are those of classes.")
        W, b, a = (np.asarray(part, dtype=float) for part in (model.W_, model.b_, model.a_))
        return TwoLayer(W, b, a, model.activation, smoothing=model.smoothing), start.X, start.Y
    rows = rows_of("X", X, model.W.shape[1])
    labels, c = np.asarray(y), model.a.shape[1]
    if labels.shape != (len(rows),):
        raise ValueError(f"y has the shape {labels.shape}: it must be ({len(rows)},).")
    known = [-1, 1] if c == 1 else list(range(c))
    if not np.isin(labels, known).all():
        raise ValueError(f"y must be labels -1 and 1, or numbers of {c} outputs from 0, got {np.unique(labels)[:5]}.")
    return model, rows, labels[:, None].astype(float) if c == 1 else (labels[:, None] == known).astype(float)
